import type { Runtime } from '@ottla/runtime'
import { textOf } from '../../error-data.ts'
import { describePartition, KafkaError } from '../../errors.ts'
import { backoffMs } from '../../runtime/backoff.ts'
import { onAbort, withSignal } from '../../runtime/wait.ts'
import { Message, MessageBatch } from '../message.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import { type DeliveredBatch, Delivery } from './delivery.ts'
import type { HandOut, Reader } from './hand-out.ts'
import { ParkedItems } from './parked-items.ts'
import { runInside } from './run-context.ts'
import type { HandlerContext, ResolvedRunOptions } from './run-options.ts'

export interface RetryNotice {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly attempt: number
  readonly backoffMs: number
  readonly error: unknown
}

export interface RunnerHost {
  readonly runtime: Runtime
  /** The budget of prefetched bytes; half as much may wait by key. */
  readonly maxBufferedBytes: number
  /** Aborts when the consumer failed, with the error, and when it is closed. */
  readonly ended: AbortSignal
  readonly fatal: KafkaError | undefined
  /** The partition may be delivered again. */
  ready(partition: AssignedPartition): void
  commitBatch(batch: MessageBatch): Promise<void>
  onRetry(notice: RetryNotice): void
  /** A handler failed while the run ends for another failure. Its item is undone. */
  onFurtherFailure(error: unknown): void
  /** A handler failed after its partition was given up: another member reads the item again. */
  onLateFailure(partition: AssignedPartition, offset: number, error: unknown): void
}

/** Passes every item to a handler until the consumer closes, the signal aborts, or all attempts of a handler fail. */
export class Runner implements Reader {
  readonly #host: RunnerHost
  readonly #handOut: HandOut
  readonly #options: ResolvedRunOptions
  readonly #parked: ParkedItems
  #failure: unknown
  #isStopped = false

  constructor(host: RunnerHost, handOut: HandOut, options: ResolvedRunOptions) {
    this.#host = host
    this.#handOut = handOut
    this.#options = options
    this.#parked = new ParkedItems(host.runtime, (partition) => host.ready(partition))
  }

  /** The run ends by itself at its signal, and waits for its handlers: it does not reject. */
  readonly signal = undefined

  get isEnded(): boolean {
    return this.#isStopped
  }

