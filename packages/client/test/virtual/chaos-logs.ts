import { RecordBatch } from '@ottla/codec/records'
import type { ClusterSnapshot, GroupStatus, TestCluster } from '@ottla/testkit'
import type { LogId } from './chaos-host.ts'

/** What is read and written of the testkit's state: structural, because its package exports no internals. */
export interface StoredBatch {
  readonly baseOffset: number
  readonly lastOffset: number
  readonly leaderEpoch: number
  readonly bytes: Uint8Array
  readonly transactional?: { readonly kind: 'data' | 'commit' | 'abort'; readonly producerId: bigint } | undefined
}

interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: number
  readonly lastOffset: number
}

interface Log {
  readonly logStartOffset: number
  readonly lastStableOffset: number
  readonly highWatermark: number
  readonly logEndOffset: number
  readonly transactions: {
    openSince(producerId: bigint): number | undefined
    abortedIn(from: number, upTo: number): AbortedTransaction[]
  }
  read(offset: number, limits: { upTo: number; maxBytes: number; atLeastOne: boolean }): StoredBatch[]
}

interface Replica {
  readonly topicId: string
  readonly isLeader: boolean
  readonly log: Log
  appendAndReplicate(
    bytes: Uint8Array,
    timeoutMs: number,
    done: (outcome: { errorCode: number; baseOffset: number }) => void,
  ): void
  deleteRecords(offset: number): void
}

interface Topic {
  readonly name: string
  readonly id: string
  readonly configs: ReadonlyMap<string, string>
  readonly partitions: readonly {
    readonly replicas: readonly number[]
    readonly leader: number
    readonly leaderEpoch: number
    readonly isr: readonly number[]
  }[]
}

interface Broker {
  readonly isUp: boolean
  readonly isPaused: boolean
  readonly services: { readonly groups: { statuses(): GroupStatus[] } }
  replica(topic: string, partition: number): Replica | undefined
}

interface Context {
  readonly controller: {
    readonly state: { topic(name: string): Topic | undefined; topicById(id: string): Topic | undefined }
    deleteTopic(topic: Topic): void
    placeableBrokers(): readonly unknown[]
    assign(count: number, replicationFactor: number): number[][]
    addPartitions(topic: Topic, assignment: readonly (readonly number[])[]): void
    setTopicConfigs(topic: Topic, configs: ReadonlyMap<string, string>): void
  }
  broker(id: number): Broker | undefined
}

export interface LoggedRecord {
  readonly offset: number
  readonly value: string
}

const unlimited = { maxBytes: Number.POSITIVE_INFINITY, atLeastOne: true }

/** The logs as the testkit's brokers have them, without a request. */
export class ChaosLogs {
  readonly #context: Context
  readonly #records = new WeakMap<StoredBatch, LoggedRecord[]>()
  /** The last leader's replica of each partition: a log outlives its leader and its topic. */
  readonly #last = new Map<string, Replica>()
  #lastCoordinator = -1

  private constructor(context: Context) {
    this.#context = context
  }

  /** `restore` is the public call that hands out the cluster's state; it also clears faults, so it comes first. */
  static async of(cluster: TestCluster): Promise<ChaosLogs> {
    let context: Context | undefined
    const spy = {
      restore: async (given: Context) => {
        context = given
      },
    }
    await cluster.restore(spy as unknown as ClusterSnapshot)
    if (context === undefined) throw new Error('The testkit did not pass its state to the snapshot')
    return new ChaosLogs(context)
  }

  /** The id of the topic that has the name now. */
  idOf(topic: string): string | undefined {
    return this.#context.controller.state.topic(topic)?.id
  }

  nameOf(id: string): string | undefined {
    return this.#context.controller.state.topicById(id)?.name
  }

  partitionCount(topic: string): number {
    return this.#context.controller.state.topic(topic)?.partitions.length ?? 0
  }

  leaderOf({ id, partition }: LogId): Replica | undefined {
    const topic = this.#context.controller.state.topicById(id)
    const leader = topic?.partitions[partition]?.leader ?? -1
    const replica = topic && this.#context.broker(leader)?.replica(topic.name, partition)
    if (replica === undefined || replica.topicId !== id) return undefined
    this.#last.set(`${id}/${partition}`, replica)
    return replica.isLeader ? replica : undefined
  }

  /**
   * The group at its coordinator: a deposed one may still have it as it was. The offsets topic has one partition. Without replicas the
   * last leader is still the coordinator while it is cut off from the controller.
   */
  group(groupId: string): GroupStatus | undefined {
    const leader = this.#context.controller.state.topic('__consumer_offsets')?.partitions[0]?.leader ?? -1
    if (leader >= 0) this.#lastCoordinator = leader
    const broker = this.#context.broker(this.#lastCoordinator)
    if (broker?.isUp !== true || broker.isPaused) return undefined
    return broker.services.groups.statuses().find((one) => one.groupId === groupId)
  }

  /** The offsets topic has one partition, whose leader is the coordinator of all groups. */
  coordinatorTerm(): number {
    return this.#context.controller.state.topic('__consumer_offsets')?.partitions[0]?.leaderEpoch ?? -1
  }

