import type { TopicPartition } from '../../cluster/topology.ts'
import { type ErrorCode, KafkaError } from '../../errors.ts'
import type { GroupIdentity } from '../../group/membership.ts'
import { checkCommit, type PartitionOffset } from '../../group/offset-input.ts'
import { type Delivered, type Origin, type OriginGroup, originOf } from '../../group/origin.ts'

/**
 * What `transaction.sendOffsets` commits: the offset after a message or a batch, after several of them (the highest one of each
 * partition), or given offsets. `group`: what `consumer.groupMetadata()` returns, which the coordinator checks; or a groupId alone,
 * with which another member of the group can commit the same partitions at the same time.
 */
export type OffsetsSource =
  | Delivered
  | Iterable<Delivered>
  | { readonly offsets: readonly PartitionOffset[]; readonly group: GroupIdentity | string }

export interface OffsetEntry extends TopicPartition {
  readonly offset: bigint
  readonly leaderEpoch: number
  readonly metadata: string
}

/** The offsets of one group. */
export interface GroupOffsets {
  readonly groupId: string
  readonly entries: readonly OffsetEntry[]
  /** The member that commits them, as of now; undefined: the request cannot be written at the moment, as during a rebalance. */
  identity(): GroupIdentity | undefined
  /** The identity changes while the member has the partitions: after a refusal another one may be accepted. */
  readonly isMember: boolean
  /** The coordinator refused the member as it was in this generation. */
  refused(code: ErrorCode, generation: number): void
  /** Why they must not be committed any more. */
  refusal(): KafkaError | undefined
  /** They are part of the transaction now. */
  claim(): void
}

const caller = 'transaction.sendOffsets()'

/** Reads the argument of the call. Throws INVALID_ARGUMENT. */
export function readOffsets(source: unknown, metadata = ''): GroupOffsets[] {
  if (isDelivered(source)) return ofOrigins([source[originOf]()], metadata)
  if (typeof source !== 'object' || source === null) throw notOffsets()
  if ('offsets' in source) return [ofGiven(source as { offsets: unknown; group?: unknown })]
  if (!(Symbol.iterator in source)) throw notOffsets()
  const origins = Array.from(source as Iterable<unknown>, (item) => {
    if (!isDelivered(item)) throw notOffsets()
    return item[originOf]()
  })
  return ofOrigins(origins, metadata)
}

function isDelivered(value: unknown): value is Delivered {
  return typeof value === 'object' && value !== null && typeof (value as Partial<Delivered>)[originOf] === 'function'
}

/** By group; the highest offset of each assignment. */
function ofOrigins(origins: readonly Origin[], metadata: string): GroupOffsets[] {
  const groups = new Map<OriginGroup, Map<object, Origin>>()
  for (const origin of origins) {
    const { group, assignment, nextOffset } = origin
    if (group === undefined) throw withoutGroup(origin)
    const byAssignment = groups.get(group) ?? new Map<object, Origin>()
    groups.set(group, byAssignment)
    const highest = byAssignment.get(assignment)
    if (highest === undefined || nextOffset > highest.nextOffset) byAssignment.set(assignment, origin)
  }
  return Array.from(groups, ([group, byAssignment]) => ofGroup(group, [...byAssignment.values()], metadata))
}

function ofGroup(group: OriginGroup, origins: readonly Origin[], metadata: string): GroupOffsets {
  return {
    groupId: group.identity.groupId,
    isMember: true,
    entries: origins.map(({ topic, partition, nextOffset, leaderEpoch }) => ({
      ...{ topic, partition, leaderEpoch, metadata },
      offset: BigInt(nextOffset),
    })),
    identity: () => (group.isSettled ? group.identity : undefined),
    refused: (code, generation) => group.refused(code, generation),
    refusal: () => {
      for (const origin of origins) {
        const refusal = origin.refusal()
        if (refusal !== undefined) return refusal
      }
      return undefined
    },
    claim: () => {
      for (const origin of origins) origin.claim()
    },
  }
}

function ofGiven({ offsets, group }: { readonly offsets: unknown; readonly group?: unknown }): GroupOffsets {
  const identity = typeof group === 'string' ? anonymous(group) : group
  if (!isIdentity(identity)) throw invalidGroup()
  if (!Array.isArray(offsets)) throw notOffsets()
  const entries = offsets.map((given): OffsetEntry => {
    checkCommit(given, caller)
    const { topic, partition, offset, leaderEpoch = -1, metadata } = given
    return { topic, partition, offset: BigInt(offset), leaderEpoch, metadata: metadata ?? '' }
  })
  return {
    ...{ groupId: identity.groupId, entries, isMember: false },
    identity: () => identity,
    refused: () => {},
    refusal: () => undefined,
    claim: () => {},
  }
}

/** No member: the coordinator compares nothing. */
function anonymous(groupId: string): GroupIdentity {
  return { groupId, memberId: '', generation: -1, instanceId: null }
}

function isIdentity(value: unknown): value is GroupIdentity {
  if (typeof value !== 'object' || value === null) return false
  const { groupId, memberId, generation } = value as Partial<Record<keyof GroupIdentity, unknown>>
  return typeof groupId === 'string' && groupId !== '' && typeof memberId === 'string' && Number.isInteger(generation)
}

function invalid(message: string, hint: string, place: Partial<TopicPartition> = {}): KafkaError {
  return new KafkaError('INVALID_ARGUMENT', message, { ...place, outcome: 'not-written', hint })
}

function notOffsets(): KafkaError {
  const message = `The argument of ${caller} is not a message, a batch, a list of them, or { offsets, group }`
  return invalid(message, 'Pass what the consumer returned itself: a detached or parsed copy does not name its group.')
}

function invalidGroup(): KafkaError {
  const message = `'group' of ${caller} must be what consumer.groupMetadata() returns, or a groupId`
  return invalid(
    message,
    'Pass consumer.groupMetadata(), so that the coordinator can refuse offsets of a former member.',
  )
}

function withoutGroup({ topic, partition }: Origin): KafkaError {
  const message = `${caller} has a message of a consumer without a groupId`
  return invalid(message, 'Set the option groupId of the consumer.', { topic, partition })
}
