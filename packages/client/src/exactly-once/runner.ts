import type { AnyMessage } from '../consumer/message.ts'
import { Message, MessageBatch } from '../consumer/message.ts'
import { type DeliveredBatch, Delivery } from '../consumer/reading/delivery.ts'
import type { HandOut, Reader } from '../consumer/reading/hand-out.ts'
import { runInside } from '../consumer/reading/run-context.ts'
import { isThenable, PartitionContext } from '../consumer/reading/runner.ts'
import { KafkaError } from '../errors.ts'
import { withSignal } from '../runtime/wait.ts'
import type { ProcessorHandlers } from './options.ts'
import type { Round } from './round.ts'
import type { Rounds } from './rounds.ts'

export interface ProcessorRunnerHost {
  /** Aborts when the processor begins to close. */
  readonly closing: AbortSignal
  /** Aborts when the processor failed or is closed. */
  readonly ended: AbortSignal
  readonly fatal: KafkaError | undefined
}

/** Passes items to the handlers of a processor, each in the round that is open, in order within a partition. */
export class ProcessorRunner implements Reader {
  readonly #host: ProcessorRunnerHost
  readonly #handOut: HandOut
  readonly #rounds: Rounds
  readonly #handlers: ProcessorHandlers
  #failure: unknown
  #isStopped = false

  constructor(host: ProcessorRunnerHost, handOut: HandOut, rounds: Rounds, handlers: ProcessorHandlers) {
    this.#host = host
    this.#handOut = handOut
    this.#rounds = rounds
    this.#handlers = handlers
  }

  readonly signal = undefined

  get isEnded(): boolean {
    return this.#isStopped
  }

  /** Until the consumer closes or fails. */
  async run(): Promise<void> {
    this.#handOut.acquire(this)
    try {
      const workers = Array.from({ length: this.#handlers.limit }, () => this.#work())
      // Workers do not reject. A handler that hangs must not keep the processor from ending.
      await withSignal(Promise.all(workers), this.#host.ended).catch(() => {})
    } finally {
      this.#stop()
      this.#handOut.release(this)
    }
    const failure = this.#host.fatal ?? this.#failure
    if (failure !== undefined) throw failure
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
          const batch = await this.#handOut.next(this)
          if (batch === undefined) return
          await this.#process(batch, delivery)
          await this.#rounds.returned(batch.owner)
        }
      })
    } catch (error) {
      this.#failure ??= error
      this.#stop()
    } finally {
      delivery.close()
    }
  }

  /** Item by item, until the end of the batch, or until the partition may not be read. */
  async #process(batch: DeliveredBatch, delivery: Delivery): Promise<void> {
    const handOut = this.#handOut
    let isWhole = false
    try {
      while (batch.current && !this.#isStopped && handOut.isOpen) {
        if (!handOut.continues(batch, this)) {
          await handOut.rest()
          continue
        }
        const round = this.#rounds.enter(batch.owner)
        if (round === undefined) {
          if (await this.#rounds.opened()) continue
          return
        }
        const processed = await this.#item(batch, delivery, round)
        if (processed === 'next') continue
        isWhole = processed === 'end'
        return
      }
    } finally {
      if (isWhole) handOut.finish(batch)
      else handOut.putBack(batch)
    }
  }

  /** The next item of the batch. 'end': there is none any more. */
  async #item(batch: DeliveredBatch, delivery: Delivery, round: Round): Promise<'next' | 'end' | 'failed'> {
    const { each, eachBatch } = this.#handlers
    let records = 0
    try {
      const hasItem = eachBatch === undefined ? this.#handOut.nextRecord(batch) : this.#handOut.decodeBatch(batch)
      if (!hasItem) return 'end'
      if (eachBatch === undefined) delivery.handRecord(batch)
      else delivery.handBatch(batch)
      const { start: offset } = delivery
      try {
        const context = new PartitionContext(batch.owner, this.#host.closing)
        const result =
          eachBatch === undefined
            ? each!(new Message(batch, batch.records), round.tx, context)
            : eachBatch(new MessageBatch(batch, commitRefused), round.tx, context)
        if (isThenable(result)) await result
      } catch (error) {
        delivery.undo()
        this.#rounds.handlerFailed(round, { partition: batch.owner, offset, error })
        return 'failed'
      }
      if (round.failure !== undefined) {
        delivery.undo()
        return 'failed'
      }
      records = delivery.settle(true)
      return eachBatch === undefined ? 'next' : 'end'
    } finally {
      this.#rounds.leave(round, records)
    }
  }
}

function commitRefused(_batch: MessageBatch<AnyMessage>): Promise<void> {
  const message = 'A batch of a transactional processor is committed by its transaction'
  return Promise.reject(new KafkaError('INVALID_STATE', message, { hint: 'Leave out batch.commit().' }))
}
