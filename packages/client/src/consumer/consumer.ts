import type { CallOptions, CloseOptions } from '../call-options.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { meaningOf } from '../error-meaning.ts'
import { closedError, describePartition, KafkaError, optionError } from '../errors.ts'
import type { GroupIdentity, TopicPartition } from '../group/membership.ts'
import { within, withSignal } from '../runtime/wait.ts'
import type { CommitOptions, OffsetToCommit } from './committer.ts'
import { ConsumerCore } from './core.ts'
import type { Cursor } from './cursor.ts'
import type { ConsumerEventMap } from './events.ts'
import { Message, MessageBatch } from './message.ts'
import { type ConsumerOptions, resolveConsumerOptions, type StartOffset } from './options.ts'
import {
  BatchReader,
  MessageReader,
  type PollHand,
  type PollOptions,
  type ReadOptions,
  takeMessages,
} from './reader.ts'
import { type RunOptions, run } from './runner.ts'

/** The next offset to read of a partition. */
export interface PartitionOffset extends TopicPartition {
  readonly offset: bigint | number
  readonly metadata?: string | null | undefined
}

export interface CommittedPosition extends TopicPartition {
  /** Undefined without a commit. */
  readonly offset: bigint | undefined
  readonly leaderEpoch: number
  readonly metadata: string | null
}

/** What can be marked as processed: a message, a batch, or several messages. */
export type Item = Message | MessageBatch | Iterable<Message>

const closeTimeoutMs = 10_000

/**
 * Reads topics as a member of a group, or assigned partitions without a group. Opens no connection before the first
 * read. It has one reader at a time: `for await`, `batches()`, `poll()` or `run()`.
 */
export class Consumer implements AsyncIterable<Message> {
  readonly #core: ConsumerCore
  readonly #onClosed: () => void
  #hands: PollHand[] = []
  #closed: Promise<void> | undefined

  /** @internal */
  constructor(cluster: Cluster, options: ConsumerOptions, onClosed: () => void = () => {}) {
    this.#onClosed = onClosed
    this.#core = new ConsumerCore(cluster, resolveConsumerOptions(options))
  }

  /**
   * Iterates over messages. Requesting the next one marks the previous as processed; `break` does not, and closes
   * nothing.
   */
  [Symbol.asyncIterator](): MessageReader {
    return this.messages()
  }

