import { textOf } from '../error-data.ts'
import type { KafkaError } from '../errors.ts'
import { waitAtMost } from '../runtime/wait.ts'
import type { GroupCluster } from './classic-requests.ts'
import type { HookQueue } from './hook-queue.ts'
import type { Ownership } from './ownership.ts'

/** The share of the time for leaving that hooks and handlers may use: the rest is for the request to leave. */
const handOverShare = 0.8

export interface HandOverParts {
  readonly cluster: GroupCluster
  readonly groupId: string
  readonly hooks: HookQueue
  readonly ownership: Ownership
  /** The loop of the member, whose signal has aborted. */
  readonly loop: Promise<void> | undefined
  /** The membership has failed: no partition is left to give up. */
  readonly failed: boolean
}

/**
 * A member that leaves gives up its partitions. A hook that runs already gets half of the time, so that they can still be revoked.
 * Never rejects.
 */
export async function handOver(parts: HandOverParts, leaveTimeoutMs: number, reason: KafkaError): Promise<void> {
  const { cluster, groupId: group, hooks, ownership, loop, failed } = parts
  const { runtime, logger } = cluster
  const limitMs = leaveTimeoutMs * handOverShare
  const deadlineMs = runtime.monoNow() + limitMs
  try {
    const running = Promise.all([loop, hooks.idle()])
    if (!(await waitAtMost(runtime, failed ? limitMs : limitMs / 2, running))) hooks.supersede(reason, 0)
    if (await waitAtMost(runtime, deadlineMs - runtime.monoNow(), ownership.release())) return
    logger.warn('revoking the partitions before leaving took too long', { group })
  } catch (error) {
    logger.warn('revoking the partitions before leaving failed', { group, error: textOf(error) })
  }
}
