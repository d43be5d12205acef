import type { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import type { CallOptions, CloseOptions } from '../call-options.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { closedError, describePartition, KafkaError, optionError } from '../errors.ts'
import type { GroupIdentity, TopicPartition } from '../group/membership.ts'
import {
  checkCommit,
  checkOptions,
  checkPlace,
  checkPlaces,
  checkSeek,
  type PartitionOffset,
  type StartOffset,
} from '../group/offset-input.ts'
import { within, withSignal } from '../runtime/wait.ts'
import { assemble } from './assemble.ts'
import type { ConsumerCore } from './core.ts'
import type { ConsumerEventMap } from './events.ts'
import { FailureHandling, type RetryConsumer } from './failures/failure-handling.ts'
import type { OwnSender } from './failures/record-sender.ts'
import { type AnyMessage, Message, MessageBatch } from './message.ts'
import { type ConsumerOptions, resolveConsumerOptions, type TopicSelector } from './options.ts'
import type { AssignedPartition } from './partition/assigned-partition.ts'
import { BatchReader } from './reading/batch-reader.ts'
import { type CollectOptions, Collector } from './reading/collector.ts'
import { KeyedRunner } from './reading/keyed-runner.ts'
import { Loop } from './reading/loop.ts'
import type { Item } from './reading/marks.ts'
import { MessageReader, type ReadOptions } from './reading/message-reader.ts'
import { PartitionReaders } from './reading/partition-readers.ts'
import type { PollOptions } from './reading/poll.ts'
import { isInside } from './reading/run-context.ts'
import { type ResolvedRunOptions, type RunOptions, resolveRunOptions } from './reading/run-options.ts'
import { Runner } from './reading/runner.ts'
import { nodeStream, type StreamHost, type StreamOptions, webStream } from './reading/streams.ts'
import { type ConsumerStatus, lagOf, membershipStatus, type PartitionStatus, statusOf } from './status.ts'

export interface CommittedPosition extends TopicPartition {
  /** Undefined without a commit. */
  readonly offset: bigint | undefined
  readonly leaderEpoch: number
  readonly metadata: string | null
}

/** What a consumer can create of the client that it belongs to. */
export interface ConsumerSiblings {
  producer(): OwnSender
  consumer(options: ConsumerOptions<TopicSelector>): RetryConsumer
}

export interface RejoinOptions {
  /** For the log of the brokers, at most 255 characters. */
  readonly reason?: string | undefined
}

const closeTimeoutMs = 10_000
/** As in Java. */
const longestReason = 255
const callOptions = ['timeoutMs', 'signal']

/**
 * Reads topics as a member of a group, or assigned partitions without a group. Opens no connection before the first read. It has one
 * reader at a time: `for await`, `batches()`, `collected()`, `poll()` or `run()`. `M`: the messages of its topics.
 */
export class Consumer<M extends AnyMessage = Message> implements AsyncIterable<M> {
  readonly #core: ConsumerCore
  readonly #failures: FailureHandling
  readonly #onClosed: () => void
  #closed: Promise<void> | undefined

  /** @internal */
  constructor(
    cluster: Cluster,
    options: ConsumerOptions<TopicSelector>,
    onClosed: () => void = () => {},
    siblings?: ConsumerSiblings,
  ) {
    this.#onClosed = onClosed
    this.#core = assemble(cluster, resolveConsumerOptions(options), { createSender: siblings?.producer })
    this.#failures = new FailureHandling(this.#core.failureHost(options, siblings?.consumer))
  }

  /**
   * Iterates over messages. Requesting the next one marks the previous as processed; `break` does not, and closes nothing.
   */
  [Symbol.asyncIterator](): MessageReader<M> {
    return this.messages()
  }

  /** The same, with a signal: when it aborts, the pending or next `next()` rejects with ABORTED. */
  messages(options: ReadOptions = {}): MessageReader<M> {
    checkOptions(options, 'consumer.messages()', ['signal'])
    this.#core.parts.poll.undo()
    const { handOut } = this.#core.parts
    return new MessageReader(handOut, new Loop(handOut, options.signal))
  }

  /** Iterates over record batches as written; the rules are those of messages. */
  batches(options: ReadOptions = {}): BatchReader<M> {
    checkOptions(options, 'consumer.batches()', ['signal'])
    this.#core.parts.poll.undo()
    const { handOut } = this.#core.parts
    return new BatchReader(handOut, this.#commitBatch, new Loop(handOut, options.signal))
  }

  /**
   * Iterates over lists of messages, for bulk inserts: a list has `maxRecords` messages of any partitions, or fewer where the first one
   * has waited for `maxWaitMs`. Requesting the next list marks the previous one as processed; `break` does not.
   */
  collected(options: CollectOptions = {}): Collector<M> {
    const { runtime, handOut, poll, options: own } = this.#core.parts
    poll.undo()
    return new Collector({ runtime, handOut, maxProcessingMs: own.maxProcessingMs }, options)
  }

  /**
   * Iterates over readers of single partitions, which are read independently of each other: one for each partition as soon as it has
   * records. A reader ends when its partition is revoked, lost or closed; after a `break` of its loop the partition follows again.
   */
  partitionReaders(options: ReadOptions = {}): PartitionReaders<M> {
    checkOptions(options, 'consumer.partitionReaders()', ['signal'])
    this.#core.parts.poll.undo()
    return new PartitionReaders(this.#core.parts.handOut, this.#commitBatch, options)
  }

  /**
   * Resolves to at most `maxRecords` messages, or [] after `timeoutMs`. Marks those of the previous poll as processed, except in mode
   * 'manual'; after an error call `undo` first.
   */
  poll(options: PollOptions = {}): Promise<M[]> {
    return this.#core.parts.poll.poll(options)
  }

  /** What the last `poll` returned and was neither marked by `done` nor committed is delivered again. */
  undo(): void {
    this.#core.parts.poll.undo()
  }

  /**
   * A stream of Node with `highWaterMark` messages. In a group it requires the mode 'manual', because it pulls ahead. `destroy` gives
   * back what it pulled and you did not mark.
   */
  readable(options: StreamOptions = {}): Readable {
    return nodeStream(this.#streamHost(), options)
  }

  /** The same as a web stream; `cancel` gives back. */
  webStream(options: StreamOptions = {}): ReadableStream<M> {
    return webStream<M>(this.#streamHost(), options)
  }

  #streamHost(): StreamHost {
    const core = this.#core
    const { handOut, poll, options } = core.parts
    poll.undo()
    return { handOut, hasGroup: options.groupId !== undefined, rewind: (...to) => core.seek(...to) }
  }

  /**
   * Passes messages to `each`, or batches to `eachBatch`, until close, the signal, or a handler whose attempts all fail, where there is
   * no dead letter topic.
   */
  async run(options: RunOptions<M>): Promise<void> {
    await this.#failures.run(resolveRunOptions(options as RunOptions), (resolved) => this.runRetries(resolved))
  }

  /** The run itself; of a consumer of a retry topic it is the whole run. @internal */
  async runRetries(resolved: ResolvedRunOptions): Promise<void> {
    const core = this.#core
    core.parts.poll.undo()
    const parts = [core.runnerHost(this.#commitBatch), core.parts.handOut, resolved] as const
    await (resolved.by === 'partition' ? new Runner(...parts) : new KeyedRunner(...parts)).run()
  }

  /** Joins the group without reading; resolves when each assigned partition has a position, or a known reason why not. */
  async ready(options: CallOptions = {}): Promise<void> {
    checkOptions(options, 'consumer.ready()', callOptions)
    const { cluster, lifecycle } = this.#core.parts
    const { timeoutMs = cluster.options.apiTimeoutMs, signal } = options
    const limits = { operation: 'Waiting for the assignment', timeoutMs, signals: [signal] }
    this.#core.start()
    await within(cluster.runtime, limits, (bounded) => withSignal(lifecycle.started, bounded))
  }

  /**
   * Marks items as processed. Throws INVALID_STATE for items of a partition that was revoked or repositioned meanwhile; the other items
   * of a list are marked.
   */
  done(item: Item): void {
    const { refusal } = this.#core.parts.marks.done(item, 'consumer.done()')
    if (refusal !== undefined) throw refusal
  }

  /**
   * Without an argument commits what is processed. With an item marks it first, together with what the loop has passed before it, and
   * commits its partition; where the partition of an item was revoked or repositioned meanwhile, the other items are committed before it
   * rejects with INVALID_STATE. With a list of offsets stores exactly these (each the next one to read): they stand until the progress
   * is beyond them, or a seek. Rejects when the group no longer accepts commits of this member.
   */
  async commit(what?: Item | readonly PartitionOffset[], options: CallOptions = {}): Promise<void> {
    const { lifecycle, committer, marks, assignment, options: own } = this.#core.parts
    checkOptions(options, 'consumer.commit()', callOptions)
    if (own.groupId === undefined) throw new KafkaError('INVALID_STATE', 'Cannot commit: the consumer has no groupId')
    if (lifecycle.state === 'closed') throw closedError('consumer')
    if (what === undefined) return committer.commitProgress(assignment.partitions.all, options)
    if (!isOffsets(what)) {
      const { partitions, refusal } = marks.doneUpTo(what, 'consumer.commit()')
      if (partitions.size > 0) await committer.commitProgress([...partitions], options)
      if (refusal !== undefined) throw refusal
      return
    }
    for (const offset of what) checkCommit(offset, 'consumer.commit()')
    const offsets = what.map((one) => ({ ...one, offset: Number(one.offset) }))
    await committer.commitOffsets(offsets, options)
  }

  /** Delivers nothing of these partitions until `resume`, also when they are revoked and assigned again meanwhile. */
  pause(partitions: readonly TopicPartition[]): void {
    this.#core.pause(this.#assigned(partitions, 'consumer.pause()'))
  }

  resume(partitions: readonly TopicPartition[]): void {
    checkPlaces(partitions, 'consumer.resume()')
    for (const place of partitions) this.#core.resume(place)
  }

  /** The assigned partitions that are paused. A partition that was paused and is not assigned at the moment is resumed by its name. */
  paused(): TopicPartition[] {
    const all = [...this.#core.parts.assignment.partitions.all]
    return all.filter(({ paused }) => paused).map(placeOf)
  }

  /** Continues at another offset. Items read before can no longer be marked as processed. */
  seek(to: TopicPartition & { readonly offset: StartOffset }): void {
    checkSeek(to)
    const partition = this.#partition(to)
    if (this.#core.parts.lifecycle.state === 'idle') partition.startAt(to.offset)
    else this.#core.seek(partition, to.offset)
  }

  /** The next offset to deliver; undefined while it is being looked up. */
  position(place: TopicPartition): bigint | undefined {
    checkPlace(place, 'consumer.position()')
    return statusOf(this.#partition(place), this.#core.parts.handOut.deliveries, 0).position
  }

  /** The committed offsets of the group, from the coordinator. */
  async committed(partitions: readonly TopicPartition[], options: CallOptions = {}): Promise<CommittedPosition[]> {
    checkPlaces(partitions, 'consumer.committed()')
    checkOptions(options, 'consumer.committed()', callOptions)
    const core = this.#core
    if (core.parts.options.groupId === undefined)
      throw new KafkaError('INVALID_STATE', 'Cannot look up committed offsets: the consumer has no groupId')
    const found = await core.committed(partitions, options)
    return found.map((one) => ({ ...one, offset: one.offset < 0 ? undefined : BigInt(one.offset) }))
  }

  /** The assigned partitions. */
  assignment(): TopicPartition[] {
    return Array.from(this.#core.parts.assignment.partitions.all, placeOf)
  }

  /** The progress and the state of each assigned partition. */
  partitions(): PartitionStatus[] {
    const { assignment, handOut, cluster } = this.#core.parts
    const nowMs = cluster.runtime.monoNow()
    return Array.from(assignment.partitions.all, (partition) => statusOf(partition, handOut.deliveries, nowMs))
  }

  /** Number of records not yet delivered, as of the last fetches; undefined while a position or the end of a log is unknown. */
  lag(): number | undefined {
    return lagOf(this.#core.parts.assignment.partitions.all)
  }

  /**
   * Joins the group again, so that its leader assigns again (Java: enforceRebalance, KIP-568): user data may have changed. All members
   * join with it. While no reader has joined the group, and with the protocol of KIP-848, it changes nothing.
   */
  rejoin(options: RejoinOptions = {}): void {
    checkOptions(options, 'consumer.rejoin()', ['reason'])
    const { reason = 'the application called rejoin()' } = options
    if (typeof reason !== 'string') throw optionError('reason', 'consumer.rejoin()', 'must be a string')
    const { lifecycle, member } = this.#core.parts
    if (lifecycle.state === 'closing' || lifecycle.state === 'closed') throw closedError('consumer')
    if (member === undefined) {
      throw new KafkaError(
        'INVALID_STATE',
        'Cannot join again: the consumer has assigned partitions and is no member of a group',
      )
    }
    member.membership?.rejoin(reason.slice(0, longestReason))
  }

  /** The membership in the group. */
  status(): ConsumerStatus {
    return membershipStatus(this.#core.parts.member)
  }

  groupMetadata(): GroupIdentity {
    return this.#core.identity
  }

  on<E extends keyof ConsumerEventMap>(event: E, listener: ConsumerEventMap[E]): this {
    this.#core.parts.events.on(event, listener)
    return this
  }

  once<E extends keyof ConsumerEventMap>(event: E, listener: ConsumerEventMap[E]): this {
    this.#core.parts.events.once(event, listener)
    return this
  }

  off<E extends keyof ConsumerEventMap>(event: E, listener: ConsumerEventMap[E]): this {
    this.#core.parts.events.off(event, listener)
    return this
  }

  /**
   * Aborts as soon as `close()` begins, also that of the client, or when the consumer has failed. Then nothing more is delivered, and
   * the item in hand should come to its end: it is still marked and committed.
   */
  get closing(): AbortSignal {
    return this.#core.parts.lifecycle.closeBegun
  }

  /**
   * Waits briefly for items in hand, commits what is processed, and leaves the group (a static member does not). Items may be marked as
   * processed meanwhile. Ends a pending `next()`. Called inside a handler of `run`, it does not wait for that handler: the consumer
   * closes when it has returned. Idempotent; never rejects.
   */
  close(options: CloseOptions = {}): Promise<void> {
    checkOptions(options, 'consumer.close()', ['timeoutMs'])
    const { timeoutMs = closeTimeoutMs } = options
    const { isCalledByHandler } = this
    this.#closed ??= this.#close(timeoutMs).finally(this.#onClosed)
    return isCalledByHandler ? Promise.resolve() : this.#closed
  }

  /** Whether a handler of `run` is calling, also one for the messages of a retry topic. @internal */
  get isCalledByHandler(): boolean {
    return isInside(this.#core.parts.handOut.reader) || this.#failures.isCalledByHandler
  }

  async #close(timeoutMs: number): Promise<void> {
    const { runtime, failureSender } = this.#core.parts
    const deadlineMs = runtime.monoNow() + timeoutMs
    await Promise.all([this.#core.close(timeoutMs), this.#failures.close(timeoutMs)])
    await failureSender.close(Math.max(0, deadlineMs - runtime.monoNow()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Undefined for an object of another kind, or of the other build of this package. @internal */
  static coreOf(consumer: unknown): ConsumerCore | undefined {
    return typeof consumer === 'object' && consumer !== null && #core in consumer ? consumer.#core : undefined
  }

  readonly #commitBatch = (batch: MessageBatch<AnyMessage>): Promise<void> => this.commit(batch)

  #assigned(places: readonly TopicPartition[], caller: string): AssignedPartition[] {
    checkPlaces(places, caller)
    return places.map((place) => this.#partition(place))
  }

  #partition(place: TopicPartition): AssignedPartition {
    const partition = this.#core.parts.assignment.partitions.get(place)
    if (partition !== undefined) return partition
    const { topic, partition: index } = place
    const message = `This consumer is not assigned ${describePartition({ topic, partition: index })}`
    throw new KafkaError('INVALID_STATE', message, { topic, partition: index })
  }
}

function placeOf({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition }
}

/** Whether the argument of `commit` lists offsets. Items are objects of this package. */
function isOffsets(what: Item | readonly PartitionOffset[]): what is readonly PartitionOffset[] {
  if (!Array.isArray(what)) return false
  return what.length > 0 && !what.some((one) => one instanceof Message || one instanceof MessageBatch)
}