  async run(): Promise<void> {
    const { signal, limit } = this.#options
    this.#handOut.acquire(this)
    const release = onAbort(signal, () => this.#stop())
    try {
      const workers = Array.from({ length: limit }, () => this.#work())
      // Workers do not reject. A handler that hangs must not keep `run` from ending.
      await withSignal(Promise.all(workers), this.#host.ended).catch(() => {})
    } finally {
      release()
      this.#stop()
      this.#parked.close()
      this.#handOut.release(this)
    }
    if (this.#failure !== undefined) throw this.#failure
    if (this.#host.fatal !== undefined) throw this.#host.fatal
  }

  #stop(): void {
    this.#isStopped = true
    this.#handOut.wake()
  }

  async #work(): Promise<void> {
    const delivery = new Delivery('run', this.#handOut.deliveries)
    try {
      await runInside(this, async () => {
        for (;;) {
          const batch = await this.#next()
          if (batch === undefined) return
          if (this.#isStopped || !batch.current) {
            this.#handOut.putBack(batch)
            continue
          }
          if (this.#options.eachBatch === undefined) await this.#messages(batch, delivery)
          else await this.#batch(batch, delivery)
        }
      })
    } catch (error) {
      if (this.#failure === undefined) this.#failure = error
      else this.#host.onFurtherFailure(error)
      this.#stop()
    } finally {
      delivery.close()
    }
  }

  /** The failure of a partition ends the run once: of several at the same time, the others are for the next reader. */
  async #next(): Promise<DeliveredBatch | undefined> {
    try {
      return await this.#handOut.next(this)
    } catch (error) {
      // Immediately: another worker may fail before this one has ended.
      if (this.#failure === undefined) this.#failure = error
      else if (KafkaError.is(error) && error !== this.#host.fatal) this.#handOut.fail(error)
      this.#stop()
      return undefined
    }
  }

  /** Processes a batch message by message, until its end or until the partition may not be read. */
  async #messages(batch: DeliveredBatch, delivery: Delivery): Promise<void> {
    const handOut = this.#handOut
    const each = this.#options.each!
    const context = new PartitionContext(batch.owner)
    let isWhole = false
    try {
      while (batch.current && !this.#isStopped && handOut.isOpen) {
        if (!handOut.continues(batch, this)) {
          await handOut.rest()
          continue
        }
        if (!handOut.nextRecord(batch)) {
          isWhole = true
          return
        }
        delivery.handRecord(batch)
        try {
          const result = each(new Message(batch, batch.records), context)
          if (isThenable(result)) await result
        } catch (error) {
          this.#failed(delivery, error)
          return
        }
        this.#processed(batch.owner, delivery)
      }
    } finally {
      if (isWhole) handOut.finish(batch)
      else handOut.putBack(batch)
    }
  }

  async #batch(batch: DeliveredBatch, delivery: Delivery): Promise<void> {
    delivery.handBatch(batch)
    try {
      await this.#options.eachBatch!(new MessageBatch(batch, this.#host.commitBatch), new PartitionContext(batch.owner))
    } catch (error) {
      try {
        this.#failed(delivery, error)
      } finally {
        this.#handOut.putBack(batch)
      }
      return
    }
    this.#processed(batch.owner, delivery)
    this.#handOut.finish(batch)
  }

  #processed(partition: AssignedPartition, delivery: Delivery): void {
    this.#parked.settled(partition)
    this.#handOut.counted(delivery.settle(this.#handOut.mark))
  }

  /** Returns the item. Parks it for its next attempt; throws when it was the last one. */
  #failed(delivery: Delivery, error: unknown): void {
    const partition = delivery.partition!
    const { start: offset, era } = delivery
    const attempt = this.#parked.attemptsOf(partition, offset) + 1
    delivery.undo()
    if (!partition.owned) {
      this.#host.onLateFailure(partition, offset, error)
      return
    }
    const hasMoved = era !== partition.era
    if (attempt >= this.#options.attempts || hasMoved) throw handlerError(partition, offset, attempt, hasMoved, error)
    if (this.#isStopped || partition.revoking) {
      this.#host.onLateFailure(partition, offset, error)
      return
    }
    const pauseMs = backoffMs(this.#host.runtime, attempt, this.#options.backoff)
    const { topic, partition: number } = partition
    this.#host.onRetry({ topic, partition: number, offset, attempt, backoffMs: pauseMs, error })
    this.#parked.park(partition, offset, attempt, pauseMs)
  }
}

/** Of the handlers of one partition. The signal is looked up when it is used: most handlers do not. */
class PartitionContext implements HandlerContext {
  readonly #partition: AssignedPartition

  constructor(partition: AssignedPartition) {
    this.#partition = partition
  }

  get signal(): AbortSignal {
    return this.#partition.signal
  }
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

const rerunHint = 'Fix the cause and call run() again: it starts with this message, whose offset was not committed.'
const movedHint =
  'The position of the partition was moved while the handler ran: run() does not deliver this message again.'

export function handlerError(
  { topic, partition }: AssignedPartition,
  offset: number,
  attempts: number,
  hasMoved: boolean,
  cause: unknown,
): KafkaError {
  const tries = attempts === 1 ? '' : ` ${attempts} times`
  const place = describePartition({ topic, partition, offset })
  return new KafkaError('HANDLER_FAILED', `The handler failed${tries} (${place}): ${textOf(cause)}`, {
    topic,
    partition,
    offset: BigInt(offset),
    cause,
    hint: hasMoved ? movedHint : rerunHint,
  })
}
