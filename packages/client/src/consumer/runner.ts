import type { Runtime } from '@ottla/runtime'
import { textOf } from '../error-data.ts'
import { describePartition, invalidOption, KafkaError, optionError } from '../errors.ts'
import { backoffMs } from '../runtime/backoff.ts'
import { onAbort, sleep } from '../runtime/wait.ts'
import type { Cursor } from './cursor.ts'
import type { FetchedBatch } from './fetched-batch.ts'
import { Message, MessageBatch } from './message.ts'
import { handOut, type ReaderHost, settleBatch, undo } from './reader.ts'

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

export interface RunOptions {
  /** Called with each message, in order within a partition. A returned promise is awaited. */
  readonly each?: ((message: Message, context: HandlerContext) => unknown) | undefined
  /** Called with each record batch, instead of `each`. */
  readonly eachBatch?: ((batch: MessageBatch, context: HandlerContext) => unknown) | undefined
  /** Number of partitions processed concurrently. Default { by: 'partition', limit: 1 }. */
  readonly concurrency?: { readonly by?: 'partition' | undefined; readonly limit?: number | undefined } | undefined
  /** Retries of a failed handler before `run` rejects. Default: one attempt. */
  readonly retry?: RetryPolicy | undefined
  /** Ends the run cleanly: running handlers are awaited. */
  readonly signal?: AbortSignal | undefined
}

export interface RunnerHost extends ReaderHost {
  readonly runtime: Runtime
  /** Wakes the workers that wait for a batch. */
  wake(): void
  onRetry(place: {
    topic: string
    partition: number
    offset: number
    attempt: number
    backoffMs: number
    error: unknown
  }): void
}

interface Handlers {
  readonly each: RunOptions['each']
  readonly eachBatch: RunOptions['eachBatch']
  readonly attempts: number
  readonly firstMs: number
  readonly maxMs: number
}

const owner = 'consumer.run()'

const knownOptions = new Set(['each', 'eachBatch', 'concurrency', 'retry', 'signal'])

/**
 * Passes every message to a handler until the consumer closes, the signal aborts, or all attempts of a handler fail.
 */
export async function run(host: RunnerHost, options: RunOptions): Promise<void> {
  const { handlers, limit } = validate(options)
  const runner = new Runner(host, handlers)
  const stop = options.signal ?? new AbortController().signal
  host.acquire(runner, stop)
  try {
    await runner.run(limit, stop)
  } finally {
    host.release(runner)
  }
}

function validate(options: RunOptions): { handlers: Handlers; limit: number } {
  for (const name of Object.keys(options)) {
    if (knownOptions.has(name)) continue
    const hint =
      name === 'deadLetter' ? 'Catch the error in the handler and send the record to the other topic there.' : undefined
    throw optionError(name, owner, 'is not supported', hint)
  }
  const { each, eachBatch, concurrency, retry } = options
  if ((each === undefined) === (eachBatch === undefined) || typeof (each ?? eachBatch) !== 'function') {
    throw invalidOption("Either 'each' or 'eachBatch' of consumer.run() must be a function")
  }
  const by: string = concurrency?.by ?? 'partition'
  if (by !== 'partition') throw optionError('concurrency.by', owner, `must be 'partition', not '${by}'`)
  const limit = concurrency?.limit ?? 1
  if (!Number.isSafeInteger(limit) || limit < 1)
    throw optionError('concurrency.limit', owner, 'must be an integer of at least 1')
  const attempts = retry?.attempts ?? 1
  const [firstMs, maxMs] = retry?.backoffMs ?? [100, 10_000]
  if (!Number.isSafeInteger(attempts) || attempts < 1)
    throw optionError('retry.attempts', owner, 'must be an integer of at least 1')
  if (!(firstMs >= 0 && maxMs >= firstMs)) throw optionError('retry.backoffMs', owner, 'must be [first, longest] in ms')
  return { handlers: { each, eachBatch, attempts, firstMs, maxMs }, limit }
}

class Runner {
  readonly #host: RunnerHost
  readonly #handlers: Handlers
  #failure: KafkaError | undefined

  constructor(host: RunnerHost, handlers: Handlers) {
    this.#host = host
    this.#handlers = handlers
  }

  async run(workers: number, stop: AbortSignal): Promise<void> {
    const ending = new AbortController()
    const end = (): void => {
      ending.abort()
      this.#host.wake()
    }
    const release = onAbort(stop, end)
    const work = async (): Promise<void> => {
      try {
        await this.#work(ending.signal)
      } catch (error) {
        this.#failure ??= error as KafkaError
        end()
      }
    }
    await Promise.all(Array.from({ length: workers }, work))
    release()
    if (this.#failure !== undefined) throw this.#failure
  }

  async #work(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      if (!this.#host.slice()) await this.#host.pause()
      const batch = this.#host.take() ?? (await this.#next(stop))
      if (batch === undefined) return
      const context = new CursorContext(batch.cursor)
      if (this.#handlers.eachBatch === undefined) await this.#walk(batch, context, stop)
      else await this.#whole(batch, context, stop)
    }
  }

