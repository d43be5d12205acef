import type { ErrorName } from '@ottla/codec'
import type { Runtime, Timer } from '@ottla/runtime'
import type { ConsumerGroupConfig } from '../consumer-groups/consumer-group-config.ts'
import { type CoordinatorReplica, ReplicaCoordinatorLog } from '../coordinators/coordinator-log.ts'
import { CoordinatorShards } from '../coordinators/coordinator-shards.ts'
import type { GroupConfig } from '../coordinators/group-config.ts'
import type { GroupStatus } from '../coordinators/group-kind.ts'
import type { BrokerTopics } from '../coordinators/group-topics.ts'
import { offsetsTopic } from '../internal-topics.ts'
import type { MetadataDelta } from '../metadata-view.ts'
import { deleteTopicOffsets } from '../offsets/offset-delete.ts'
import { expireOffsets } from '../offsets/offset-expiry.ts'
import type { StreamsGroupConfig } from '../streams-groups/streams-group-config.ts'
import { GroupCoordinatorShard } from './group-coordinator-shard.ts'

/** What a group coordinator requires from its broker. */
export interface GroupCoordinatorOptions {
  readonly runtime: Runtime
  readonly config: GroupConfig
  /** The partition count of __consumer_offsets in the broker's metadata; 0 without the topic. */
  readonly partitionCount: () => number
  /** Called when the groups of a partition have been read from its log. */
  readonly onLoaded?: (shard: GroupCoordinatorShard) => void
  readonly topics: BrokerTopics
  readonly consumerConfig: (groupId: string) => ConsumerGroupConfig
  readonly streamsConfig: (groupId: string) => StreamsGroupConfig
}

export interface TransactionEnd {
  readonly producerId: bigint
  readonly committed: boolean
}

interface Loaded {
  readonly shard: GroupCoordinatorShard
  readonly log: ReplicaCoordinatorLog
  expiry: Timer | undefined
}

/** A broker's group coordinator: one shard for each partition of __consumer_offsets that it leads. */
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

  /** The shard that owns the group, or the error of a broker that cannot serve it now. */
  shardOf(groupId: string): GroupCoordinatorShard | ErrorName {
    const loaded = this.#shards.of(groupId)
    return typeof loaded === 'string' ? loaded : loaded.shard
  }

  consumerConfig(groupId: string): ConsumerGroupConfig {
    return this.#options.consumerConfig(groupId)
  }

  /** All shards, or COORDINATOR_LOAD_IN_PROGRESS while one is loading, because a list would be incomplete. */
  shards(): readonly GroupCoordinatorShard[] | ErrorName {
    const all = this.#shards.all()
    return typeof all === 'string' ? all : all.map(({ shard }) => shard)
  }

  /** The groups of all loaded partitions. */
  statuses(): GroupStatus[] {
    return this.#shards.loaded().flatMap(({ shard }) => shard.statuses())
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

  onMetadata(delta: MetadataDelta): void {
    const topics = [...(delta.topics ?? []), ...(delta.deletedTopics ?? [])].map(({ name }) => name)
    this.#options.topics.onUpdate()
    for (const { shard } of this.#shards.loaded()) shard.onTopicsChanged(topics)
  }

  /** Appends a transaction marker to a partition that this broker leads; `done` reports whether it is replicated. */
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
    const log = new ReplicaCoordinatorLog(replica, runtime, config.offsetsCommitTimeoutMs)
    const shard = new GroupCoordinatorShard({ runtime, log, config, topics, consumerConfig, streamsConfig })
    shard.replay(replica.batches())
    const loaded: Loaded = { shard, log, expiry: undefined }
    this.#scheduleExpiry(loaded)
    shard.startSessions()
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
