import type { TopicPartition } from '../../cluster/topology.ts'
import { noTopicId } from '../../cluster/topology.ts'
import { closedError, describePartition, KafkaError } from '../../errors.ts'
import { DeadlineTimer } from '../../runtime/deadline-timer.ts'
import { type Deferred, deferred } from '../../runtime/deferred.ts'
import { waitAtMost } from '../../runtime/wait.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import type { Turns } from '../turns.ts'
import { CommitCall, type CommitOptions, committing } from './commit-call.ts'
import type { ExplicitOffset } from './commit-entry.ts'
import type { CommitCluster, CommitHost } from './commit-host.ts'
import { CommitLoop } from './commit-loop.ts'
import { CommitQueue } from './commit-queue.ts'
import type { ProgressFlush } from './progress-flush.ts'

/** An offset to commit as it is. */
export interface OffsetToCommit extends TopicPartition {
  /** The next offset to read. */
  readonly offset: number
  /** Of the record before it; default -1, unknown. */
  readonly leaderEpoch?: number | undefined
  readonly metadata?: string | null | undefined
}

export interface CommitterHost extends CommitHost {
  readonly turns: Turns
  /** The partitions that are assigned to this consumer. */
  partitions(): Iterable<AssignedPartition>
  /** One of them, if it is assigned. */
  find(place: TopicPartition): AssignedPartition | undefined
}

/** When to commit by itself; `mark: false` is the mode 'manual'. */
export interface CommitterPolicy {
  readonly mark: boolean
  readonly automatic: boolean
  readonly intervalMs: number
  /** Processed items after which an automatic commit does not wait for the interval. */
  readonly count: number
}

/** The longest string that every version of the protocol can encode, in bytes of UTF-8. */
const mostStringBytes = 0x7fff

/** Characters of a topic name in a message. */
const mostShown = 249

/**
 * Commits the offsets of one consumer. One request is in flight; what is to be committed meanwhile merges into the next one, the
 * latest per partition. Each partition has its own outcome, and each call its own deadline.
 */
export class Committer implements ProgressFlush {
  readonly #cluster: CommitCluster
  readonly #policy: CommitterPolicy
  readonly #host: CommitterHost
  readonly #queue: CommitQueue
  readonly #loop: CommitLoop
  readonly #timer: DeadlineTimer
  readonly #calls = new Set<CommitCall>()
  /** Of the automatic commits, on `monoNow`. */
  #nextAutoMs = Number.POSITIVE_INFINITY
  #counted = 0
  /** An automatic commit is to begin. */
  #isDue = false
  #isCollecting = false
  #drained: Deferred<void> | undefined
  #isClosed = false

