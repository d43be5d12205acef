import { textOf } from '../../error-data.ts'
import { KafkaError } from '../../errors.ts'
import { encodeAssignment } from '../consumer-protocol.ts'
import type { Assignor, GroupMember } from './assignor.ts'

// Assignors may be functions of the application: what they throw, or return in place of an assignment, is ASSIGNOR_FAILED.

export function userDataOf(assignor: Assignor, generation: number): Uint8Array | null {
  try {
    return assignor.userData?.(generation) ?? null
  } catch (cause) {
    throw failed(assignor, cause)
  }
}

/** The partitions of each member, encoded for SyncGroup. */
export function encodedPlan(
  assignor: Assignor,
  counts: ReadonlyMap<string, number>,
  members: readonly GroupMember[],
): { memberId: string; assignment: Buffer }[] {
  try {
    const plan = assignor.assign(counts, members)
    return Array.from(plan, ([memberId, partitions]) => ({ memberId, assignment: encodeAssignment(partitions) }))
  } catch (cause) {
    throw failed(assignor, cause)
  }
}

function failed({ name }: Assignor, cause: unknown): KafkaError {
  return new KafkaError('ASSIGNOR_FAILED', `The assignor '${name}' failed: ${textOf(cause)}`, { cause })
}