  /** A leader that hangs may have lost its leadership: what it appends would be cut off. */
  #writable(place: LogId): Replica | undefined {
    const replica = this.leaderOf(place)
    const topic = this.#context.controller.state.topicById(place.id)
    const broker = this.#context.broker(topic?.partitions[place.partition]?.leader ?? -1)
    return broker?.isUp === true && !broker.isPaused ? replica : undefined
  }

  /** Whether the producer's transaction is open in the leader's log; undefined without a leader. */
  isOpen(place: LogId, producerId: bigint): boolean | undefined {
    const leader = this.#writable(place)
    return leader && leader.log.transactions.openSince(producerId) !== undefined
  }

  /** The log of the leader, or of the last one. */
  #log(place: LogId): Log | undefined {
    this.leaderOf(place)
    return this.#last.get(`${place.id}/${place.partition}`)?.log
  }

  start(place: LogId): number {
    return this.#log(place)?.logStartOffset ?? 0
  }

  end(place: LogId): number {
    return this.#log(place)?.logEndOffset ?? 0
  }

  highWatermark(place: LogId): number {
    return this.#log(place)?.highWatermark ?? 0
  }

  /** Consumers of this isolation can read up to here. */
  readableEnd(place: LogId, committedOnly: boolean): number {
    const log = this.#log(place)
    return (committedOnly ? log?.lastStableOffset : log?.highWatermark) ?? 0
  }

  /** The records in [from, to) that a consumer of this isolation must get. */
  *due(place: LogId, from: number, to: number, committedOnly: boolean): Generator<LoggedRecord> {
    const log = this.#log(place)
    if (log === undefined) return
    const least = Math.max(from, log.logStartOffset)
    const upTo = Math.min(to, this.readableEnd(place, committedOnly))
    if (least >= upTo) return
    const batches = log.read(least, { ...unlimited, upTo: log.logEndOffset })
    const aborted = committedOnly ? log.transactions.abortedIn(least, log.logEndOffset) : []
    for (const batch of batches) {
      if (batch.baseOffset >= upTo) return
      if (batch.transactional !== undefined && batch.transactional.kind !== 'data') continue
      if (isAborted(batch, aborted)) continue
      for (const record of this.#recordsOf(batch)) if (record.offset >= least && record.offset < upTo) yield record
    }
  }

  /** Everything that the log of the leader, or of the last one, has: also what is not committed. */
  stored(place: LogId): readonly StoredBatch[] {
    const log = this.#log(place)
    return log?.read(log.logStartOffset, { ...unlimited, upTo: log.logEndOffset }) ?? []
  }

  valueAt(place: LogId, offset: number): string | undefined {
    const batch = this.#batchAt(place, offset)
    return batch && this.#recordsOf(batch).find((record) => record.offset === offset)?.value
  }

  /** Whether the record belongs to a transaction that was aborted. */
  isAborted(place: LogId, offset: number): boolean {
    const log = this.#log(place)
    const batch = this.#batchAt(place, offset)
    return (
      log !== undefined && batch !== undefined && isAborted(batch, log.transactions.abortedIn(offset, log.logEndOffset))
    )
  }

  /** Whether compaction left a batch without records. */
  hasEmptyBatch(place: LogId): boolean {
    const log = this.#log(place)
    const batches = log?.read(log.logStartOffset, { ...unlimited, upTo: log.logEndOffset }) ?? []
    return batches.some(({ bytes }) => new RecordBatch(bytes).recordCount === 0)
  }

  #batchAt(place: LogId, offset: number): StoredBatch | undefined {
    const log = this.#log(place)
    if (log === undefined || offset >= log.logEndOffset) return undefined
    return log.read(offset, { upTo: log.logEndOffset, maxBytes: 1, atLeastOne: true })[0]
  }

  #recordsOf(stored: StoredBatch): readonly LoggedRecord[] {
    let records = this.#records.get(stored)
    if (records !== undefined) return records
    records = []
    const batch = new RecordBatch(stored.bytes)
    const cursor = batch.isControl || batch.recordCount === 0 ? undefined : batch.records()
    while (cursor?.next()) {
      const { bytes, valueStart, valueLength, offsetDelta } = cursor
      const value = valueLength < 0 ? '' : Buffer.from(bytes.subarray(valueStart, valueStart + valueLength)).toString()
      records.push({ offset: stored.baseOffset + offsetDelta, value })
    }
    this.#records.set(stored, records)
    return records
  }

  /** Appends a sealed batch at the leader; false without one, and when it refuses. */
  append(place: LogId, bytes: Uint8Array): boolean {
    const leader = this.#writable(place)
    if (leader === undefined) return false
    let refused = false
    leader.appendAndReplicate(bytes, 30_000, ({ errorCode, baseOffset }) => {
      refused = errorCode !== 0 && baseOffset < 0
    })
    return !refused
  }

  deleteRecords(place: LogId, offset: number): void {
    this.#writable(place)?.deleteRecords(offset)
  }

  /** Returns whether enough brokers are up. */
  addPartitions(name: string, count: number): boolean {
    const { controller } = this.#context
    const topic = controller.state.topic(name)
    const replicationFactor = topic?.partitions[0]?.replicas.length ?? 1
    if (topic === undefined || controller.placeableBrokers().length < replicationFactor) return false
    controller.addPartitions(topic, controller.assign(count, replicationFactor))
    return true
  }

  /** `undefined` removes a config of the topic. */
  setTopicConfig(name: string, config: string, value: string | undefined): void {
    const { controller } = this.#context
    const topic = controller.state.topic(name)
    if (topic === undefined) return
    const configs = new Map(topic.configs)
    if (value === undefined) configs.delete(config)
    else configs.set(config, value)
    controller.setTopicConfigs(topic, configs)
  }

  deleteTopic(name: string): void {
    const { controller } = this.#context
    const topic = controller.state.topic(name)
    if (topic === undefined) return
    for (const partition of topic.partitions.keys()) this.leaderOf({ id: topic.id, partition })
    controller.deleteTopic(topic)
  }
}

function isAborted({ baseOffset, transactional }: StoredBatch, aborted: readonly AbortedTransaction[]): boolean {
  return aborted.some(
    ({ producerId, firstOffset, lastOffset }) =>
      producerId === transactional?.producerId && baseOffset >= firstOffset && baseOffset <= lastOffset,
  )
}