  async #next(stop: AbortSignal): Promise<FetchedBatch<Cursor> | undefined> {
    try {
      return await this.#host.nextBatch(stop)
    } catch (error) {
      if (stop.aborted) return undefined
      throw error
    }
  }

  /** Processes a batch until its end or the revocation of its partition. */
  async #walk(batch: FetchedBatch<Cursor>, context: HandlerContext, stop: AbortSignal): Promise<void> {
    const { cursor } = batch
    const host = this.#host
    const each = this.#handlers.each!
    cursor.inHand++
    let whole = false
    try {
      while (batch.current && !stop.aborted) {
        if (!host.slice()) await host.pause()
        if (!batch.current) break
        if (this.#ended(batch)) {
          whole = true
          break
        }
        const { offset } = batch
        cursor.position = offset + 1
        cursor.handedEnd = offset + 1
        const message = new Message(batch, batch.records)
        try {
          const result = each(message, context)
          if (isThenable(result)) await result
        } catch (error) {
          if (!(await this.#retry(batch, offset, error, () => each(message, context), stop))) break
        }
        if (host.mark && batch.assignmentEpoch === cursor.assignmentEpoch) {
          cursor.markDone(offset + 1, batch.leaderEpoch)
          host.counted(1)
        }
      }
    } finally {
      if (whole) host.finish(batch)
      else host.putBack(batch)
      cursor.release(1)
    }
  }

  #ended(batch: FetchedBatch<Cursor>): boolean {
    try {
      return !batch.next()
    } catch (cause) {
      this.#host.corrupt(batch, cause)
      return true
    }
  }

  async #whole(batch: FetchedBatch<Cursor>, context: HandlerContext, stop: AbortSignal): Promise<void> {
    const eachBatch = this.#handlers.eachBatch!
    const first = batch.firstOffset
    const own = new MessageBatch(batch, (self) => this.#host.commitBatch(self))
    handOut(batch)
    try {
      try {
        await eachBatch(own, context)
      } catch (error) {
        if (!(await this.#retry(batch, first, error, () => eachBatch(own, context), stop))) {
          this.#host.putBack(batch)
          batch.cursor.release(1)
          return
        }
      }
    } catch (error) {
      this.#host.putBack(batch)
      batch.cursor.release(1)
      throw error
    }
    settleBatch(this.#host, batch)
  }

  /**
   * Retries until success or until the attempts are used up: then the item stays unprocessed, is the first one of the
   * next run, and the run ends. False when a retry is pointless: the partition is being revoked, or the run is
   * stopping.
   */
  async #retry(
    batch: FetchedBatch<Cursor>,
    offset: number,
    error: unknown,
    call: () => unknown,
    stop: AbortSignal,
  ): Promise<boolean> {
    const { attempts, firstMs, maxMs } = this.#handlers
    const { topic, partition } = batch.cursor
    let last = error
    for (let attempt = 1; attempt < attempts && batch.current && !stop.aborted; attempt++) {
      const pauseMs = backoffMs(this.#host.runtime, attempt, { firstMs, maxMs })
      this.#host.onRetry({ topic, partition, offset, attempt, backoffMs: pauseMs, error: last })
      await sleep(this.#host.runtime, pauseMs, batch.cursor.signal, stop).catch(() => {})
      if (!batch.current || stop.aborted) break
      try {
        await call()
        return true
      } catch (failure) {
        last = failure
      }
    }
    // Another member reads a revoked partition: an error of its handler is not a failure of the run.
    if (batch.assignmentEpoch !== batch.cursor.assignmentEpoch) return false
    undo(batch, offset)
    if (!batch.current || (stop.aborted && attempts > 1)) return false
    throw handlerError(batch.cursor, offset, attempts, last)
  }
}

class CursorContext implements HandlerContext {
  readonly #cursor: Cursor

  constructor(cursor: Cursor) {
    this.#cursor = cursor
  }

  get signal(): AbortSignal {
    return this.#cursor.signal
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

function handlerError({ topic, partition }: Cursor, offset: number, attempts: number, cause: unknown): KafkaError {
  const tries = attempts === 1 ? '' : ` ${attempts} times`
  const place = describePartition({ topic, partition, offset })
  return new KafkaError('HANDLER_FAILED', `The handler failed${tries} (${place}): ${textOf(cause)}`, {
    topic,
    partition,
    offset: BigInt(offset),
    cause,
    hint: 'Fix the cause and call run() again: it starts with this message, whose offset was not committed.',
  })
}
