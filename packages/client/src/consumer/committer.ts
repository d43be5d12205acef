import { OffsetCommit, type OffsetCommitResponse } from '@ottla/codec'
import type { Broker } from '../cluster/broker.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { onCoordinator } from '../cluster/on-coordinator.ts'
import { groupByTopic, type TopicPartition } from '../cluster/topology.ts'
import { meaningOf } from '../error-meaning.ts'
import { asKafkaError, closedError, describePartition, type ErrorCode, KafkaError, kafkaErrorOf } from '../errors.ts'
import type { GroupIdentity } from '../group/membership.ts'
import { DeadlineTimer } from '../runtime/deadline-timer.ts'
import type { Cursor } from './cursor.ts'
import type { CommitPolicy } from './options.ts'

export interface OffsetToCommit extends TopicPartition {
  /** The next offset to read. */
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata?: string | null | undefined
  /** The partition, if it is assigned to this consumer. */
  readonly cursor?: Cursor | undefined
}

export interface CommitterHost {
  identity(): GroupIdentity
  /** Whether a commit can succeed: this member is in a stable group. */
  ready(): boolean
  cursors(): Iterable<Cursor>
  /** The coordinator rejects this member's commits. */
  fenced(code: ErrorCode, generation: number): void
  rebalanceSeen(generation: number): void
  onCommitted(offsets: readonly OffsetToCommit[]): void
  onAutoFailure(error: KafkaError): void
}

export type CommitCluster = Pick<Cluster, 'runtime' | 'options' | 'retry' | 'findCoordinator' | 'forgetCoordinator'>

export interface CommitOptions {
  /** Default `apiTimeoutMs`. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

const fencedHint = 'Do not commit it again: other members have the partitions now, and start at the last commit.'

/** Commits one at a time, so that an earlier commit never overtakes a later one. */
export class Committer {
  readonly #cluster: CommitCluster
  readonly #policy: CommitPolicy
  readonly #host: CommitterHost
  #last: Promise<unknown> = Promise.resolve()
  readonly #timer: DeadlineTimer
  #running = false
  #autoUnderWay = false
  readonly #closing = new AbortController()

