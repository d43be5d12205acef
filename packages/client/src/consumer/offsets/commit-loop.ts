import { OffsetCommit, type OffsetCommitRequest } from '@ottla/codec'
import type { Broker } from '../../cluster/broker.ts'
import { asKafkaError, closedError, KafkaError } from '../../errors.ts'
import { withSignal } from '../../runtime/wait.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import type { Turns } from '../turns.ts'
import { committing } from './commit-call.ts'
import { CommitGate } from './commit-gate.ts'
import type { CommitCluster, CommitHost } from './commit-host.ts'
import { CommitOutcomes } from './commit-outcomes.ts'
import type { CommitQueue } from './commit-queue.ts'
import { CommitRequest } from './commit-request.ts'

export interface CommitLoopOptions {
  readonly turns: Turns
  /** A start without anything processed is not progress. */
  readonly namedOnly: boolean
  /** At most one failure of automatic commits is reported in this time. */
  readonly reportIntervalMs: number
  /** Commits move over what has no record, without a call of the application. */
  readonly follows: boolean
  /** `wake` has to be called at this time, on `monoNow`. */
  wakeBy(atMs: number): void
  /** No request is in flight, and none can be sent now. */
  onPause(): void
}

/** Sends what the queue contains, one request at a time. */
export class CommitLoop {
  readonly #cluster: CommitCluster
  readonly #queue: CommitQueue
  readonly #host: CommitHost
  readonly #options: CommitLoopOptions
  readonly #gate: CommitGate
  readonly #outcomes: CommitOutcomes
  readonly #closing = new AbortController()
  #isSending = false
  #isWaking = false
  #request: CommitRequest | undefined

  constructor(cluster: CommitCluster, queue: CommitQueue, host: CommitHost, options: CommitLoopOptions) {
    this.#cluster = cluster
    this.#queue = queue
    this.#host = host
    this.#options = options
    this.#gate = new CommitGate(cluster, host)
    const { turns, namedOnly, reportIntervalMs, follows } = options
    const parts = { cluster, queue, host, gate: this.#gate, closing: this.#closing.signal }
    this.#outcomes = new CommitOutcomes(parts, {
      turns,
      namedOnly,
      reportIntervalMs,
      follows,
      onChecked: () => this.#continue(),
    })
  }

  get isSending(): boolean {
    return this.#isSending
  }

  /** Whether the request that is in flight includes the partition. */
  hasInFlight(partition: AssignedPartition): boolean {
    return this.#request?.has(partition) === true
  }

  /** The member leaves: commits no longer wait for the end of a rebalance. */
  drain(isDraining: boolean): void {
    this.#gate.isDraining = isDraining
    this.wake()
  }

  /** The group is stable again. */
  resume(): void {
    this.#gate.release()
    this.wake()
  }

  close(): void {
    this.#closing.abort(closedError('consumer', 'unknown'))
  }

  /** Sends what is due, unless a request is in flight. In another turn where the queue is long: it may be called for each partition. */
  wake(): void {
    if (this.#isSending || this.#isWaking || this.#closing.signal.aborted) return
    const turn = this.#options.turns.own(this.#queue.size)
    if (turn === undefined) {
      this.#look()
      return
    }
    this.#isWaking = true
    void turn.then(() => {
      this.#isWaking = false
      this.#look()
    })
  }

  #look(): void {
    if (this.#isSending || this.#closing.signal.aborted) return
    this.#queue.prune()
    const dueMs = Math.max(this.#queue.nextDueMs(this.#gate.sendable()), this.#gate.resumeAtMs)
    if (dueMs <= this.#cluster.runtime.monoNow()) {
      this.#isSending = true
      void this.#round(this.#closing.signal)
      return
    }
    if (dueMs !== Number.POSITIVE_INFINITY) this.#options.wakeBy(dueMs)
    this.#options.onPause()
  }

  async #round(signal: AbortSignal): Promise<void> {
    try {
      const found = await this.#findCoordinator(signal)
      if (signal.aborted) return
      const nowMs = this.#cluster.runtime.monoNow()
      const request = new CommitRequest(this.#queue.take(nowMs, this.#gate.sendable()))
      for (const entry of request.entries) entry.tried(nowMs)
      this.#request = request
      const turn = this.#options.turns.own(request.entries.length)
      if (turn !== undefined) await turn
      if (signal.aborted) return
      if (request.entries.length > 0) await this.#send(request, found, signal)
    } finally {
      this.#isSending = false
      this.#request = undefined
      this.#continue()
    }
  }

  #continue(): void {
    this.#outcomes.callHost()
    this.wake()
  }

  /** The broker, or why there is none. Calls made meanwhile are part of the request. */
  async #findCoordinator(signal: AbortSignal): Promise<Broker | KafkaError> {
    try {
      const { groupId } = this.#host.identity()
      return await withSignal(this.#cluster.findCoordinator('group', groupId), signal)
    } catch (error) {
      return asKafkaError(error, committing)
    }
  }

  async #send(request: CommitRequest, broker: Broker | KafkaError, signal: AbortSignal): Promise<void> {
    try {
      if (KafkaError.is(broker)) throw broker
      const body = (version: number) => this.#write(request, version)
      const purpose = this.#host.connection.to(broker)
      const response = await broker.request(OffsetCommit, body, { purpose, signal, maxVersion: request.maxVersion })
      const ended = signal.aborted ? undefined : this.#outcomes.settle(request, response, broker)
      if (ended !== undefined) await ended
    } catch (error) {
      const ended = signal.aborted ? undefined : this.#outcomes.requestFailed(request, asKafkaError(error, committing))
      if (ended !== undefined) await ended
    }
  }

  #write(request: CommitRequest, version: number): OffsetCommitRequest {
    const isSendable = this.#gate.sendable()
    return request.body(version, this.#host.identity(), (entry) =>
      entry.isWanted && !entry.isGone && isSendable(entry) ? entry.line(this.#options.namedOnly) : undefined,
    )
  }
}
