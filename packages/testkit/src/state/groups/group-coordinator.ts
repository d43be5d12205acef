import type { ErrorName } from '@ottla/codec'
import { RecordBatchReader, readControlBatch } from '@ottla/codec/records'
import type { Runtime, Timer } from '@ottla/runtime'
import type { ConsumerGroupConfig } from '../consumer-groups/consumer-group-config.ts'
import { fenceAfter, limitRevocation } from '../consumer-groups/consumer-group-fence.ts'
import { recordsIn } from '../coordinators/coordinator-record.ts'
import { CoordinatorShards } from '../coordinators/coordinator-shards.ts'
import { offsetsTopic } from '../internal-topics.ts'
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
  readonly #shards: CoordinatorShards<CoordinatorReplica, Loaded>

  constructor(options: GroupCoordinatorOptions) {
    this.#options = options
    this.#shards = new CoordinatorShards({
      runtime: options.runtime,
      topic: offsetsTopic,
      partitionCount: options.partitionCount,
      load: (replica) => this.#load(replica),
      unload: (loaded) => this.#unload(loaded),
      catchUp: ({ log }) => log.catchUp(),
    })
  }

  /** The shard that owns the group, or why this broker cannot serve it now. */
  shardOf(groupId: string): GroupShard | ErrorName {
    const loaded = this.#shards.of(groupId)
    return typeof loaded === 'string' ? loaded : loaded.shard
  }

  consumerConfig(groupId: string): ConsumerGroupConfig {
    return this.#options.consumerConfig(groupId)
  }

  /** All shards, or COORDINATOR_LOAD_IN_PROGRESS while one is not ready: a list would lack its groups. */
  shards(): readonly GroupShard[] | ErrorName {
    const all = this.#shards.all()
    return typeof all === 'string' ? all : all.map(({ shard }) => shard)
  }

  /** The groups it coordinates now; those of a partition that is being loaded are left out. */
  statuses(): GroupStatus[] {
    return this.#shards.loaded().flatMap(({ shard }) => groupStatuses(shard))
  }

  onLeadershipGained(replica: CoordinatorReplica): void {
    this.#shards.onLeadershipGained(replica)
  }

  onLeadershipLost(topic: string, partition: number): void {
    this.#shards.onLeadershipLost(topic, partition)
  }

  onTopicDeleted(topic: string): void {
    for (const { shard } of this.#shards.loaded()) deleteTopicOffsets(shard, topic)
  }

  /** Groups that read a topic that changed look at it again with their next heartbeat. */
  onMetadata(delta: MetadataDelta): void {
    const topics = [...(delta.topics ?? []), ...(delta.deletedTopics ?? [])].map(({ name }) => name)
    this.#options.topics.learned()
    for (const { shard } of this.#shards.loaded()) {
      for (const group of shard.consumerGroups.values()) {
        if (topics.some((topic) => group.isSubscribedTo(topic))) group.metadataDeadline = { ms: 0, epoch: 0 }
      }
      for (const group of shard.streamsGroups.values()) {
        const required = group.topology === undefined ? new Set<string>() : requiredTopics(group.topology)
        if (topics.some((topic) => required.has(topic))) group.metadataDeadline = { ms: 0, epoch: 0 }
      }
    }
  }

  /** Writes the end of a transaction to a partition that this broker leads; `done` says if it is there. */
  endTransaction(partition: number, marker: Uint8Array, end: TransactionEnd, done: (isWritten: boolean) => void): void {
    const loaded = this.#shards.at(partition)
    if (loaded === undefined) {
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
    this.#shards.close()
  }

  #load(replica: CoordinatorReplica): Loaded {
    const { runtime, config, topics, consumerConfig, streamsConfig } = this.#options
    const log = new ReplicaGroupLog(replica, runtime, config.offsetsCommitTimeoutMs)
    const shard = new GroupShard({ runtime, log, config, topics, consumerConfig, streamsConfig })
    for (const bytes of replica.batches()) {
      replayBatches(shard, bytes)
    }
    const loaded: Loaded = { shard, log, expiry: undefined }
    this.#scheduleExpiry(loaded)
    startSessions(shard)
    this.#options.onLoaded?.(shard)
    return loaded
  }

  #unload({ shard, log, expiry }: Loaded): void {
    if (expiry !== undefined) this.#options.runtime.clearTimer(expiry)
    shard.unload()
    log.close()
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

function replayBatches(shard: GroupShard, bytes: Uint8Array): void {
  const reader = new RecordBatchReader(bytes)
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