  constructor(cluster: CommitCluster, policy: CommitterPolicy, host: CommitterHost) {
    this.#cluster = cluster
    this.#policy = policy
    this.#host = host
    this.#queue = new CommitQueue((entry) => entry.giveUp(host.identity().groupId))
    this.#timer = new DeadlineTimer(cluster.runtime, (nowMs) => this.#onDue(nowMs))
    this.#loop = new CommitLoop(cluster, this.#queue, host, {
      turns: host.turns,
      namedOnly: !policy.mark,
      reportIntervalMs: policy.intervalMs,
      follows: !policy.automatic,
      wakeBy: (atMs) => this.#timer.wakeBy(atMs),
      onPause: () => this.#checkDrained(),
    })
  }

  // ---- automatic commits

  /** Starts automatic commits, if the policy has them. */
  start(): void {
    if (!this.#policy.automatic || this.#isClosed || this.#isRunning) return
    this.#nextAutoMs = this.#cluster.runtime.monoNow() + this.#policy.intervalMs
    this.#timer.wakeBy(this.#nextAutoMs)
  }

  /** Stops automatic commits; those in flight end. */
  stop(): void {
    this.#nextAutoMs = Number.POSITIVE_INFINITY
  }

  /** Counts processed items for the policy's `count`. */
  counted(items: number): void {
    this.#counted += items
    if (this.#counted >= this.#policy.count) this.autoNow()
  }

  /** Commits the progress of all partitions now instead of at the next interval. Only between `start` and `stop`. */
  autoNow(): void {
    this.#counted = 0
    this.#isDue = true
    if (this.#isRunning && !this.#isCollecting) void this.#collect()
  }

  async #collect(): Promise<void> {
    const { turns } = this.#host
    const add = (partition: AssignedPartition): void => {
      if (!partition.commitsAutomatically || partition.progress.pending(false) === undefined) return
      this.#queue.progress(partition).automatic = true
    }
    this.#isCollecting = true
    while (this.#isDue && this.#isRunning) {
      this.#isDue = false
      const ended = turns.each([...this.#host.partitions()], add, () => !this.#isRunning)
      if (ended !== undefined) await ended
      this.#loop.wake()
    }
    this.#isCollecting = false
  }

  /** Commits the start of partitions for which the reset policy chose it, until it is stored or the partition is given up. */
  commitStart(partitions: Iterable<AssignedPartition>): void {
    if (this.#isClosed) return
    for (const partition of partitions) {
      if (!partition.owned || partition.progress.uncommittedStart === undefined) continue
      this.#queue.progress(partition).wantStart()
    }
    this.#loop.wake()
  }

  /** The commit of a partition moves over what follows it and has no record. Automatic commits do that at their interval. */
  follow(partition: AssignedPartition): void {
    if (this.#isClosed || this.#policy.automatic) return
    this.#queue.progress(partition).wantTail(this.#cluster.runtime.monoNow())
    this.#loop.wake()
  }

  // ---- commits of the application

  /**
   * Commits what is processed of these partitions, as of the time when the request is written. Rejects with TIMED_OUT, ABORTED,
   * CLOSED, ILLEGAL_GENERATION (the partition was given up), or the coordinator's error for a partition.
   */
  commitProgress(partitions: Iterable<AssignedPartition>, options: CommitOptions = {}): Promise<void> {
    return this.#call(options, (call) => {
      const join = (partition: AssignedPartition): void => {
        const pending = partition.progress.pending(!this.#policy.mark)
        if (pending !== undefined) this.#queue.progress(partition).join(call, pending.offset)
      }
      return this.#host.turns.each([...partitions], join, () => call.isSettled)
    })
  }

  /**
   * Commits exactly these offsets and touches no other partition. They stand: automatic commits follow only from beyond them, until a
   * seek. The partitions need not be assigned to this consumer. Rejects as `commitProgress`.
   */
  async commitOffsets(offsets: readonly OffsetToCommit[], options: CommitOptions = {}): Promise<void> {
    for (const offset of offsets) checkEncodable(offset)
    return this.#call(options, (call) => {
      for (const { topic, partition, ...given } of offsets) {
        const owner = this.#host.find({ topic, partition })
        const entry = this.#queue.explicit({ topic, partition }, this.#explicit(topic, given, owner), owner)
        entry.join(call, given.offset)
      }
      // Not divided: of two calls for a partition the later one counts.
      return undefined
    })
  }

  // ---- what happens to the consumer

  /** The group is stable again: what waited for the end of the rebalance is sent. */
  resume(): void {
    this.#loop.resume()
  }

  /** What is processed is committed once the handlers have ended. */
  revoking(): void {}

  /** These partitions were revoked (`owned` is false): what was not stored rejects. A response in flight still counts. */
  revoked(partitions: Iterable<AssignedPartition>): void {
    // The response in flight may show that a call that waits for the next request has what it needs.
    for (const partition of partitions) if (!this.#loop.hasInFlight(partition)) this.#queue.release(partition)
    this.#checkDrained()
  }

  /** Resolves when everything that was to be committed has an outcome, or at its timeout. To call before the member leaves. */
  async drain(timeoutMs: number): Promise<void> {
    if (this.#isClosed) return
    this.#drained ??= deferred()
    this.#loop.drain(true)
    this.#checkDrained()
    const { promise } = this.#drained ?? { promise: Promise.resolve() }
    await waitAtMost(this.#cluster.runtime, timeoutMs, promise)
    this.#drained = undefined
    this.#loop.drain(false)
  }

  /** Aborts the request in flight; calls that have not settled reject with CLOSED and their outcome. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.stop()
    this.#timer.stop()
    for (const call of [...this.#calls]) call.reject(closedError('consumer', call.outcome))
    this.#loop.close()
    this.#checkDrained()
  }

  // ---- inside

  get #isRunning(): boolean {
    return this.#nextAutoMs !== Number.POSITIVE_INFINITY
  }

  #call(
    { timeoutMs, signal, rebalance }: CommitOptions,
    add: (call: CommitCall) => Promise<void> | undefined,
  ): Promise<void> {
    if (this.#isClosed) return Promise.reject(closedError('consumer', 'not-written'))
    if (rebalance === 'fail' && this.#isOutside) return Promise.reject(outsideError(this.#host.identity().groupId))
    const call = new CommitCall({
      nowMs: this.#cluster.runtime.monoNow(),
      timeoutMs: timeoutMs ?? this.#cluster.options.apiTimeoutMs,
      signal,
      waitsForRebalance: rebalance !== 'fail',
      onSettled: (settled) => this.#settled(settled),
    })
    if (call.isSettled) return call.promise
    this.#calls.add(call)
    const added = add(call)
    if (added === undefined) this.#seal(call)
    else {
      this.#timer.wakeBy(call.deadlineMs)
      void added.then(() => this.#seal(call))
    }
    return call.promise
  }

  #seal(call: CommitCall): void {
    call.seal()
    if (call.isSettled) return
    this.#timer.wakeBy(call.deadlineMs)
    this.#loop.wake()
  }

  /** The member has no generation, and no commit can be sent before it has joined. */
  get #isOutside(): boolean {
    return !this.#host.isStable() && this.#host.identity().generation < 0
  }

  #explicit(
    topic: string,
    { offset, leaderEpoch = -1, metadata }: Omit<OffsetToCommit, keyof TopicPartition>,
    owner: AssignedPartition | undefined,
  ): ExplicitOffset {
    const known = owner === undefined ? this.#cluster.topic(topic)?.topicId : owner.fetching.topicId
    const topicId = known === noTopicId ? undefined : known
    return { offset, leaderEpoch, metadata: metadata ?? '', topicId, era: owner?.era }
  }

  #settled(call: CommitCall): void {
    this.#calls.delete(call)
    this.#checkDrained()
  }

  #onDue(nowMs: number): number {
    let dueMs = Number.POSITIVE_INFINITY
    for (const call of [...this.#calls]) {
      call.expire(nowMs)
      if (!call.isSettled) dueMs = Math.min(dueMs, call.deadlineMs)
    }
    if (nowMs >= this.#nextAutoMs) {
      this.#nextAutoMs = nowMs + this.#policy.intervalMs
      this.autoNow()
    } else this.#loop.wake()
    return Math.min(dueMs, this.#nextAutoMs)
  }

  /** A commit that no call waits for counts only until it was sent once. */
  #checkDrained(): void {
    if (this.#drained === undefined) return
    if (!this.#isClosed && (this.#calls.size > 0 || this.#loop.isSending || this.#hasUntried())) return
    this.#drained.resolve()
    this.#drained = undefined
  }

  #hasUntried(): boolean {
    for (const entry of this.#queue.all()) if (entry.isWanted && !entry.wasTried) return true
    return false
  }
}

/** What the protocol cannot encode would fail the whole request, with the offsets of other calls in it. */
function checkEncodable(given: OffsetToCommit): void {
  const problem = problemOf(given)
  if (problem === undefined) return
  const { topic, partition } = given
  const place = describePartition({ topic: topic.slice(0, mostShown), partition })
  const message = `${committing} failed (${place}): ${problem}`
  throw new KafkaError('INVALID_ARGUMENT', message, { topic, partition, outcome: 'not-written' })
}

function problemOf({ topic, partition, offset, leaderEpoch = -1, metadata }: OffsetToCommit): string | undefined {
  if (Buffer.byteLength(topic) > mostStringBytes) return 'the name of the topic is too long'
  if (!isInt32(partition, 0)) return `${partition} is not a partition`
  if (!Number.isSafeInteger(offset) || offset < 0) return `${offset} is not an offset`
  if (!isInt32(leaderEpoch, -1)) return `${leaderEpoch} is not a leader epoch`
  if (Buffer.byteLength(metadata ?? '') > mostStringBytes) return `the metadata exceeds ${mostStringBytes} bytes`
  return undefined
}

function isInt32(value: number, least: number): boolean {
  return Number.isInteger(value) && value >= least && value <= 0x7fffffff
}

function outsideError(groupId: string): KafkaError {
  const message = `${committing} failed (group '${groupId}'): the consumer is not a member of the group at the moment`
  return new KafkaError('ILLEGAL_GENERATION', message, { outcome: 'not-written' })
}
