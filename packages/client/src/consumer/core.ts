import type { CallOptions } from '../call-options.ts'
import { textOf } from '../error-data.ts'
import { closedError, type KafkaError } from '../errors.ts'
import type { GroupIdentity, TopicPartition } from '../group/membership.ts'
import type { StartOffset } from '../group/offset-input.ts'
import { errorFields } from '../logger.ts'
import { waitAtMost } from '../runtime/wait.ts'
import type { FailureHost } from './failures/failure-handling.ts'
import { reportForwarded } from './failures/failure-parts.ts'
import { nothingToRead } from './manual-assignment.ts'
import { type CommittedOffset, committedOffsets } from './offsets/committed-offsets.ts'
import type { AssignedPartition as AssignedPlace, ConsumerOptions, TopicSelector } from './options.ts'
import type { AssignedPartition } from './partition/assigned-partition.ts'
import type { ConsumerParts } from './parts.ts'
import type { RunnerHost } from './reading/runner.ts'

/** For the last commit and for leaving the group after a failure, in the background. */
const failedLeaveMs = 10_000

/** Starts, stops and fails the parts of one consumer together. `Consumer` is the public API. */
export class ConsumerCore {
  readonly parts: ConsumerParts
  readonly #register: () => (() => void)[]
  #releases: (() => void)[] = []

  /** `register`: gauges, health and metadata, from the start on; returns what undoes it. */
  constructor(parts: ConsumerParts, register: () => (() => void)[]) {
    this.parts = parts
    this.#register = register
  }

  get identity(): GroupIdentity {
    return this.parts.identity
  }

  runnerHost(commitBatch: RunnerHost['commitBatch']): RunnerHost {
    const { runtime, lifecycle, prefetch, events, cluster } = this.parts
    return {
      runtime,
      // A consumer that shares a budget has an equal part of it.
      maxBufferedBytes: 2 * prefetch.guaranteedBytes,
      commitBatch,
      closing: lifecycle.closeBegun,
      ended: lifecycle.ended,
      get fatal() {
        return lifecycle.fatal
      },
      ready: (partition) => this.ready(partition),
      onRetry: ({ offset, ...notice }) => events.emit('retry', { ...notice, offset: BigInt(offset) }),
      onFurtherFailure: (error) => cluster.logger.warn('another handler failed while the run ends', errorFields(error)),
      onLateFailure: ({ topic, partition, signal }, offset, error) => {
        // A handler that ended because of its signal did what it should.
        const level = error === signal.reason ? 'debug' : 'warn'
        const message = 'a handler failed after its partition was given up; the message is read again'
        cluster.logger[level](message, { topic, partition, offset, error: textOf(error) })
        prefetch.wake()
      },
    }
  }

  failureHost(given: ConsumerOptions<TopicSelector>, createConsumer: FailureHost['createConsumer']): FailureHost {
    const { runtime, options, events, failureSender } = this.parts
    return {
      ...{ runtime, given, options, createConsumer },
      sender: failureSender,
      onForwarded: (notice) => reportForwarded(this.parts, notice),
      emit: (event, ...args) => events.emit(event, ...args),
    }
  }

  /** Joins the group, or starts the assigned partitions. Called by each reader. */
  start(): void {
    const { lifecycle, flush, watchdog, member, prefetch } = this.parts
    if (lifecycle.state === 'idle' && this.parts.ungrouped.isPointless) throw nothingToRead()
    const isFirst = lifecycle.run()
    if (isFirst) {
      this.#releases = this.#register()
      prefetch.open()
      flush.start()
      watchdog.start()
    }
    if (member !== undefined) member.join()
    else if (isFirst) void this.parts.ungrouped.start()
  }

  /** Assigns these partitions instead of those before. */
  async assign(places: readonly AssignedPlace[], options: CallOptions): Promise<void> {
    this.start()
    await this.parts.manual.change(places, options)
  }

  // ---- positions and pauses

