import { type ErrorName, errorCode, OffsetCommit } from '@ottla/codec'
import { expect } from 'vitest'
import { Cluster } from '../../src/cluster/cluster.ts'
import { CoordinatorConnection } from '../../src/cluster/coordinator-connection.ts'
import type { TopicPartition } from '../../src/cluster/topology.ts'
import type { CommittedOffset } from '../../src/consumer/offsets/commit-host.ts'
import { Committer, type CommitterHost, type CommitterPolicy } from '../../src/consumer/offsets/committer.ts'
import { AssignedPartition } from '../../src/consumer/partition/assigned-partition.ts'
import type { BufferHost } from '../../src/consumer/partition/buffer-host.ts'
import { PartitionMap } from '../../src/consumer/partition/partition-map.ts'
import { Turns } from '../../src/consumer/turns.ts'
import { type ErrorCode, KafkaError } from '../../src/errors.ts'
import type { GroupIdentity } from '../../src/group/membership.ts'
import { silentLogger } from '../../src/logger.ts'
import { Metrics } from '../../src/metrics.ts'
import { type KafkaOptions, resolveKafkaOptions } from '../../src/options.ts'
import { ManualRuntime } from './manual-runtime.ts'
import { ScriptedBroker, type ScriptedRequest, topicIdOf } from './scripted-broker.ts'

type CommitRequest = ScriptedRequest<typeof OffsetCommit>

const buffers: BufferHost<AssignedPartition> = {
  keeps: () => false,
  discardKept(): void {},
  countFetched() {},
  discharge() {},
  check() {},
  inflate: () => 'later',
  ready() {},
  unreadable() {},
  skipped() {},
  ended() {},
}

const policies = {
  auto: { mark: true, automatic: true, intervalMs: 5_000, count: Number.POSITIVE_INFINITY },
  manual: { mark: false, automatic: false, intervalMs: 5_000, count: Number.POSITIVE_INFINITY },
} satisfies Record<string, CommitterPolicy>

/** A committer of the group 'g' on a scripted coordinator that stores what it receives, unless `errors` has the partition. */
export class ScriptedCommitter implements CommitterHost {
  readonly runtime = new ManualRuntime()
  readonly turns: Turns
  readonly peer: ScriptedBroker
  readonly cluster: Cluster
  readonly connection = new CoordinatorConnection('offsets:c')
  readonly committer: Committer
  readonly assigned = new PartitionMap<AssignedPartition>()
  /** 'topic-partition' → the stored offset. */
  readonly stored = new Map<string, bigint>()
  /** 'topic-partition' → the error in the response; 'missing': it is not in the response. */
  readonly errors = new Map<string, ErrorName | 'missing'>()
  readonly committed: CommittedOffset[][] = []
  readonly autoFailures: KafkaError[] = []
  readonly recreated: AssignedPartition[] = []
  readonly fencings: [ErrorCode, number][] = []
  readonly rebalances: number[] = []
  member: GroupIdentity = { groupId: 'g', memberId: 'member-1', generation: 1, instanceId: null }
  stable = true

  /** `mostPerTurn`: partitions that are handled in one turn of the event loop. */
  constructor(
    mode: keyof typeof policies | CommitterPolicy = 'auto',
    { mostPerTurn, ...options }: { mostPerTurn?: number } & Partial<KafkaOptions> = {},
  ) {
    this.turns = new Turns(this.runtime, mostPerTurn)
    this.peer = new ScriptedBroker(this.runtime.network)
    const partitions = Array.from({ length: 8 }, () => ({ leader: 1 }))
    this.peer.topics.set('t', { partitions })
    this.peer.topics.set('u', { partitions })
    this.peer.on(OffsetCommit, (request) => this.respond(request))
    const { runtime } = this
    const given = { brokers: this.peer.bootstrap, runtime, logger: silentLogger, ...options }
    this.cluster = new Cluster(resolveKafkaOptions(given), new Metrics())
    this.committer = new Committer(this.cluster, typeof mode === 'string' ? policies[mode] : mode, this)
  }

  // ---- the host