  constructor(cluster: CommitCluster, policy: CommitPolicy, host: CommitterHost) {
    this.#cluster = cluster
    this.#policy = policy
    this.#host = host
    this.#timer = new DeadlineTimer(cluster.runtime, (nowMs) => {
      this.autoNow()
      return nowMs + policy.intervalMs
    })
  }

  /** Starts automatic commits, if the policy has them. */
  start(): void {
    if (!this.#policy.automatic || this.#running) return
    this.#running = true
    this.#timer.wakeIn(this.#policy.intervalMs)
  }

  stop(): void {
    this.#running = false
    this.#timer.stop()
  }

  /** Aborts the commit in flight. */
  close(): void {
    this.stop()
    this.#closing.abort(closedError('consumer', 'unknown'))
  }

  /** Commits immediately instead of at the next interval. */
  autoNow(): void {
    if (!this.#running || this.#autoUnderWay) return
    void this.#auto()
  }

  /** The processed offsets that are not committed yet. */
  pending(cursors: Iterable<Cursor>): OffsetToCommit[] {
    const offsets: OffsetToCommit[] = []
    for (const cursor of cursors) {
      if (cursor.owned && cursor.done >= 0 && cursor.done !== cursor.committed && !cursor.resolving) {
        offsets.push({ ...placeOf(cursor), offset: cursor.done, leaderEpoch: cursor.doneEpoch, cursor })
      }
    }
    return offsets
  }

  /** Resolves when the coordinator has the offsets; transient failures are retried until the deadline. */
  commit(offsets: readonly OffsetToCommit[], options: CommitOptions = {}): Promise<void> {
    if (offsets.length === 0) return Promise.resolve()
    const turn = this.#last.then(() => this.#commit(offsets, options))
    this.#last = turn.catch(() => {})
    return turn
  }

  /** Never commits while the member is joining; afterwards it commits the partitions that it still owns. */
  async #auto(): Promise<void> {
    if (!this.#host.ready()) return
    const offsets = this.pending(this.#host.cursors())
    if (offsets.length === 0) return
    this.#autoUnderWay = true
    try {
      await this.commit(offsets, {
        timeoutMs: Math.max(this.#policy.intervalMs, this.#cluster.options.requestTimeoutMs),
      })
    } catch (error) {
      if (this.#running) this.#host.onAutoFailure(asKafkaError(error, 'Committing offsets'))
    } finally {
      this.#autoUnderWay = false
    }
  }

  #commit(offsets: readonly OffsetToCommit[], { timeoutMs, signal }: CommitOptions): Promise<void> {
    const { groupId } = this.#host.identity()
    const operation = 'Committing offsets'
    const what = { operation, timeoutMs, signal, closing: this.#closing.signal }
    return onCoordinator(this.#cluster, groupId, what, (broker, bounded) => this.#attempt(offsets, broker, bounded))
  }

  /** Omits partitions that were revoked in the meantime: the commit would overwrite that of their new owner. */
  async #attempt(given: readonly OffsetToCommit[], broker: Broker, signal: AbortSignal): Promise<void> {
    const offsets = given.filter(({ cursor }) => cursor === undefined || cursor.owned)
    if (offsets.length > 0) await this.#send(offsets, broker, signal)
    const gone = given.find(({ cursor }) => cursor?.owned === false)
    if (gone === undefined) return
    const { topic, partition } = gone
    const message = `Committing offsets failed: ${describePartition(gone)} was revoked before its offset was committed`
    throw new KafkaError('ILLEGAL_GENERATION', message, {
      topic,
      partition,
      offset: BigInt(gone.offset),
      hint: fencedHint,
    })
  }

  async #send(offsets: readonly OffsetToCommit[], broker: Broker, signal: AbortSignal): Promise<void> {
    const identity = this.#host.identity()
    const body = {
      groupId: identity.groupId,
      generationIdOrMemberEpoch: identity.generation,
      memberId: identity.memberId,
      groupInstanceId: identity.instanceId,
      topics: topicsOf(offsets),
    }
    const response = await broker.request(OffsetCommit, body, { signal, maxVersion: 9 })
    this.#settle(offsets, response, identity, broker)
  }

  #settle(
    offsets: readonly OffsetToCommit[],
    response: OffsetCommitResponse,
    identity: GroupIdentity,
    broker: Broker,
  ): void {
    const codes = new Map<string, Map<number, number>>()
    for (const { name, partitions } of response.topics) {
      codes.set(name, new Map(partitions.map(({ partitionIndex, errorCode }) => [partitionIndex, errorCode])))
    }
    let failure: KafkaError | undefined
    const taken: OffsetToCommit[] = []
    for (const offset of offsets) {
      const { topic, partition, cursor } = offset
      const code = codes.get(topic)?.get(partition) ?? 0
      if (code === 0) {
        if (cursor !== undefined) cursor.committed = offset.offset
        taken.push(offset)
      } else failure ??= this.#failure(code, identity, { topic, partition, broker, group: identity.groupId })
    }
    if (taken.length > 0) this.#host.onCommitted(taken)
    if (failure !== undefined) throw failure
  }

  #failure(
    code: number,
    identity: GroupIdentity,
    where: TopicPartition & { broker: Broker; group: string },
  ): KafkaError {
    const error = kafkaErrorOf(code, 'Committing offsets', where)
    switch (meaningOf(code).member) {
      case 'rebalancing':
        this.#host.rebalanceSeen(identity.generation)
        return error
      case 'unknown':
      case 'stale-generation':
      case 'replaced':
        this.#host.fenced(error.code, identity.generation)
        return error.with({ hint: fencedHint })
      default:
        return error
    }
  }
}

function placeOf({ topic, partition }: Cursor): TopicPartition {
  return { topic, partition }
}

function topicsOf(offsets: readonly OffsetToCommit[]) {
  return groupByTopic(offsets, ({ partition, offset, leaderEpoch, metadata }) => ({
    partitionIndex: partition,
    committedOffset: BigInt(offset),
    committedLeaderEpoch: leaderEpoch,
    committedMetadata: metadata ?? '',
  })).map(({ topic: name, partitions }) => ({ name, partitions }))
}
