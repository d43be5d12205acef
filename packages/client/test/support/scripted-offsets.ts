import { type ErrorName, errorCode, ListOffsets, OffsetFetch, OffsetForLeaderEpoch } from '@ottla/codec'
import { Cluster } from '../../src/cluster/cluster.ts'
import { CoordinatorConnection } from '../../src/cluster/coordinator-connection.ts'
import { OffsetRequests } from '../../src/consumer/offsets/offset-requests.ts'
import { Positions, type PositionsHost } from '../../src/consumer/offsets/positions.ts'
import { AssignedPartition } from '../../src/consumer/partition/assigned-partition.ts'
import type { BufferHost } from '../../src/consumer/partition/buffer-host.ts'
import { Turns } from '../../src/consumer/turns.ts'
import { silentLogger } from '../../src/logger.ts'
import { Metrics } from '../../src/metrics.ts'
import { type KafkaOptions, resolveKafkaOptions } from '../../src/options.ts'
import { ManualRuntime } from './manual-runtime.ts'
import { ScriptedBroker, topicIdOf } from './scripted-broker.ts'

/** What the brokers report of one partition. A field that is missing in a response is left out on purpose: 'missing'. */
export interface ScriptedOffsetsOf {
  start?: number
  end?: number
  committed?: number
  committedEpoch?: number
  /** Of OffsetFetch. */
  commitError?: ErrorName | 'missing' | undefined
  /** Of the leader. */
  error?: ErrorName | 'missing' | undefined
  /** Leader epoch → the largest epoch up to it in the log, and its end. Others are unknown. */
  epochEnds?: Map<number, readonly [epoch: number, end: number]>
}

const buffers: BufferHost<AssignedPartition> = {
  keeps: () => false,
  discardKept: () => {},
  countFetched: () => {},
  discharge: () => {},
  check: () => {},
  inflate: () => 'later',
  ready: () => {},
  unreadable: () => {},
  skipped: () => {},
  ended: () => {},
}

/** Look-ups on scripted brokers, which respond from the tables of `offsets`. */
export class ScriptedOffsets {
  readonly runtime = new ManualRuntime()
  readonly turns: Turns
  readonly peer: ScriptedBroker
  readonly cluster: Cluster
  readonly closing = new AbortController()
  readonly requests: OffsetRequests
  /** What `Positions` reported, in order. */
  readonly events: string[] = []
  readonly #offsets = new Map<string, ScriptedOffsetsOf>()
  readonly #partitions = new Set<AssignedPartition>()

  /** `mostPerTurn`: partitions that are handled in one turn of the event loop. */
  constructor({
    nodes = 3,
    mostPerTurn,
    ...options
  }: { nodes?: number; mostPerTurn?: number } & Partial<KafkaOptions> = {}) {
    this.turns = new Turns(this.runtime, mostPerTurn)
    this.peer = new ScriptedBroker(this.runtime.network, nodes)
    this.#script()
    const { runtime, closing } = this
    const given = resolveKafkaOptions({ brokers: this.peer.bootstrap, runtime, logger: silentLogger, ...options })
    this.cluster = new Cluster(given, new Metrics())
    const identity = () => ({ groupId: 'g', memberId: '', generation: -1, instanceId: null })
    const connection = new CoordinatorConnection('offsets:c')
    const member = { identity, hasEpochs: () => false, fenced: () => {} }
    const limits = { isolation: 'read_committed', closing: closing.signal, turns: this.turns } as const
    this.requests = new OffsetRequests(this.cluster, { ...member, connection, ...limits })
  }

  /** Partitions with these leaders. */
  topic(name: string, leaders: readonly number[], topicId = topicIdOf(name), leaderEpoch = 0): void {
    this.peer.topics.set(name, { topicId, partitions: leaders.map((leader) => ({ leader, leaderEpoch })) })
  }

  /** The table of a partition, to change. */
  of(topic: string, partition: number): ScriptedOffsetsOf {
    const key = `${partition} ${topic}`
    const known = this.#offsets.get(key) ?? {}
    this.#offsets.set(key, known)
    return known
  }

  /** The client receives the current metadata, and its partitions too. */
  async refresh(): Promise<void> {
    const refreshed = this.cluster.refreshMetadata('test', [...this.peer.topics.keys()])
    await this.runtime.advance(200)
    await refreshed
  }

  partition(topic: string, partition: number): AssignedPartition {
    const assigned = new AssignedPartition(topic, partition, buffers)
    this.#partitions.add(assigned)
    this.#apply(assigned, undefined)
    return assigned
  }

