import { Queue } from '../../runtime/queue.ts'
import { type AnyMessage, Message } from '../message.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import type { HandOut, Reader } from './hand-out.ts'
import { HeldMessages } from './held-messages.ts'

export interface PullHost {
  readonly handOut: HandOut
  /** Delivers from this offset again. */
  rewind(partition: AssignedPartition, offset: number): void
}

/**
 * Messages for an adapter that pulls ahead of the application. In the mode 'manual' what was pulled is in hand until it is marked, and
 * the end gives back the rest. Without a group nothing is ever marked: the end gives back what is still in the adapter.
 */
export class MessagePull implements Reader {
  readonly #host: PullHost
  readonly #held: HeldMessages
  readonly signal: AbortSignal | undefined
  /** Without a group: what may still be in the adapter, in order. */
  readonly #waiting = new Queue<AnyMessage>()
  #isAcquired = false
  #isEnded = false

  constructor(host: PullHost, signal: AbortSignal | undefined) {
    this.#host = host
    this.#held = new HeldMessages(host.handOut, 'loop')
    this.signal = signal
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  /** At most `maxRecords` messages, as soon as there are any; none at the end. `waiting`: how many are still in the adapter. */
  async next(maxRecords: number, waiting: number): Promise<AnyMessage[]> {
    const { handOut } = this.#host
    try {
      this.#acquire()
      this.left(waiting)
      for (;;) {
        const batch = handOut.take(this) ?? (await handOut.next(this))
        if (batch === undefined) return []
        if (this.#isEnded) {
          handOut.putBack(batch)
          return []
        }
        const messages: AnyMessage[] = []
        this.#held.take(batch, messages, maxRecords)
        if (handOut.mark) this.#passOn(messages)
        if (messages.length > 0) return messages
      }
    } catch (error) {
      this.end()
      throw error
    }
  }

  /** Only the last `waiting` messages are still in the adapter. */
  left(waiting: number): void {
    while (this.#waiting.size > waiting) this.#waiting.shift()
  }

  /** Gives back what was pulled and not marked. */
  end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    const { handOut } = this.#host
    this.#held.undo()
    this.#rewind()
    if (!this.#isAcquired) return
    handOut.deliveries.onChanged = undefined
    handOut.release(this)
  }

  partitionChanged(partition: AssignedPartition): void {
    if (this.#held.isOutdated(partition)) this.#held.undoOf(partition)
  }

  #acquire(): void {
    if (this.#isAcquired || this.#isEnded) return
    const { handOut } = this.#host
    handOut.acquire(this)
    this.#isAcquired = true
    handOut.deliveries.onChanged = () => this.#held.trim()
  }

  #passOn(messages: readonly AnyMessage[]): void {
    this.#held.settle()
    for (const message of messages) this.#waiting.push(message)
  }

  #rewind(): void {
    const first = new Map<AssignedPartition, number>()
    for (let message = this.#waiting.shift(); message !== undefined; message = this.#waiting.shift()) {
      const { batch, start } = Message.placeOf(message)
      if (batch.owner.owned && batch.era === batch.owner.era && !first.has(batch.owner)) first.set(batch.owner, start)
    }
    for (const [partition, offset] of first) this.#host.rewind(partition, offset)
  }
}