  seek(partition: AssignedPartition, offset: StartOffset): void {
    const { positions, handOut } = this.parts
    handOut.moved(partition)
    positions.seek(partition, offset)
  }

  pause(places: readonly TopicPartition[]): void {
    const { assignment, prefetch, source } = this.parts
    for (const place of places) assignment.pause(place, true)
    prefetch.limitHalted()
    // Their bytes no longer count against the other partitions.
    source.wake()
  }

  resume(place: TopicPartition): void {
    const { assignment } = this.parts
    assignment.pause(place, false)
    const partition = assignment.partitions.get(place)
    if (partition !== undefined) this.ready(partition)
  }

  /** The partition may be fetched and delivered again. */
  ready(partition: AssignedPartition): void {
    this.parts.handOut.reader?.partitionChanged?.(partition)
    this.parts.prefetch.ready(partition)
    this.parts.source.ready(partition)
  }

  committed(partitions: readonly TopicPartition[], options: CallOptions): Promise<CommittedOffset[]> {
    const { lookups, cluster, lifecycle } = this.parts
    return committedOffsets(lookups, cluster, partitions, { ...options, closing: lifecycle.closing })
  }

  // ---- the end

  fail(error: KafkaError): void {
    const { lifecycle, cluster, watchdog, flush, source, subscription, missing, handOut, member } = this.parts
    if (!lifecycle.fail(error)) return
    cluster.logger.error('the consumer stopped', { error: error.message })
    watchdog.stop()
    flush.stop()
    source.close()
    subscription.close()
    missing.stop()
    handOut.wake()
    void member?.leave({ timeoutMs: failedLeaveMs, reason: 'the consumer failed' })
  }

  /** Leaves the group because the application makes no progress, so that other members get the partitions. */
  evict(error: KafkaError): void {
    const { member } = this.parts
    if (member === undefined) return
    const reason = 'an item took longer than maxProcessingMs'
    void member.leave({ timeoutMs: failedLeaveMs, reason, always: true })
    this.fail(error)
  }

  /** Leaves the group until something reads again. */
  leaveUnread(elapsedMs: number): void {
    const { member, lifecycle, cluster } = this.parts
    if (member?.membership === undefined || !lifecycle.isRunning) return
    cluster.logger.warn('nothing reads: the member leaves its group until the next read', { elapsedMs })
    lifecycle.unassigned()
    void member.leave({ timeoutMs: failedLeaveMs, reason: 'nothing read for maxProcessingMs', always: true })
  }

  async close(timeoutMs: number): Promise<void> {
    const {
      lifecycle,
      prefetch,
      flush,
      source,
      handOut,
      assignment,
      subscription,
      missing,
      watchdog,
      poll,
      events,
      connections,
    } = this.parts
    const before = lifecycle.close(timeoutMs)
    handOut.wake()
    if (before === 'running') await this.#leaveCleanly(timeoutMs)
    flush.close()
    source.close()
    lifecycle.stopRequests()
    for (const release of this.#releases) release()
    this.#releases = []
    subscription.close()
    missing.stop()
    watchdog.stop()
    assignment.releaseAll(closedError('consumer'))
    prefetch.close()
    connections.own.close()
    lifecycle.closed()
    poll.undo()
    handOut.wake()
    events.emit('closed')
    events.removeAll()
  }

  /** Stops in the order of a revocation. Bounded, whatever handlers and brokers do. */
  async #leaveCleanly(timeoutMs: number): Promise<void> {
    const { runtime, flush, assignment, member, graceMs } = this.parts
    const deadlineMs = runtime.monoNow() + timeoutMs
    flush.stop()
    // What was to be committed is sent before the member leaves.
    await flush.drain(graceMs)
    if (member !== undefined) {
      await member.leave({ timeoutMs: deadlineMs - runtime.monoNow(), reason: 'the consumer is closing' })
    } else if (assignment.partitions.size > 0) {
      const revoked = assignment.revoke([...assignment.partitions.all], graceMs)
      await waitAtMost(runtime, deadlineMs - runtime.monoNow(), revoked)
    }
  }
}