  identity(): GroupIdentity {
    return this.member
  }

  isStable(): boolean {
    return this.stable
  }

  partitions(): Iterable<AssignedPartition> {
    return this.assigned.all
  }

  find(place: TopicPartition): AssignedPartition | undefined {
    return this.assigned.get(place)
  }

  fenced(code: ErrorCode, generation: number): void {
    this.fencings.push([code, generation])
  }

  rebalanceSeen(generation: number): void {
    this.rebalances.push(generation)
  }

  onCommitted(offsets: readonly CommittedOffset[]): void {
    this.committed.push([...offsets])
  }

  onRecreated(partition: AssignedPartition): void {
    this.recreated.push(partition)
    partition.displace('recreated')
  }

  onAutoFailure(error: KafkaError): void {
    this.autoFailures.push(error)
  }

  // ---- the test

  /** Assigns a partition that starts at an offset. `topicId` null: as of brokers without ids. */
  assign(partition: number, { topic = 't', at = 0, topicId = topicIdOf(topic) as string | null } = {}) {
    const assigned = new AssignedPartition(topic, partition, buffers)
    if (topicId !== null) assigned.fetching.applyLeader({ leader: 1, leaderEpoch: 0, topicId })
    assigned.place({ offset: at, epoch: -1 }, 'start')
    this.assigned.set(assigned)
    return assigned
  }

  /** Everything before `end` is delivered and processed. */
  process(partition: AssignedPartition, end: number): void {
    const start = partition.progress.next
    partition.progress.hand(start, end, 0)
    partition.progress.settle(start, end)
  }

  revoke(...partitions: AssignedPartition[]): void {
    for (const partition of partitions) {
      this.assigned.delete(partition)
      partition.release(() => new KafkaError('ABORTED', 'revoked'))
    }
    this.committer.revoked(partitions)
  }

  /** The group is stable in another generation. */
  rejoin(generation: number): void {
    this.member = { ...this.member, generation }
    this.stable = true
    this.committer.resume()
  }

  requests(): CommitRequest[] {
    return this.peer.requests(OffsetCommit)
  }

  /** 'topic-partition@offset' of each line of a request. */
  lines({ body }: CommitRequest): string[] {
    return body.topics.flatMap((topic) =>
      topic.partitions.map(
        ({ partitionIndex, committedOffset }) => `${this.#nameOf(topic)}-${partitionIndex}@${committedOffset}`,
      ),
    )
  }

  sent(): string[][] {
    return this.requests().map((request) => this.lines(request))
  }

  /** The next request gets no response. Returns a function that sends it. */
  hold(): () => Promise<void> {
    let held: CommitRequest | undefined
    this.peer.next(OffsetCommit, (request) => {
      held = request
      return undefined
    })
    return async () => {
      if (held === undefined) throw new Error('no request was held')
      held.respond(this.respond(held))
      await this.runtime.settle()
    }
  }

  respond({ body }: CommitRequest) {
    const topics = body.topics.map((topic) => {
      const partitions: { partitionIndex: number; errorCode: number }[] = []
      for (const { partitionIndex, committedOffset } of topic.partitions) {
        const key = `${this.#nameOf(topic)}-${partitionIndex}`
        const error = this.errors.get(key)
        if (error === 'missing') continue
        if (error === undefined) this.stored.set(key, committedOffset)
        partitions.push({ partitionIndex, errorCode: error === undefined ? 0 : errorCode(error) })
      }
      return { name: topic.name, topicId: topic.topicId, partitions }
    })
    return { topics }
  }

  /** The committer and the client leave nothing behind. */
  async close(): Promise<void> {
    this.committer.close()
    const closed = this.cluster.close()
    await this.runtime.advance(10_000)
    await closed
    expect({ timers: this.runtime.pendingTimers, sockets: this.runtime.network.open.length }).toEqual({
      timers: 0,
      sockets: 0,
    })
  }

  #nameOf({ name, topicId }: { name: string; topicId: string }): string {
    return name === '' ? Buffer.from(topicId, 'base64url').toString().replaceAll('.', '') : name
  }
}
