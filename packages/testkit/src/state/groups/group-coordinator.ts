import type { ErrorName } from '@ottla/codec'
import { type Batch, BatchReader, type RecordCursor, readControlBatch } from '@ottla/codec/records'
import type { Runtime, Timer } from '@ottla/codec/runtime'
import type { ConsumerGroupConfig } from '../consumer-groups/consumer-group-config.ts'
import { fenceAfter, limitRevocation } from '../consumer-groups/consumer-group-fence.ts'
import type { GroupRecord } from '../coordinator-record.ts'
import type { MetadataDelta } from '../metadata-view.ts'
import { requiredTopics } from '../streams-groups/streams-group.ts'
import type { StreamsGroupConfig } from '../streams-groups/streams-group-config.ts'
import { keepStreamsMemberAlive, limitTaskRevocation } from '../streams-groups/streams-group-fence.ts'
import { type CoordinatorReplica, ReplicaGroupLog } from './group-log.ts'
import { keepAlive, prepareRebalance } from './group-rebalance.ts'
import { replayRecord } from './group-replay.ts'
import { type GroupConfig, GroupShard } from './group-shard.ts'
import { type GroupStatus, groupStatuses } from './group-status.ts'
import type { BrokerTopics } from './group-topics.ts'
import { deleteTopicOffsets } from './offsets-delete.ts'
import { expireOffsets } from './offsets-expire.ts'

export const OFFSETS_TOPIC = '__consumer_offsets'

/** What a coordinator needs of its broker. */
export interface GroupCoordinatorOptions {
  readonly runtime: Runtime
  readonly config: GroupConfig
  /** The number of partitions of __consumer_offsets as the broker knows it; 0 when there is no such topic. */
  readonly partitionCount: () => number
  /** The groups of a partition were read from its log. */
  readonly onLoaded?: (shard: GroupShard) => void
  readonly topics: BrokerTopics
  readonly consumerConfig: (groupId: string) => ConsumerGroupConfig
  readonly streamsConfig: (groupId: string) => StreamsGroupConfig
}

export interface TransactionEnd {
  readonly producerId: bigint
  readonly committed: boolean
}

interface Loaded {
  readonly shard: GroupShard
  readonly log: ReplicaGroupLog
  expiry: Timer | undefined
}

/** The groups of a broker: one shard for each partition of __consumer_offsets that it leads. */
export class GroupCoordinator {
  readonly #options: GroupCoordinatorOptions
  /** 'loading' from the election until the log is read. */
  readonly #partitions = new Map<number, Loaded | 'loading'>()
  #isClosed = false

  constructor(options: GroupCoordinatorOptions) {
    this.#options = options
  }

  /** The shard that owns the group, or why this broker cannot serve it now. */
  shardOf(groupId: string): GroupShard | ErrorName {
    if (this.#isClosed) return 'COORDINATOR_NOT_AVAILABLE'
    const count = this.#options.partitionCount()
    const loaded = count === 0 ? undefined : this.#partitions.get(partitionOf(groupId, count))
    if (loaded === undefined) return 'NOT_COORDINATOR'
    if (loaded === 'loading') return 'COORDINATOR_LOAD_IN_PROGRESS'
    loaded.log.catchUp()
    return loaded.shard
  }

  consumerConfig(groupId: string): ConsumerGroupConfig {
    return this.#options.consumerConfig(groupId)
  }

  /** All shards, or COORDINATOR_LOAD_IN_PROGRESS while one is not ready: a list would lack its groups. */
  shards(): readonly GroupShard[] | ErrorName {
    const shards: GroupShard[] = []
    for (const loaded of this.#partitions.values()) {
      if (loaded === 'loading') return 'COORDINATOR_LOAD_IN_PROGRESS'
      loaded.log.catchUp()
      shards.push(loaded.shard)
    }
    return shards
  }

  /** The groups it coordinates now; those of a partition that is being loaded are left out. */
  statuses(): GroupStatus[] {
    return [...this.#partitions.values()].flatMap((loaded) => {
      if (loaded === 'loading') return []
      loaded.log.catchUp()
      return groupStatuses(loaded.shard)
    })
  }

  onLeadershipGained(replica: CoordinatorReplica): void {
    if (replica.topic !== OFFSETS_TOPIC || this.#isClosed) return
    const { partition } = replica
    this.#unload(partition)
    this.#partitions.set(partition, 'loading')
    // Reading a log takes its time in Kafka: a turn here, in which requests see that it is under way.
    this.#options.runtime.defer(() => {
      if (this.#partitions.get(partition) === 'loading' && replica.isLeader) this.#load(replica)
    })
  }

  onLeadershipLost(topic: string, partition: number): void {
    if (topic === OFFSETS_TOPIC) this.#unload(partition)
  }

  onTopicDeleted(topic: string): void {
    for (const loaded of this.#partitions.values()) {
      if (loaded !== 'loading') deleteTopicOffsets(loaded.shard, topic)
    }
  }

