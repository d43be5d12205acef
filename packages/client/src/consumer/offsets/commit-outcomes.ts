import type { OffsetCommitResponse } from '@ottla/codec'
import type { Broker } from '../../cluster/broker.ts'
import { retryBackoffMs } from '../../cluster/retry-backoff.ts'
import { coordinatorLost, isTransient, meaningOf } from '../../error-meaning.ts'
import { closedError, describePartition, KafkaError, kafkaErrorOf } from '../../errors.ts'
import { type GroupIdentity, sameMember } from '../../group/membership.ts'
import { after, type Turns } from '../turns.ts'
import { committing } from './commit-call.ts'
import type { CommitEntry, CommitLine } from './commit-entry.ts'
import type { CommitGate } from './commit-gate.ts'
import type { CommitCluster, CommitHost, CommittedOffset } from './commit-host.ts'
import type { CommitQueue } from './commit-queue.ts'
import type { CommitRequest } from './commit-request.ts'
import { missingTopicError, topicState } from './commit-topics.ts'

const fencedHint = 'Do not commit it again: other members have the partitions now, and start at the last commit.'
const noMemberHint =
  'Choose a groupId without members: a consumer with `assign` cannot commit for a group that has some.'

export interface CommitOutcomeOptions {
  readonly turns: Turns
  /** A start without anything processed is not progress. */
  readonly namedOnly: boolean
  /** At most one failure of automatic commits is reported in this time. */
  readonly reportIntervalMs: number
  /** Commits move over what has no record, without a call of the application. */
  readonly follows: boolean
  /** Entries can be sent again: the metadata of their topics was checked. */
  onChecked(): void
}

export interface CommitParts {
  readonly cluster: CommitCluster
  readonly queue: CommitQueue
  readonly gate: CommitGate
  readonly host: CommitHost
  /** Aborts when the committer closes. */
  readonly closing: AbortSignal
}

type FailedLine = readonly [CommitEntry, CommitLine, KafkaError]

/** What becomes of the entries of a request: each partition is stored, tried again, or fails for good, whatever the others do. */
export class CommitOutcomes {
  readonly #cluster: CommitCluster
  readonly #queue: CommitQueue
  readonly #gate: CommitGate
  readonly #host: CommitHost
  readonly #options: CommitOutcomeOptions
  readonly #closing: AbortSignal
  #quietUntilMs = 0
  /** Of the response that is being settled: number of failures → pause. */
  readonly #pauses = new Map<number, number>()
  /** Calls of the host, made when the queue is up to date. */
  #afterwards: (() => void)[] = []

  constructor(parts: CommitParts, options: CommitOutcomeOptions) {
    this.#cluster = parts.cluster
    this.#queue = parts.queue
    this.#gate = parts.gate
    this.#host = parts.host
    this.#closing = parts.closing
    this.#options = options
  }

