import type { Runtime } from '@ottla/runtime'
import { meaningOf } from '../error-meaning.ts'
import type { KafkaError } from '../errors.ts'
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

/** The first pause while a broker is not ready, as in Java. */
const notReadyPauseMs = 20

/** The same, but short at first after an error of a broker that is about to be ready: it ends a transaction, usually within milliseconds. */
export function soonReadyBackoffMs(clock: RetryClock, attemptNo: number, error: KafkaError | undefined): number {
  const pauseMs = retryBackoffMs(clock, attemptNo)
  if (error === undefined || !meaningOf(error.code).notReady) return pauseMs
  return Math.min(pauseMs, notReadyPauseMs * 2 ** (attemptNo - 1))
}

/**
 * Waits for the pause of `retryBackoffMs`; ends early, and does not reject, when the signal aborts. For loops that run as long as their owner does;
 * a call that is repeated until a deadline uses `Cluster.retry`.
 */
export async function retryPause(clock: RetryClock, attemptNo: number, signal: AbortSignal): Promise<void> {
  await sleep(clock.runtime, retryBackoffMs(clock, attemptNo), signal).catch(() => {})
}
