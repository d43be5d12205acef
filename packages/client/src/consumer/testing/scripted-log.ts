import { gzipSync } from 'node:zlib'
import { type ErrorName, errorCode, type FetchRequest } from '@ottla/codec'
import { BatchWriter, endTxnMarkerBatch, patchBatch } from '@ottla/codec/records'
import type { Broker } from '../../cluster/broker.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import type { PartitionInfo, TopicInfo } from '../../cluster/topology.ts'
import { type ManualRuntime, type Response, ScriptedCluster } from '../../group/testing/scripted-cluster.ts'
import { Metrics } from '../../metrics.ts'

export interface BatchOptions {
  readonly producerId?: bigint
  readonly transactional?: boolean
  readonly leaderEpoch?: number
  readonly gzip?: boolean
}

/** A record batch that begins at `baseOffset`. */
export function batchOf(
  baseOffset: number,
  values: readonly (string | null)[],
  options: BatchOptions = {},
): Uint8Array {
  const writer = new BatchWriter()
  for (const [i, value] of values.entries()) writer.append(1_000 + i, value === null ? null : `k${value}`, value, [])
  const { producerId = -1n, transactional = false, leaderEpoch = 0, gzip = false } = options
  const fields = { producerId, producerEpoch: 0, baseSequence: 0, transactional, partitionLeaderEpoch: leaderEpoch }
  const sealed = Uint8Array.from(writer.seal(fields))
  const bytes = gzip ? compressed(sealed) : sealed
  patchBatch(bytes, { baseOffset: BigInt(baseOffset), partitionLeaderEpoch: leaderEpoch })
  return bytes
}

function compressed(plain: Uint8Array): Uint8Array {
  const bytes = Buffer.concat([plain.subarray(0, 61), gzipSync(plain.subarray(61))])
  bytes.writeInt32BE(bytes.length - 12, 8)
  bytes.writeInt16BE(bytes.readInt16BE(21) | 1, 21)
  // Any field that the checksum covers makes the patch compute it again.
  patchBatch(bytes, { baseSequence: 1 })
  return bytes
}

function markerOf(baseOffset: number, producerId: bigint, committed: boolean): Uint8Array {
  const fields = { committed, producerId, producerEpoch: 0, coordinatorEpoch: 0, timestampMs: 1_000 }
  return endTxnMarkerBatch({ ...fields, baseOffset: BigInt(baseOffset), partitionLeaderEpoch: 0 })
}

/** What the requests say about a partition, put together. */
interface Row {
  readonly partitionIndex: number
  readonly timestamp: bigint
  readonly committedOffset: bigint
}

/** The log of one partition, and what the broker says about it. */
export class ScriptedPartition {
  batches: { base: number; end: number; bytes: Uint8Array }[] = []
  start = 0
  leaderEpoch = 0
  error: ErrorName | undefined
  aborted: { producerId: bigint; firstOffset: bigint }[] = []
  /** At most so many batches an answer. */
  perFetch = Infinity

  get end(): number {
    return this.batches.at(-1)?.end ?? this.start
  }

  append(values: readonly (string | null)[], options?: BatchOptions): this {
    const base = this.end
    return this.add(base, base + values.length, batchOf(base, values, options))
  }

  marker(producerId: bigint, committed: boolean): this {
    return this.add(this.end, this.end + 1, markerOf(this.end, producerId, committed))
  }

  add(base: number, end: number, bytes: Uint8Array): this {
    this.batches.push({ base, end, bytes })
    return this
  }

  from(offset: number): Uint8Array {
    const found = this.batches.filter(({ end }) => end > offset).slice(0, this.perFetch)
    return Buffer.concat(found.map(({ bytes }) => bytes))
  }
}

/**
 * For tests: a cluster of one broker with partitions of one topic, group included, on a clock of its own. Fetches that
 * find nothing wait for `maxWaitMs`, or until `appended`.
 */
export class ScriptedKafka {
  readonly #base = new ScriptedCluster()
  readonly runtime: ManualRuntime = this.#base.runtime
  readonly options = this.#base.options
  readonly logger = this.#base.logger
  readonly sent = this.#base.sent
  readonly responses = this.#base.responses
  readonly once = this.#base.once
  readonly node = this.#base.node
  readonly coordinator = this.#base.coordinator
  readonly findCoordinator = this.#base.findCoordinator
  readonly retry = this.#base.retry
  readonly forgetCoordinator = this.#base.forgetCoordinator
  readonly topicName = 't'
  topicId = 'AAAAAAAAAAAAAAAAAAAAAQ'
  readonly partitions: ScriptedPartition[]
  readonly committed = new Map<number, bigint>()
  readonly metrics = new Metrics()
  readonly #listeners = new Set<() => void>()
  #waiting: (() => void)[] = []
  /** -1 until somebody joined. */
  #generation = -1

