import type { Runtime } from '@ottla/runtime'
import type { ResolvedOptions } from '../options.ts'
import { backoffMs } from '../runtime/backoff.ts'
import { sleep } from '../runtime/wait.ts'

/** What the pauses between attempts depend on. A Cluster has it. */
export interface RetryClock {
  readonly runtime: Pick<Runtime, 'monoNow' | 'random' | 'setTimer' | 'clearTimer'>
  readonly options: Pick<ResolvedOptions, 'retryBackoffMs' | 'retryBackoffMaxMs'>
}

/** The pause after the failure of attempt `attemptNo`, counted from 1: exponential backoff with jitter, by the client's options. */
export function retryBackoffMs({ runtime, options }: RetryClock, attemptNo: number): number {
  return backoffMs(runtime, attemptNo, { firstMs: options.retryBackoffMs, maxMs: options.retryBackoffMaxMs })
}

/**
 * Waits for that pause; ends early, and does not reject, when the signal aborts. For loops that run as long as their owner does;
 * a call that is repeated until a deadline uses `Cluster.retry`.
 */
export async function retryPause(clock: RetryClock, attemptNo: number, signal: AbortSignal): Promise<void> {
  await sleep(clock.runtime, retryBackoffMs(clock, attemptNo), signal).catch(() => {})
}