  /** Informs the host of what happened. It may call the committer again. */
  callHost(): void {
    const calls = this.#afterwards
    this.#afterwards = []
    if (this.#closing.aborted) return
    for (const call of calls) call()
  }

  /** There is no response. */
  requestFailed(request: CommitRequest, error: KafkaError): Promise<void> | undefined {
    const { outcome } = error
    request.ended(outcome !== 'not-written')
    if (request.isEmpty) {
      this.#settleUnwritten(request)
      return undefined
    }
    const isOver = this.#cluster.closing.aborted
    if (coordinatorLost(error)) this.#forgetCoordinator()
    const mayRetry = !isOver && isTransient(error)
    if (mayRetry) {
      this.#gate.backOff()
      this.#countRetry(error)
    }
    return this.#each(request.entries, (entry) => {
      const { topic, partition } = entry
      if (mayRetry) this.#requeue(entry, error)
      else if (isOver) entry.fail(closedError('client', outcome))
      else this.#fail(entry, error.with({ topic, partition }))
    })
  }

  /** Settles or requeues each entry by the response. */
  settle(request: CommitRequest, response: OffsetCommitResponse, broker: Broker): Promise<void> | undefined {
    request.ended(false)
    const { identity } = request
    if (identity === undefined) return undefined
    const stored: CommittedOffset[] = []
    const failed: FailedLine[] = []
    const ended = this.#each(request.codes(response), ([entry, line, code]) => {
      if (code === 0) {
        stored.push({ topic: entry.topic, partition: entry.partition, offset: line.offset })
        entry.stored(line)
        this.#follow(entry)
      } else failed.push([entry, line, lineError(entry, line, { code, broker, group: identity.groupId })])
    })
    return after(ended, () => {
      if (this.#closing.aborted) return undefined
      if (stored.length > 0) this.#afterwards.push(() => this.#host.onCommitted(stored))
      this.#settleUnwritten(request)
      return this.#settleFailed(failed, identity, request.hasIds)
    })
  }

  /** The request counts as in flight until the last entry has its outcome. */
  #each<T>(items: readonly T[], act: (item: T) => void): Promise<void> | undefined {
    return this.#options.turns.each(items, act, () => this.#closing.aborted)
  }

  /** What follows may have been skipped before the response arrived. */
  #follow({ owner }: CommitEntry): void {
    if (this.#options.follows && owner?.owned === true && owner.progress.uncommittedTail !== undefined)
      this.#queue.progress(owner).wantTail(this.#cluster.runtime.monoNow())
  }

  /** What had nothing to commit at the time of writing, or could not be sent then. */
  #settleUnwritten(request: CommitRequest): void {
    for (const entry of request.entries) {
      if (request.lines.has(entry)) continue
      if (!entry.isGone && entry.line(this.#options.namedOnly) === undefined) entry.settle()
      else this.#queue.putBack(entry)
    }
  }

  #settleFailed(failed: readonly FailedLine[], identity: GroupIdentity, hasIds: boolean): Promise<void> | undefined {
    this.#pauses.clear()
    const unknownTopics = new Set<string>()
    let coordinatorError: KafkaError | undefined
    let memberError: KafkaError | undefined
    const ended = this.#each(failed, ([entry, line, error]) => {
      const { member, moved, notReady, missingTopic, metadataTooLarge } = meaningOf(error.code)
      if (member !== undefined) {
        memberError = error
        this.#memberFailed(entry, error, identity)
      } else if (moved === 'coordinator' || notReady) {
        coordinatorError = error
        this.#requeue(entry, error)
      } else if (missingTopic) {
        unknownTopics.add(entry.topic)
        entry.check(error, hasIds ? line.topicId : undefined, this.#cluster.runtime.monoNow())
        this.#requeue(entry, error)
      } else if (metadataTooLarge && entry.dropMetadata(line)) this.#requeue(entry, error)
      else if (isTransient(error)) this.#retryLater(entry, error)
      else this.#fail(entry, error)
    })
    return after(ended, () => {
      if (this.#closing.aborted) return undefined
      const [first] = failed
      if (first !== undefined) this.#countRetry(first[2])
      if (coordinatorError === undefined) this.#gate.succeeded()
      else this.#coordinatorFailed(coordinatorError)
      if (memberError !== undefined) this.#identityFailed(memberError, identity)
      if (unknownTopics.size > 0) void this.#checkTopics(unknownTopics)
      return undefined
    })
  }

  #coordinatorFailed(error: KafkaError): void {
    if (coordinatorLost(error)) this.#forgetCoordinator()
    this.#gate.backOff()
  }

  /** The coordinator rejects the identity of the request. Where this member has another one by now, the next request has it. */
  #memberFailed(entry: CommitEntry, error: KafkaError, identity: GroupIdentity): void {
    const { member } = meaningOf(error.code)
    if (identity.memberId === '') this.#fail(entry, error.with({ hint: noMemberHint }))
    else if (member === 'replaced') this.#fail(entry, error)
    else if (!sameMember(identity, this.#host.identity())) this.#requeue(entry, error)
    else if (this.#gate.isDraining || member === 'stale-epoch') this.#retryLater(entry, error)
    else if (entry.owner?.revoking === true) this.#fail(entry, error.with({ hint: fencedHint }))
    else {
      entry.failImpatient(error)
      this.#requeue(entry, error)
    }
  }

  #identityFailed(error: KafkaError, identity: GroupIdentity): void {
    if (identity.memberId === '' || !sameMember(identity, this.#host.identity())) return
    this.#gate.hold(identity)
    const { generation } = identity
    const isRebalance = meaningOf(error.code).member === 'rebalancing'
    this.#afterwards.push(() =>
      isRebalance ? this.#host.rebalanceSeen(generation) : this.#host.fenced(error.code, generation),
    )
  }

  /** The coordinator does not have these topics: the metadata shows whether it is behind, or they were deleted. */
  async #checkTopics(topics: ReadonlySet<string>): Promise<void> {
    const signal = this.#closing
    const what = { signal, timeoutMs: this.#cluster.options.requestTimeoutMs }
    const isFresh = await this.#cluster
      .refreshMetadata(`${committing}: the coordinator does not have a topic`, [...topics], what)
      .then(
        () => true,
        () => false,
      )
    if (signal.aborted) return
    this.#pauses.clear()
    for (const entry of [...this.#queue.all()]) {
      if (entry.isChecking && topics.has(entry.topic)) this.#decide(entry, isFresh)
    }
    this.#options.onChecked()
  }

  #decide(entry: CommitEntry, isFresh: boolean): void {
    const { owner, unknownTopic } = entry
    entry.checked()
    if (unknownTopic === undefined) return
    const { topicId, sinceMs, error } = unknownTopic
    const state = isFresh ? topicState(this.#cluster, entry, topicId) : 'exists'
    if (state === 'recreated' && owner === undefined) {
      entry.retarget(this.#cluster.topic(entry.topic)?.topicId)
      return
    }
    // A topic that was created a moment ago reaches the brokers one after the other.
    const missingMs = this.#cluster.runtime.monoNow() - sinceMs
    const isPermanent = owner !== undefined || missingMs >= this.#cluster.options.topicTimeoutMs
    this.#queue.remove(entry)
    if (state === 'exists' || !isPermanent) {
      this.#retryLater(entry, error)
      return
    }
    if (owner?.owned === true && topicId !== undefined && owner.fetching.topicId === topicId) {
      this.#afterwards.push(() => this.#host.onRecreated(owner))
    }
    this.#fail(entry, missingTopicError(error, state))
  }

  // ---- one entry

  #retryLater(entry: CommitEntry, error: KafkaError): void {
    entry.failures++
    entry.dueMs = this.#cluster.runtime.monoNow() + this.#pauseMs(entry.failures)
    this.#requeue(entry, error)
  }

  /** The partitions of one response wait for the same time, so that one request has all of them again. */
  #pauseMs(failures: number): number {
    const pauseMs = this.#pauses.get(failures) ?? retryBackoffMs(this.#cluster, failures)
    this.#pauses.set(failures, pauseMs)
    return pauseMs
  }

  #requeue(entry: CommitEntry, error: KafkaError): void {
    const nowMs = this.#cluster.runtime.monoNow()
    entry.note(error)
    const isAutomatic = entry.automatic || entry.start
    if (isAutomatic && entry.failingMs(nowMs) >= this.#options.reportIntervalMs) this.#report(error, nowMs)
    this.#queue.putBack(entry)
  }

  #fail(entry: CommitEntry, error: KafkaError): void {
    if (entry.isGone) {
      this.#queue.putBack(entry)
      return
    }
    const { owner, automatic, start } = entry
    const nowMs = this.#cluster.runtime.monoNow()
    entry.fail(error)
    if (automatic || start) this.#report(error, nowMs)
    if (!start || owner === undefined) return
    const again = this.#queue.progress(owner)
    if (!again.isWanted) again.dueMs = nowMs + this.#options.reportIntervalMs
    again.start = true
  }

  #report(error: KafkaError, nowMs: number): void {
    if (nowMs < this.#quietUntilMs) return
    this.#quietUntilMs = nowMs + this.#options.reportIntervalMs
    this.#afterwards.push(() => this.#host.onAutoFailure(error))
  }

  /** Once per request, whatever the number of its partitions. */
  #countRetry(error: KafkaError): void {
    this.#cluster.metrics.counter('retries').add(1)
    this.#cluster.logger.debug('a commit failed', { error: error.message })
  }

  #forgetCoordinator(): void {
    this.#cluster.forgetCoordinator('group', this.#host.identity().groupId)
  }
}

function lineError(
  { topic, partition }: CommitEntry,
  { offset }: CommitLine,
  { code, broker, group }: { code: number | undefined; broker: Broker; group: string },
): KafkaError {
  if (code !== undefined) {
    return kafkaErrorOf(code, committing, { topic, partition, broker, group }).with({ offset: BigInt(offset) })
  }
  const place = `${describePartition({ topic, partition })} (group '${group}', broker ${broker.id})`
  const message = `${committing} failed: the response is missing ${place}`
  const details = { retriable: true, topic, partition, broker, offset: BigInt(offset) }
  return new KafkaError('PROTOCOL_ERROR', message, details)
}