  constructor(count = 1) {
    this.partitions = Array.from({ length: count }, () => new ScriptedPartition())
    this.responses.set('Fetch', (body) => this.#fetch(body as unknown as FetchRequest))
    this.responses.set('ListOffsets', (body) =>
      this.#perPartition(body, ({ partitionIndex, timestamp }) => {
        const partition = this.partitions[partitionIndex]!
        const offset = BigInt(timestamp === -2n ? partition.start : partition.end)
        return { partitionIndex, errorCode: 0, timestamp: -1n, offset, leaderEpoch: partition.leaderEpoch }
      }),
    )
    this.responses.set('OffsetCommit', (body) =>
      this.#perPartition(body, ({ partitionIndex, committedOffset }) => {
        const generation = body.generationIdOrMemberEpoch as number
        if (generation !== this.#generation) return { partitionIndex, errorCode: errorCode('ILLEGAL_GENERATION') }
        this.committed.set(partitionIndex, committedOffset)
        return { partitionIndex, errorCode: 0 }
      }),
    )
    this.responses.set('OffsetFetch', (body) => {
      const [group] = body.groups as { groupId: string; topics: { name: string; partitionIndexes: number[] }[] }[]
      const topics = group!.topics.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((partitionIndex) => ({
          partitionIndex,
          committedOffset: this.committed.get(partitionIndex) ?? -1n,
          committedLeaderEpoch: -1,
          metadata: '',
          errorCode: 0,
        })),
      }))
      return { groups: [{ groupId: group!.groupId, topics, errorCode: 0 }] }
    })
    this.#scriptGroup()
  }

  next(api: string, ...responses: Response[]): void {
    this.#base.next(api, ...responses)
  }

  bodies(api: string): Record<string, unknown>[] {
    return this.#base.bodies(api)
  }

  apisUsed(): string[] {
    return this.#base.apisUsed()
  }

  /** As the consumer takes it. */
  get cluster(): Cluster {
    return this as unknown as Cluster
  }

  /** The last of the numbered partitions committed. */
  committedAt(partition = 0): number | undefined {
    const offset = this.committed.get(partition)
    return offset === undefined ? undefined : Number(offset)
  }

  topicOf = (name: string): TopicInfo | undefined =>
    name === this.topicName
      ? {
          name,
          topicId: this.topicId,
          partitions: this.partitions.map((_, partition) => this.partition(name, partition)!),
          errorCode: 0,
          isInternal: false,
        }
      : undefined
  topic = this.topicOf
  topics = (): TopicInfo[] => [this.topicOf(this.topicName)!]
  awaitTopic = async (name: string): Promise<TopicInfo> => this.topicOf(name)!
  partition = (topic: string, partition: number): PartitionInfo | undefined => {
    const { leaderEpoch } = this.partitions[partition] ?? {}
    if (leaderEpoch === undefined) return undefined
    const nobody = { replicas: [1], isr: [1], offlineReplicas: [], errorCode: 0 }
    return { topic, topicId: this.topicId, partition, leader: 1, leaderEpoch, ...nobody }
  }
  leaderOf = (): Broker => this.node
  broker = (): Broker => this.node
  brokers = (): Broker[] => [this.node]
  refreshMetadata = async (): Promise<void> => this.changed()
  watchTopics = (): (() => void) => () => {}
  updateLeader = (): void => {}
  addBrokers = (): void => {}
  onMetadata = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The metadata is another: leader epochs, partitions. */
  changed(): void {
    for (const listener of this.#listeners) listener()
  }

  /** Wakes the fetches that wait. */
  appended(): void {
    for (const resume of this.#waiting.splice(0)) resume()
  }

  async #fetch(body: FetchRequest): Promise<unknown> {
    const now = this.#fetched(body)
    if (now.length > 0 || body.maxWaitMs === 0) return this.#responseOf(now)
    await new Promise<void>((resolve) => {
      const timer = this.runtime.setTimer(resolve, body.maxWaitMs)
      const stop = (): void => {
        this.runtime.clearTimer(timer)
        resolve()
      }
      this.#waiting.push(stop)
    })
    return this.#responseOf(this.#fetched(body))
  }

  #responseOf(partitions: unknown[]) {
    const responses = partitions.length === 0 ? [] : [{ topic: '', topicId: this.topicId, partitions }]
    return { errorCode: 0, sessionId: 0, responses, nodeEndpoints: [] }
  }

  #fetched(body: FetchRequest): unknown[] {
    const asked = (body.topics ?? []).flatMap(({ partitions }) => partitions)
    return asked.flatMap(({ partition, fetchOffset }) => {
      const log = this.partitions[partition]!
      const offset = Number(fetchOffset)
      const outside = offset < log.start || offset > log.end
      const records = outside || log.error !== undefined ? null : log.from(offset)
      if (records !== null && records.length === 0) return []
      const code = outside ? errorCode('OFFSET_OUT_OF_RANGE') : log.error === undefined ? 0 : errorCode(log.error)
      const ends = {
        highWatermark: BigInt(log.end),
        lastStableOffset: BigInt(log.end),
        logStartOffset: BigInt(log.start),
      }
      return [
        {
          partitionIndex: partition,
          errorCode: code,
          ...ends,
          abortedTransactions: log.aborted,
          preferredReadReplica: -1,
          currentLeader: { leaderId: -1, leaderEpoch: -1 },
          records,
        },
      ]
    })
  }

  #perPartition(body: Record<string, unknown>, response: (row: Row) => unknown): unknown {
    const topics = body.topics as { name: string; partitions: Row[] }[]
    return { topics: topics.map(({ name, partitions }) => ({ name, partitions: partitions.map(response) })) }
  }

  /** A coordinator with this one member, which leads. */
  #scriptGroup(): void {
    const joined = { protocolType: 'consumer', skipAssignment: false, throttleTimeMs: 0, errorCode: 0 }
    this.responses.set('JoinGroup', (body) => {
      const memberId = (body.memberId as string) || 'm-1'
      const [protocol] = body.protocols as { name: string; metadata: Uint8Array }[]
      const generationId = ++this.#generation
      const members = [{ memberId, groupInstanceId: null, metadata: protocol!.metadata }]
      return { ...joined, memberId, leader: memberId, generationId, protocolName: protocol!.name, members }
    })
    this.responses.set('SyncGroup', (body) => {
      const [own] = body.assignments as { assignment: Uint8Array }[]
      return { errorCode: 0, assignment: own!.assignment }
    })
    this.responses.set('Heartbeat', () => ({ errorCode: 0 }))
    this.responses.set('LeaveGroup', () => ({ errorCode: 0, members: [] }))
  }
}
