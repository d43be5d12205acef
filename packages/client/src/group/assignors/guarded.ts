import type { Runtime } from '@ottla/runtime'
import { textOf } from '../../error-data.ts'
import { KafkaError } from '../../errors.ts'
import { within, withSignal } from '../../runtime/wait.ts'

export interface GuardLimits {
  readonly name: string
  readonly timeoutMs: number
  /** Aborts with the round: the result no longer matters. */
  readonly signal: AbortSignal
}

/**
 * Runs a function of an assignor, which may be the application's. What it throws, a result that is none, and a promise that does not
 * settle in time are ASSIGNOR_FAILED.
 */
export async function guarded<T>(
  runtime: Runtime,
  { name, timeoutMs, signal }: GuardLimits,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const operation = `The assignor '${name}'`
  const timedOut = () =>
    new KafkaError('ASSIGNOR_FAILED', `${operation} did not finish within ${timeoutMs} ms (rebalanceTimeoutMs)`)
  const work = (bounded: AbortSignal) =>
    withSignal(call(bounded), bounded).catch((cause: unknown) => {
      if (bounded.aborted) throw cause
      throw new KafkaError('ASSIGNOR_FAILED', `${operation} failed: ${textOf(cause)}`, { cause })
    })
  return within(runtime, { operation, timeoutMs, signals: [signal], timedOut }, work)
}