  partitions(topic: string, count: number): AssignedPartition[] {
    return Array.from({ length: count }, (_, partition) => this.partition(topic, partition))
  }

  positions(options: Partial<PositionsHost> = {}): Positions {
    const { events } = this
    const positions = new Positions(this.requests, {
      ...{ runtime: this.runtime, turns: this.turns },
      offsetReset: 'earliest',
      inGroup: true,
      isNew: () => false,
      onReady: ({ topic, partition, progress }) => events.push(`ready ${topic} ${partition} ${progress.next}`),
      onStartChosen: (chosen) => events.push(`start ${chosen.map(({ partition }) => partition).join()}`),
      onReset: ({ partition }, from, to, reason) => events.push(`${reason} ${partition} ${from} ${to}`),
      onFailed: ({ partition }, error) => events.push(`failed ${partition} ${error.code}`),
      onFatal: (error) => events.push(`fatal ${error.code}`),
      ...options,
    })
    this.cluster.onMetadata(() => {
      for (const partition of this.#partitions) this.#apply(partition, positions)
    })
    return positions
  }

  /** Requests of a kind so far, with the node of each. */
  nodesOf(api: typeof OffsetFetch | typeof ListOffsets | typeof OffsetForLeaderEpoch): number[] {
    return this.peer.received.filter((request) => request.api.name === api.name).map(({ nodeId }) => nodeId)
  }

  /** Resolves to what the client left open, which must be nothing. */
  async close(): Promise<{ timers: number; sockets: number }> {
    this.closing.abort(new Error('closed'))
    const closed = this.cluster.close()
    await this.runtime.advance(20_000)
    await closed
    return { timers: this.runtime.pendingTimers, sockets: this.runtime.network.open.length }
  }

  #apply(assigned: AssignedPartition, positions: Positions | undefined): void {
    const info = this.cluster.partition(assigned.topic, assigned.partition)
    if (info === undefined) return
    const change = assigned.fetching.applyLeader(info)
    if (change === 'recreated') positions?.recreated(assigned)
    else if (change === 'new-epoch') positions?.validate(assigned)
  }

  #script(): void {
    const { peer } = this
    peer.on(OffsetFetch, ({ version, body }) => ({
      groups: (body.groups ?? []).map(({ groupId, topics }) => ({
        groupId,
        errorCode: 0,
        topics: (topics ?? []).map(({ name: given, topicId, partitionIndexes }) => {
          const name = version < 10 ? given : this.#nameOf(topicId)
          const partitions = partitionIndexes.flatMap((index) => this.#commit(name, index))
          return { name: given, topicId, partitions }
        }),
      })),
    }))
    peer.on(ListOffsets, ({ body }) => ({
      topics: body.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.flatMap(({ partitionIndex, timestamp }) => {
          const { start = 0, end = 0, error } = this.of(name, partitionIndex)
          const offset = BigInt(timestamp === -2n ? start : end)
          const leaderEpoch = peer.topics.get(name)?.partitions[partitionIndex]?.leaderEpoch ?? 0
          return this.#unlessMissing(error, { partitionIndex, timestamp: -1n, offset, leaderEpoch })
        }),
      })),
    }))
    peer.on(OffsetForLeaderEpoch, ({ body }) => ({
      topics: body.topics.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.flatMap(({ partition, leaderEpoch: requested }) => {
          const { error, epochEnds } = this.of(topic, partition)
          const [leaderEpoch, end] = epochEnds?.get(requested) ?? [-1, -1]
          return this.#unlessMissing(error, { partition, leaderEpoch, endOffset: BigInt(end) })
        }),
      })),
    }))
  }

  #commit(name: string | undefined, partitionIndex: number) {
    const none = { partitionIndex, committedOffset: -1n, committedLeaderEpoch: -1, metadata: '' }
    if (name === undefined) return this.#unlessMissing('UNKNOWN_TOPIC_ID', none)
    const { committed = -1, committedEpoch: committedLeaderEpoch = -1, commitError } = this.of(name, partitionIndex)
    return this.#unlessMissing(commitError, { ...none, committedOffset: BigInt(committed), committedLeaderEpoch })
  }

  #unlessMissing<T>(error: ErrorName | 'missing' | undefined, part: T): (T & { errorCode: number })[] {
    if (error === 'missing') return []
    return [{ ...part, errorCode: error === undefined ? 0 : errorCode(error) }]
  }

  #nameOf(topicId: string): string | undefined {
    for (const [name, topic] of this.peer.topics) if ((topic.topicId ?? topicIdOf(name)) === topicId) return name
    return undefined
  }
}
