import { invalidOption, optionError } from '../../errors.ts'
import { checkNames } from '../../option-table.ts'
import type { OriginalPlace } from '../failures/failure.ts'
import {
  type DeadLetterOptions,
  type FailureOptions,
  type RetryTopic,
  resolveDeadLetter,
  resolveRetryTopics,
} from '../failures/failure-options.ts'
import type { AnyMessage, BatchOf, Message } from '../message.ts'
import type { Recovery } from './recovery-port.ts'

export interface HandlerContext {
  /** Aborts when the partition is revoked, when the handler exceeds `maxProcessingMs`, and on close. */
  readonly signal: AbortSignal
  /** Aborts earlier, when `close()` begins: the handler may come to its end, and its message still counts as processed. */
  readonly closing: AbortSignal
  /** Of a message that was read from a retry topic: where it was read first, and how many calls of the handler have failed. */
  readonly retry?: { readonly original: OriginalPlace; readonly attempts: number } | undefined
}

export interface RetryPolicy {
  /** Maximum number of calls of the handler. */
  readonly attempts: number
  /** First and maximum pause in ms, doubling in between. Default [100, 10_000]. */
  readonly backoffMs?: readonly [number, number] | undefined
  /**
   * Whether another attempt may succeed after this error; `attempt` counts the calls. Where it returns false, the message is sent to
   * the dead letter topic, or `run` rejects, without further attempts. Default: always.
   */
  readonly retryIf?: ((error: unknown, attempt: number) => boolean) | undefined
}

export interface Concurrency {
  /**
   * What is processed in order: the records of a partition (default), only those with the same key in a partition, or nothing. Records
   * without a key are in no order then. By key and by 'none' need `each`.
   */
  readonly by?: 'partition' | 'key' | 'none' | undefined
  /** Maximum number of handlers that run at the same time. Default 1. */
  readonly limit?: number | undefined
  /**
   * By key and by 'none': how many records of a partition may be taken from the lowest one that is not processed on. Then the partition
   * pauses until that one is processed; the others continue. Default 10,000.
   */
  readonly maxAhead?: number | undefined
}

export interface RunOptions<M extends AnyMessage = Message> {
  /** Called with each message, in order within a partition. A returned promise is awaited. */
  readonly each?: ((message: M, context: HandlerContext) => unknown) | undefined
  /** Called with each record batch, instead of `each`. */
  readonly eachBatch?: ((batch: BatchOf<M>, context: HandlerContext) => unknown) | undefined
  /** How many handlers run concurrently, and in which order. A number is a limit by partition. Default { by: 'partition', limit: 1 }. */
  readonly concurrency?: number | Concurrency | undefined
  /**
   * Retries of a failed handler before its message is sent elsewhere, or `run` rejects. Default: one attempt. During a pause the item waits without a worker, and its
   * partition with it (by key: the records of its key); the others continue.
   */
  readonly retry?: RetryPolicy | undefined
  /**
   * Topics in which a message waits, one after the other, when the attempts of `retry` have failed: the messages behind it do not
   * wait. Each is read by a consumer of its own, which `run` starts, with the same handler and the same attempts. Needs `each`, a
   * groupId and automatic commits.
   */
  readonly retryTopics?: readonly RetryTopic[] | undefined
  /**
   * Where a message is sent when all attempts have failed. Its offset is committed only after the dead letter is acknowledged. Without
   * it, and when the dead letter fails, `run` rejects.
   */
  readonly deadLetter?: DeadLetterOptions | undefined
  /** Ends the run cleanly: running handlers are awaited. */
  readonly signal?: AbortSignal | undefined
}

export interface ResolvedRunOptions {
  readonly each: RunOptions['each']
  readonly eachBatch: RunOptions['eachBatch']
  readonly attempts: number
  readonly backoff: { readonly firstMs: number; readonly maxMs: number }
  readonly by: 'partition' | 'key' | 'none'
  readonly retryIf: RetryPolicy['retryIf']
  readonly failures: FailureOptions
  /** What happens to items whose attempts have all failed; undefined: the run rejects. */
  readonly recovery: Recovery | undefined
  readonly limit: number
  readonly maxAhead: number
  readonly signal: AbortSignal | undefined
}