  messages(options: ReadOptions = {}): MessageReader {
    this.#settlePoll()
    return new MessageReader(this.#core, options)
  }

  /** Iterates over record batches as written; the rules are those of messages. */
  batches(options: ReadOptions = {}): BatchReader {
    this.#settlePoll()
    return new BatchReader(this.#core, options)
  }

  /**
   * Resolves to at most `maxRecords` messages, or [] after `timeoutMs`. Marks those of the previous poll as processed.
   */
  async poll(options: PollOptions = {}): Promise<Message[]> {
    const { maxRecords = 500, timeoutMs = 1_000, signal } = options
    if (!Number.isSafeInteger(maxRecords) || maxRecords < 1)
      throw optionError('maxRecords', 'consumer.poll()', 'must be an integer of at least 1')
    if (!(timeoutMs >= 0)) throw optionError('timeoutMs', 'consumer.poll()', 'must be milliseconds, 0 or more')
    const core = this.#core
    const token = {}
    return within(core.runtime, { operation: 'Polling', timeoutMs, signals: [signal] }, async (bounded) => {
      try {
        core.acquire(token, bounded)
        this.#settlePoll()
        if (!core.slice()) await core.pause()
        const batch = core.take() ?? (await core.nextBatch(bounded))
        return batch === undefined ? [] : takeMessages(core, batch, maxRecords, this.#hands)
      } catch (error) {
        const late = bounded.aborted && signal?.aborted !== true
        if (late && KafkaError.is(error) && meaningOf(error.code).ended === 'aborted') return []
        throw error
      } finally {
        core.release(token)
      }
    })
  }

  /**
   * Passes messages to `each`, or batches to `eachBatch`, until close, the signal, or a handler whose attempts all
   * fail.
   */
  async run(options: RunOptions): Promise<void> {
    this.#settlePoll()
    await run(this.#core, options)
  }

  /** Joins the group without reading; resolves with the first assignment. */
  async ready({ timeoutMs, signal }: CallOptions = {}): Promise<void> {
    const { runtime, cluster } = this.#core
    const limits = {
      operation: 'Waiting for the assignment',
      timeoutMs: timeoutMs ?? cluster.options.apiTimeoutMs,
      signals: [signal],
    }
    this.#core.start()
    await within(runtime, limits, (bounded) => withSignal(this.#core.started, bounded))
  }

  /**
   * Marks items, and everything before them in their partitions, as processed. Throws INVALID_STATE after a revocation.
   */
  done(item: Item): void {
    for (const { cursor, assignmentEpoch, end, leaderEpoch } of placesOf(item))
      this.#core.markDone(cursor, assignmentEpoch, end, leaderEpoch)
  }

  /**
   * Commits the processed offsets; with an item including that item; with a list these offsets (each the next one to
   * read). Rejects when the group no longer accepts commits of this member.
   */
  async commit(what?: Item | readonly PartitionOffset[], options?: CommitOptions): Promise<void> {
    const core = this.#core
    if (core.options.groupId === undefined)
      throw new KafkaError('INVALID_STATE', 'Cannot commit: the consumer has no groupId')
    if (core.state === 'closed') throw closedError('consumer')
    if (isOffsets(what))
      return core.committer.commit(
        what.map((one) => this.#offsetToCommit(one)),
        options,
      )
    if (what !== undefined) this.done(what)
    await core.committer.commit(core.committer.pending(core.cursors.all), options)
  }

  /** Delivers nothing of these partitions until `resume`; fetched records stay buffered. */
  pause(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) {
      const cursor = this.#cursorOf(partition)
      cursor.paused = true
      cursor.refresh()
    }
    // Their bytes no longer count against the other partitions.
    this.#core.source.wake()
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) {
      const cursor = this.#cursorOf(partition)
      if (!cursor.paused) continue
      cursor.paused = false
      cursor.refresh()
      this.#core.prefetch.enqueue(cursor)
      this.#core.source.ready(cursor)
    }
  }

  paused(): TopicPartition[] {
    return Array.from(this.#core.cursors.all)
      .filter((cursor) => cursor.paused)
      .map(placeOf)
  }

  /** Continues at another offset. Items read before can no longer be marked as processed. */
  seek({ topic, partition, offset }: TopicPartition & { readonly offset: StartOffset }): void {
    const cursor = this.#cursorOf({ topic, partition })
    if (typeof offset !== 'string' && (!Number.isSafeInteger(Number(offset)) || offset < 0)) {
      const place = { topic, partition }
      throw new KafkaError('INVALID_ARGUMENT', `Cannot seek to ${String(offset)}: it is not an offset`, place)
    }
    if (this.#core.state === 'idle') cursor.start = offset
    else this.#core.positions.seek(cursor, offset)
  }

  /** The next offset to deliver; undefined while it is being looked up. */
  position(partition: TopicPartition): bigint | undefined {
    const { position } = this.#cursorOf(partition)
    return position < 0 ? undefined : BigInt(position)
  }

  /** The committed offsets of the group, from the coordinator. */
  async committed(
    partitions: readonly TopicPartition[],
    { timeoutMs, signal }: CallOptions = {},
  ): Promise<CommittedPosition[]> {
    const { lookup, identity, options } = this.#core
    if (options.groupId === undefined)
      throw new KafkaError('INVALID_STATE', 'Cannot look up committed offsets: the consumer has no groupId')
    const found = await lookup.committed(identity, partitions, { timeoutMs, signal })
    return found.map((one) => ({ ...one, offset: one.offset < 0 ? undefined : BigInt(one.offset) }))
  }

  /** The assigned partitions. */
  assignment(): TopicPartition[] {
    return Array.from(this.#core.cursors.all, placeOf)
  }

  /** Number of records not yet delivered, as of the last fetches. */
  lag(): number {
    return this.#core.lag()
  }

  groupMetadata(): GroupIdentity {
    return this.#core.identity
  }

  on<E extends keyof ConsumerEventMap>(event: E, listener: ConsumerEventMap[E]): this {
    this.#core.events.on(event, listener as never)
    return this
  }

  once<E extends keyof ConsumerEventMap>(event: E, listener: ConsumerEventMap[E]): this {
    const { events } = this.#core
    const first = ((...data: unknown[]) => {
      events.off(event, first as never)
      ;(listener as (...given: unknown[]) => void)(...data)
    }) as unknown as ConsumerEventMap[E]
    return this.on(event, first)
  }

  off<E extends keyof ConsumerEventMap>(event: E, listener: ConsumerEventMap[E]): this {
    this.#core.events.off(event, listener as never)
    return this
  }

  /**
   * Waits briefly for running handlers, commits processed offsets, and leaves the group (a static member does not).
   * Ends a pending `next()`. Idempotent; never rejects.
   */
  close({ timeoutMs = closeTimeoutMs }: CloseOptions = {}): Promise<void> {
    this.#closed ??= this.#close(timeoutMs).finally(this.#onClosed)
    return this.#closed
  }

  async #close(timeoutMs: number): Promise<void> {
    // The messages of the last poll stay unprocessed, but nothing waits for them any more.
    this.#releasePoll(false)
    await this.#core.close(timeoutMs)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #settlePoll(): void {
    if (this.#hands.length === 0) return
    this.#releasePoll(this.#core.mark)
  }

  #releasePoll(mark: boolean): void {
    const hands = this.#hands
    this.#hands = []
    for (const { batch, end } of hands) {
      const { cursor } = batch
      if (mark && batch.assignmentEpoch === cursor.assignmentEpoch && cursor.owned) {
        cursor.markDone(end, batch.leaderEpoch)
        this.#core.counted(end - batch.firstOffset)
      }
      cursor.release(1)
    }
  }

  #cursorOf({ topic, partition }: TopicPartition): Cursor {
    const cursor = this.#core.cursors.get(topic, partition)
    if (cursor !== undefined) return cursor
    const message = `This consumer is not assigned ${describePartition({ topic, partition })}`
    throw new KafkaError('INVALID_STATE', message, { topic, partition })
  }

  #offsetToCommit({ topic, partition, offset, metadata }: PartitionOffset): OffsetToCommit {
    const number = Number(offset)
    if (!Number.isSafeInteger(number) || number < 0) {
      throw new KafkaError('INVALID_ARGUMENT', `Cannot commit ${String(offset)}: it is not an offset`, {
        topic,
        partition,
      })
    }
    return {
      topic,
      partition,
      offset: number,
      leaderEpoch: -1,
      metadata,
      cursor: this.#core.cursors.get(topic, partition),
    }
  }
}

function placeOf({ topic, partition }: Cursor): TopicPartition {
  return { topic, partition }
}

function isOffsets(what: unknown): what is readonly PartitionOffset[] {
  return Array.isArray(what) && what.length > 0 && !(what[0] instanceof Message)
}

function placesOf(item: Item) {
  if (item instanceof Message) return [Message.placeOf(item)]
  if (item instanceof MessageBatch) return [MessageBatch.placeOf(item)]
  return Array.from(item, (message) => Message.placeOf(message))
}
