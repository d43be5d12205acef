import type { Runtime } from '@ottla/runtime'
import { textOf } from '../../error-data.ts'
import { describePartition, KafkaError } from '../../errors.ts'
import { backoffMs } from '../../runtime/backoff.ts'
import { onAbort, withSignal } from '../../runtime/wait.ts'
import { type AnyMessage, Message, MessageBatch } from '../message.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import { type DeliveredBatch, Delivery } from './delivery.ts'
import type { HandOut, Reader } from './hand-out.ts'
import { ParkedItems } from './parked-items.ts'
import { Postponed } from './postponed.ts'
import type { FailedItem, Recovery } from './recovery-port.ts'
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
  /** Aborts as soon as the consumer begins to close. */
  readonly closing: AbortSignal
  /** Aborts when the consumer failed, with the error, and when it is closed. */
  readonly ended: AbortSignal
  readonly fatal: KafkaError | undefined
  /** The partition may be delivered again. */
  ready(partition: AssignedPartition): void
  commitBatch(batch: MessageBatch<AnyMessage>): Promise<void>
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
          else if (this.#handOut.decodeBatch(batch)) await this.#batch(batch, delivery)
          else this.#handOut.finish(batch)
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
    const context = new PartitionContext(batch.owner, this.#host.closing)
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
        const message = new Message(batch, batch.records)
        try {
          const result = each(message, context)
          if (isThenable(result)) await result
        } catch (error) {
          await this.#failed(delivery, message, error)
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
    const item = new MessageBatch(batch, this.#host.commitBatch)
    try {
      await this.#options.eachBatch!(item, new PartitionContext(batch.owner, this.#host.closing))
    } catch (error) {
      try {
        await this.#failed(delivery, item, error)
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

  /**
   * Parks the item for its next attempt. After the last one it is sent elsewhere, still in hand, so that a revocation waits for the
   * acknowledgement; throws where that is not possible.
   */
  async #failed(delivery: Delivery, item: Message | MessageBatch, error: unknown): Promise<void> {
    const partition = delivery.partition!
    const { start: offset, era } = delivery
    const before = this.#parked.attemptsOf(partition, offset)
    if (error instanceof Postponed) {
      delivery.undo()
      if (partition.owned && era === partition.era) this.#parked.park(partition, offset, before, error.pauseMs)
      return
    }
    const attempt = before + 1
    const { retryIf, attempts, recovery } = this.#options
    const { isRetriable, thrown } = verdictOf(retryIf, error, attempt)
    const isLast = attempt >= attempts || !isRetriable || era !== partition.era
    if (isLast && partition.owned && thrown === undefined && recovery?.canRecover(isRetriable) === true) {
      await this.#recover(delivery, item, recovery, { error, attempts: attempt, isRetriable })
      return
    }
    delivery.undo()
    if (thrown !== undefined && partition.owned) throw unrecoveredError(partition, offset, attempt, error, thrown)
    if (!partition.owned) {
      this.#host.onLateFailure(partition, offset, error)
      return
    }
    const hasMoved = era !== partition.era
    if (isLast || hasMoved) throw handlerError(partition, offset, attempt, hasMoved, error)
    if (this.#isStopped || partition.revoking) {
      this.#host.onLateFailure(partition, offset, error)
      return
    }
    const pauseMs = backoffMs(this.#host.runtime, attempt, this.#options.backoff)
    const { topic, partition: number } = partition
    this.#host.onRetry({ topic, partition: number, offset, attempt, backoffMs: pauseMs, error })
    this.#parked.park(partition, offset, attempt, pauseMs)
  }

  async #recover(
    delivery: Delivery,
    item: Message | MessageBatch,
    recovery: Recovery,
    failed: Pick<FailedItem, 'error' | 'attempts' | 'isRetriable'>,
  ): Promise<void> {
    const partition = delivery.partition!
    const { start: offset } = delivery
    const { error, attempts } = failed
    try {
      const { signal } = partition
      const messages = item instanceof Message ? [item] : openOf(delivery, item)
      const onStored = (message: Message) => delivery.settlePart(Message.placeOf(message))
      await recovery.recover({ ...failed, messages, signal, onStored })
    } catch (cause) {
      delivery.undo()
      if (!partition.owned) this.#host.onLateFailure(partition, offset, error)
      else throw unrecoveredError(partition, offset, attempts, error, cause)
      return
    }
    this.#parked.settled(partition)
    this.#handOut.counted(delivery.settle(true))
  }
}

interface Verdict {
  readonly isRetriable: boolean
  /** The function of the application threw: nothing is decided about the item. */
  readonly thrown?: Error | undefined
}

export function verdictOf(retryIf: ResolvedRunOptions['retryIf'], error: unknown, attempt: number): Verdict {
  if (retryIf === undefined) return { isRetriable: true }
  try {
    const isRetriable: unknown = retryIf(error, attempt)
    if (typeof isRetriable === 'boolean') return { isRetriable }
    return { isRetriable: false, thrown: new Error("option 'retry.retryIf' returned neither true nor false") }
  } catch (cause) {
    return { isRetriable: false, thrown: new Error(`option 'retry.retryIf' threw ${textOf(cause)}`, { cause }) }
  }
}

/** The messages of a batch that the handler has not marked. */
function openOf({ partition, era }: Delivery, batch: MessageBatch): Message[] {
  return [...batch].filter((message) => {
    const { start, end } = Message.placeOf(message)
    return era !== partition?.era || partition?.progress.isHanded(start, end) === true
  })
}

/** Of the handlers of one partition. The signal is looked up when it is used: most handlers do not. */
export class PartitionContext implements HandlerContext {
  readonly #partition: AssignedPartition
  readonly closing: AbortSignal

  constructor(partition: AssignedPartition, closing: AbortSignal) {
    this.#partition = partition
    this.closing = closing
  }

  get signal(): AbortSignal {
    return this.#partition.signal
  }
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

/** The item could not be sent elsewhere either. */
export function unrecoveredError(
  partition: AssignedPartition,
  offset: number,
  attempts: number,
  error: unknown,
  cause: unknown,
): KafkaError {
  const failed = handlerError(partition, offset, attempts, false, error)
  const hint = KafkaError.is(cause) ? cause.hint : undefined
  return failed.with({ message: `${failed.message}; then: ${textOf(cause)}`, cause, hint: hint ?? rerunHint })
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
