import type { AnyMessage, Message } from '../consumer/message.ts'
import { invalidOption, optionError } from '../errors.ts'
import { checkNames } from '../option-table.ts'
import type { JobOf } from './job.ts'

export interface JobContext {
  /** Aborts when the lock of the record is lost, and on close. */
  readonly signal: AbortSignal
}

export interface JobRunOptions<M extends AnyMessage = Message> {
  /**
   * Called with each record. A returned promise is awaited. When it returns, the record is accepted; when it throws, the record is
   * released, and delivered again; unless it has called `accept`, `release` or `reject` itself.
   */
  readonly each: (job: JobOf<M>, context: JobContext) => unknown
  /** Maximum number of handlers that run at the same time. Default 1. */
  readonly concurrency?: number | undefined
  /** Ends the run cleanly: running handlers are awaited. */
  readonly signal?: AbortSignal | undefined
}

export interface ResolvedJobRun {
  readonly each: JobRunOptions['each']
  readonly concurrency: number
  readonly signal: AbortSignal | undefined
}

const owner = 'shareConsumer.run()'

/** Validates the options of `shareConsumer.run`; throws INVALID_OPTION. */
export function resolveJobRun(options: JobRunOptions): ResolvedJobRun {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw invalidOption(`${owner} needs an object with the function 'each'`)
  }
  checkNames(owner, ['each', 'concurrency', 'signal'], options)
  const { each, concurrency = 1, signal } = options
  if (typeof each !== 'function') throw optionError('each', owner, 'must be a function')
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
    throw optionError('concurrency', owner, 'must be an integer of at least 1')
  }
  return { each, concurrency, signal }
}
