import { invalidOption, optionError } from '../../errors.ts'
import { checkNames } from '../../option-table.ts'
import type { AnyMessage, BatchOf, Message } from '../message.ts'

export interface HandlerContext {
  /** Aborts when the partition is revoked, when the handler exceeds `maxProcessingMs`, and on close. */
  readonly signal: AbortSignal
}

export interface RetryPolicy {
  /** Maximum number of calls of the handler. */
  readonly attempts: number
  /** First and maximum pause in ms, doubling in between. Default [100, 10_000]. */
  readonly backoffMs?: readonly [number, number] | undefined
}

export interface RunOptions<M extends AnyMessage = Message> {
  /** Called with each message, in order within a partition. A returned promise is awaited. */
  readonly each?: ((message: M, context: HandlerContext) => unknown) | undefined
  /** Called with each record batch, instead of `each`. */
  readonly eachBatch?: ((batch: BatchOf<M>, context: HandlerContext) => unknown) | undefined
  /** Number of partitions processed concurrently. Default { by: 'partition', limit: 1 }. */
  readonly concurrency?: { readonly by?: 'partition' | undefined; readonly limit?: number | undefined } | undefined
  /**
   * Retries of a failed handler before `run` rejects. Default: one attempt. During a pause the item waits without a worker, and its
   * partition with it; other partitions continue.
   */
  readonly retry?: RetryPolicy | undefined
  /** Ends the run cleanly: running handlers are awaited. */
  readonly signal?: AbortSignal | undefined
}

export interface ResolvedRunOptions {
  readonly each: RunOptions['each']
  readonly eachBatch: RunOptions['eachBatch']
  readonly attempts: number
  readonly backoff: { readonly firstMs: number; readonly maxMs: number }
  readonly limit: number
  readonly signal: AbortSignal | undefined
}

const owner = 'consumer.run()'
const known = new Set(['each', 'eachBatch', 'concurrency', 'retry', 'signal'])

/** Validates the options of `consumer.run`; throws INVALID_OPTION. */
export function resolveRunOptions(options: RunOptions): ResolvedRunOptions {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw invalidOption(`${owner} needs an object with the function 'each' or 'eachBatch'`)
  }
  for (const name of Object.keys(options)) {
    if (known.has(name)) continue
    const hint =
      name === 'deadLetter' ? 'Catch the error in the handler and send the record to the other topic there.' : undefined
    throw optionError(name, owner, 'is not supported', hint)
  }
  const { each, eachBatch, signal } = options
  if ((each === undefined) === (eachBatch === undefined) || typeof (each ?? eachBatch) !== 'function') {
    throw invalidOption(`Either 'each' or 'eachBatch' of ${owner} must be a function`)
  }
  return { each, eachBatch, signal, limit: limitOf(options), ...retryOf(options) }
}

function limitOf({ concurrency }: RunOptions): number {
  checkNames(owner, ['by', 'limit'], concurrency ?? {}, 'concurrency.')
  const by: string = concurrency?.by ?? 'partition'
  if (by !== 'partition') throw optionError('concurrency.by', owner, `must be 'partition', not '${by}'`)
  const limit = concurrency?.limit ?? 1
  if (!Number.isSafeInteger(limit) || limit < 1)
    throw optionError('concurrency.limit', owner, 'must be an integer of at least 1')
  return limit
}

function retryOf({ retry }: RunOptions): Pick<ResolvedRunOptions, 'attempts' | 'backoff'> {
  checkNames(owner, ['attempts', 'backoffMs'], retry ?? {}, 'retry.')
  const attempts = retry?.attempts ?? 1
  if (!Number.isSafeInteger(attempts) || attempts < 1)
    throw optionError('retry.attempts', owner, 'must be an integer of at least 1')
  const backoff = retry?.backoffMs ?? [100, 10_000]
  const [firstMs, maxMs] = Array.isArray(backoff) ? backoff : [Number.NaN, Number.NaN]
  if (!(firstMs >= 0 && maxMs >= firstMs)) throw optionError('retry.backoffMs', owner, 'must be [first, longest] in ms')
  return { attempts, backoff: { firstMs, maxMs } }
}