const defaultMaxAhead = 10_000
const known = ['each', 'eachBatch', 'concurrency', 'retry', 'retryTopics', 'deadLetter', 'signal']

/** Validates the options of `consumer.run`; throws INVALID_OPTION. */
export function resolveRunOptions(options: RunOptions, owner = 'consumer.run()'): ResolvedRunOptions {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw invalidOption(`${owner} needs an object with the function 'each' or 'eachBatch'`)
  }
  checkNames(owner, known, options)
  const { each, eachBatch, signal } = options
  if ((each === undefined) === (eachBatch === undefined) || typeof (each ?? eachBatch) !== 'function') {
    throw invalidOption(`Either 'each' or 'eachBatch' of ${owner} must be a function`)
  }
  const concurrency = concurrencyOf(options, owner)
  if (eachBatch !== undefined && concurrency.by !== 'partition') {
    throw optionError('eachBatch', owner, `needs concurrency by 'partition', not by '${concurrency.by}'`)
  }
  const failures = {
    deadLetter:
      options.deadLetter === undefined ? undefined : resolveDeadLetter(options.deadLetter, owner, 'deadLetter.'),
    retryTopics: resolveRetryTopics(options.retryTopics, owner),
  }
  const retry = retryOf(options, owner)
  return { each, eachBatch, signal, ...concurrency, ...retry, failures, recovery: undefined }
}

function concurrencyOf(
  { concurrency = {} }: RunOptions,
  owner: string,
): Pick<ResolvedRunOptions, 'by' | 'limit' | 'maxAhead'> {
  if (typeof concurrency === 'number') return { by: 'partition', limit: limitOf(concurrency, '', owner), maxAhead: 0 }
  if (typeof concurrency !== 'object' || concurrency === null) {
    throw optionError('concurrency', owner, 'must be a number, or an object with by and limit')
  }
  checkNames(owner, ['by', 'limit', 'maxAhead'], concurrency, 'concurrency.')
  const { by = 'partition', limit = 1, maxAhead } = concurrency
  if (!(['partition', 'key', 'none'] as unknown[]).includes(by)) {
    throw optionError('concurrency.by', owner, `must be 'partition', 'key' or 'none', not '${String(by)}'`)
  }
  if (maxAhead !== undefined) {
    if (by === 'partition') throw optionError('concurrency.maxAhead', owner, `needs concurrency by 'key' or 'none'`)
    limitOf(maxAhead, '.maxAhead', owner)
  }
  return { by, limit: limitOf(limit, '.limit', owner), maxAhead: maxAhead ?? defaultMaxAhead }
}

function limitOf(limit: number, name: string, owner: string): number {
  if (Number.isSafeInteger(limit) && limit >= 1) return limit
  throw optionError(`concurrency${name}`, owner, 'must be an integer of at least 1')
}

function retryOf({ retry }: RunOptions, owner: string): Pick<ResolvedRunOptions, 'attempts' | 'backoff' | 'retryIf'> {
  checkNames(owner, ['attempts', 'backoffMs', 'retryIf'], retry ?? {}, 'retry.')
  const attempts = retry?.attempts ?? 1
  if (!Number.isSafeInteger(attempts) || attempts < 1)
    throw optionError('retry.attempts', owner, 'must be an integer of at least 1')
  const backoff = retry?.backoffMs ?? [100, 10_000]
  const [firstMs, maxMs] = Array.isArray(backoff) ? backoff : [Number.NaN, Number.NaN]
  if (!(firstMs >= 0 && maxMs >= firstMs)) throw optionError('retry.backoffMs', owner, 'must be [first, longest] in ms')
  const retryIf = retry?.retryIf
  if (retryIf !== undefined && typeof retryIf !== 'function')
    throw optionError('retry.retryIf', owner, 'must be a function')
  return { attempts, backoff: { firstMs, maxMs }, retryIf }
}
