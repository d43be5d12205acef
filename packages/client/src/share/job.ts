import type { RecordHeaderView } from '@ottla/codec/records'
import type { AnyMessage, DetachedMessage, Message } from '../consumer/message.ts'
import type { AckKind } from './acknowledgement.ts'
import type { HeldRecord } from './held-record.ts'

const inspect = Symbol.for('nodejs.util.inspect.custom')

/** What a job calls. */
export interface JobActions {
  acknowledge(record: HeldRecord, kind: AckKind): Promise<void>
  renew(record: HeldRecord): Promise<void>
  /** Decides where nothing is decided and the lock holds; the response is not awaited. */
  settle(record: HeldRecord, kind: 'accept' | 'release'): void
}

/** The jobs of messages: where these are of several topics, `job.topic` distinguishes them. */
export type JobOf<M extends AnyMessage> = M extends AnyMessage ? Job<M> : never

/**
 * A record of a share group, with the lock that this member has on it. `accept`, `release` and `reject` resolve when the broker has
 * stored the decision; they reject where it did not, and then the record may be delivered again.
 */
export class Job<M extends AnyMessage = Message> {
  readonly #record: HeldRecord
  readonly #message: M
  readonly #actions: JobActions

  /** @internal */
  constructor(record: HeldRecord, actions: JobActions) {
    this.#record = record
    this.#message = record.message as M
    this.#actions = actions
  }

  get topic(): M['topic'] {
    return this.#message.topic
  }

  get partition(): number {
    return this.#message.partition
  }

  get offset(): bigint {
    return this.#message.offset
  }

  /** In ms since the epoch. */
  get timestamp(): number {
    return this.#message.timestamp
  }

  get key(): M['key'] {
    return this.#message.key
  }

  get value(): M['value'] {
    return this.#message.value
  }

  /** In the order as written; a key may occur several times. */
  get headers(): readonly RecordHeaderView[] {
    return this.#message.headers
  }

  /** The value of the last header with this name. */
  header(name: string): Buffer | null | undefined {
    return this.#message.header(name)
  }

  /** How many times the record has been delivered, this time included. */
  get deliveryCount(): number {
    return this.#record.deliveryCount
  }

  /** Aborts when the lock is lost: it ended, its leader changed, or the consumer closed. The record is delivered again then. */
  get signal(): AbortSignal {
    return this.#record.signal
  }

  /** The record is processed: the group does not deliver it again. */
  async accept(): Promise<void> {
    return this.#actions.acknowledge(this.#record, 'accept')
  }

  /** The record is delivered again, to any member, until its delivery count reaches the limit of the group. */
  async release(): Promise<void> {
    return this.#actions.acknowledge(this.#record, 'release')
  }

  /** The record cannot be processed by anyone: the group does not deliver it again. */
  async reject(): Promise<void> {
    return this.#actions.acknowledge(this.#record, 'reject')
  }

  /** The lock starts again. Needs brokers of Kafka 4.2 or later (KIP-1222). */
  async renew(): Promise<void> {
    return this.#actions.renew(this.#record)
  }

  /** A copy of the record without references to the fetched bytes. */
  detach(): DetachedMessage<M['topic'], M['key'], M['value']> {
    return this.#message.detach()
  }

  toJSON(): Record<string, unknown> {
    return { ...this.#message.toJSON(), deliveryCount: this.deliveryCount }
  }

  [inspect](): Record<string, unknown> {
    return this.toJSON()
  }
}