  /** Groups that read a topic that changed look at it again with their next heartbeat. */
  onMetadata(delta: MetadataDelta): void {
    const topics = [...(delta.topics ?? []), ...(delta.deletedTopics ?? [])].map(({ name }) => name)
    this.#options.topics.learned()
    for (const loaded of this.#partitions.values()) {
      if (loaded === 'loading') continue
      for (const group of loaded.shard.consumerGroups.values()) {
        if (topics.some((topic) => group.isSubscribedTo(topic))) group.metadataDeadline = { ms: 0, epoch: 0 }
      }
      for (const group of loaded.shard.streamsGroups.values()) {
        const required = group.topology === undefined ? new Set<string>() : requiredTopics(group.topology)
        if (topics.some((topic) => required.has(topic))) group.metadataDeadline = { ms: 0, epoch: 0 }
      }
    }
  }

  /** Writes the end of a transaction to a partition that this broker leads; `done` says if it is there. */
  endTransaction(partition: number, marker: Uint8Array, end: TransactionEnd, done: (isWritten: boolean) => void): void {
    const loaded = this.#partitions.get(partition)
    if (loaded === undefined || loaded === 'loading') {
      done(false)
      return
    }
    const { shard, log } = loaded
    let isCommitted = () => {}
    log.writeBatch(marker, {
      appended: () => {
        isCommitted = shard.offsets.endLatest(end.producerId, end.committed)
      },
      committed: () => isCommitted(),
      done: (error) => done(error === undefined),
    })
  }

  close(): void {
    this.#isClosed = true
    for (const partition of [...this.#partitions.keys()]) this.#unload(partition)
  }

  #load(replica: CoordinatorReplica): void {
    const { runtime, config, topics, consumerConfig, streamsConfig } = this.#options
    const log = new ReplicaGroupLog(replica, runtime, config.offsetsCommitTimeoutMs)
    const shard = new GroupShard({ runtime, log, config, topics, consumerConfig, streamsConfig })
    for (const bytes of replica.batches()) {
      replayBatches(shard, bytes)
    }
    const loaded: Loaded = { shard, log, expiry: undefined }
    this.#partitions.set(replica.partition, loaded)
    this.#scheduleExpiry(loaded)
    startSessions(shard)
    this.#options.onLoaded?.(shard)
  }

  #unload(partition: number): void {
    const loaded = this.#partitions.get(partition)
    this.#partitions.delete(partition)
    if (loaded === undefined || loaded === 'loading') return
    if (loaded.expiry !== undefined) this.#options.runtime.clearTimer(loaded.expiry)
    loaded.shard.unload()
    loaded.log.close()
  }

  #scheduleExpiry(loaded: Loaded): void {
    const { runtime, config } = this.#options
    loaded.expiry = runtime.setTimer(() => {
      expireOffsets(loaded.shard)
      this.#scheduleExpiry(loaded)
    }, config.offsetsRetentionCheckIntervalMs)
  }
}

/** Members read from the log have their session's time from now on to show up. */
function startSessions(shard: GroupShard): void {
  for (const group of shard.groups.values()) {
    for (const member of group.members.values()) keepAlive(shard, group, member.memberId, member.sessionTimeoutMs)
    if (group.members.size > shard.config.maxSize) prepareRebalance(shard, group)
  }
  for (const { groupId, members } of shard.consumerGroups.values()) {
    for (const member of members.values()) {
      const timer = { kind: 'session', groupId, memberId: member.memberId } as const
      fenceAfter(shard, timer, shard.consumerConfig(groupId).sessionTimeoutMs)
      if (member.state === 'UNREVOKED_PARTITIONS') limitRevocation(shard, groupId, member)
    }
  }
  for (const { groupId, members } of shard.streamsGroups.values()) {
    for (const member of members.values()) {
      keepStreamsMemberAlive(shard, groupId, member.memberId)
      if (member.state === 'UNREVOKED_TASKS') limitTaskRevocation(shard, groupId, member)
    }
  }
}

/** As Java has it: `Utils.abs(groupId.hashCode()) % count`, where the least integer counts as 0. */
export function partitionOf(groupId: string, count: number): number {
  let hash = 0
  for (let i = 0; i < groupId.length; i++) hash = (Math.imul(hash, 31) + groupId.charCodeAt(i)) | 0
  return (hash === -0x80000000 ? 0 : Math.abs(hash)) % count
}

function replayBatches(shard: GroupShard, bytes: Uint8Array): void {
  const reader = new BatchReader(bytes)
  for (let batch = reader.next(); batch; batch = reader.next()) {
    const { isControl, isTransactional, producerId } = batch
    if (isControl) {
      const type = readControlBatch(batch)?.type
      if (type === 'commit' || type === 'abort') shard.offsets.end(producerId, type === 'commit')
      continue
    }
    for (const record of recordsIn(batch)) replayRecord(shard, record, isTransactional ? producerId : undefined)
  }
}

/** The records of a coordinator's batch; none of a control batch. */
export function* recordsIn(batch: Batch): Iterable<GroupRecord> {
  if (batch.isControl) return
  const cursor = batch.records()
  while (cursor.next()) {
    const key = bytesAt(cursor, cursor.keyStart, cursor.keyLength)
    if (key) yield { key, value: bytesAt(cursor, cursor.valueStart, cursor.valueLength) }
  }
}

function bytesAt(cursor: RecordCursor, start: number, length: number): Uint8Array | null {
  return length < 0 ? null : cursor.bytes.subarray(start, start + length)
}
