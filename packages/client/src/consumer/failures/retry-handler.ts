import type { Message } from '../message.ts'
import { Postponed } from '../reading/postponed.ts'
import type { HandlerContext, RunOptions } from '../reading/run-options.ts'
import type { DueTimes } from './due-times.ts'
import { readRetryState } from './original.ts'

/** The handler for the records of a retry topic: they wait until they are due, without a worker, and carry where they come from. */
export function retryHandler(
  each: NonNullable<RunOptions['each']>,
  dueTimes: DueTimes,
): NonNullable<RunOptions['each']> {
  return (message: Message, context: HandlerContext) => {
    const { original, attempts, dueMs } = readRetryState(message)
    const pauseMs = dueTimes.pauseOf(message, dueMs)
    if (pauseMs > 0) throw new Postponed(pauseMs)
    return each(message, {
      get signal() {
        return context.signal
      },
      closing: context.closing,
      retry: { original, attempts },
    })
  }
}
