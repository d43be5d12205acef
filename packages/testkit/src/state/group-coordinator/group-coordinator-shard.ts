import { RecordBatchReader, readControlBatch } from '@ottla/codec/records'
import type { ClassicGroup } from '../classic-groups/classic-group.ts'
import { ClassicGroupKind } from '../classic-groups/classic-group-kind.ts'
import { groupTombstone } from '../classic-groups/classic-group-records.ts'
import { type ClassicGroupShard, createGroup, removeGroup } from '../classic-groups/classic-group-shard.ts'
import type { ConsumerGroup } from '../consumer-groups/consumer-group.ts'
import { type ConsumerGroupConfig, defaultConsumerGroupConfig } from '../consumer-groups/consumer-group-config.ts'
import { ConsumerGroupKind } from '../consumer-groups/consumer-group-kind.ts'
import type { ConsumerGroupMigration, ConsumerGroupShard } from '../consumer-groups/consumer-group-shard.ts'
import type { CoordinatorLog } from '../coordinators/coordinator-log.ts'
import { type CoordinatorRecord, recordsIn } from '../coordinators/coordinator-record.ts'
import type { GroupConfig } from '../coordinators/group-config.ts'
import { byTopicAndPartition, type GroupKind, type GroupStatus, type ListedGroup } from '../coordinators/group-kind.ts'
import type { RecordSink } from '../coordinators/group-operation.ts'
import type { GroupRuntime } from '../coordinators/group-shard.ts'
import { type GroupTopics, noTopics } from '../coordinators/group-topics.ts'
import { KeyedTimers } from '../coordinators/keyed-timers.ts'
import { CommittedOffsets } from '../offsets/committed-offsets.ts'
import { replayOffset } from '../offsets/offset-records.ts'
import type { OffsetGroupKind, OffsetShard } from '../offsets/offset-shard.ts'
import { ShareGroups } from '../shares/share-group.ts'
import { ShareGroupKind } from '../shares/share-group-kind.ts'
import type { ShareGroupShard } from '../shares/share-group-shard.ts'
import type { StreamsGroup } from '../streams-groups/streams-group.ts'
import { defaultStreamsGroupConfig, type StreamsGroupConfig } from '../streams-groups/streams-group-config.ts'
import { StreamsGroupKind } from '../streams-groups/streams-group-kind.ts'
import type { StreamsGroupShard } from '../streams-groups/streams-group-shard.ts'
import { downgradeToClassicGroup } from './consumer-group-downgrade.ts'
import { upgradeToConsumerGroup } from './consumer-group-upgrade.ts'

export interface GroupCoordinatorShardOptions {
  readonly runtime: GroupRuntime
  readonly log: CoordinatorLog
  readonly config: GroupConfig
  readonly topics?: GroupTopics
  readonly consumerConfig?: (groupId: string) => ConsumerGroupConfig
  readonly streamsConfig?: (groupId: string) => StreamsGroupConfig
}

/** The groups and offsets of one partition of __consumer_offsets. A group id belongs to at most one kind. */
export class GroupCoordinatorShard
  implements ClassicGroupShard, ConsumerGroupShard, StreamsGroupShard, ShareGroupShard, OffsetShard
{
  readonly classicGroups = new Map<string, ClassicGroup>()
  readonly consumerGroups = new Map<string, ConsumerGroup>()
  readonly streamsGroups = new Map<string, StreamsGroup>()
  readonly shares = new ShareGroups()
  readonly resolvingGroups = new Set<string>()
  readonly offsets = new CommittedOffsets()
  readonly timers: KeyedTimers
  readonly runtime: GroupRuntime
  readonly log: CoordinatorLog
  readonly config: GroupConfig
  readonly topics: GroupTopics
  readonly consumerConfig: (groupId: string) => ConsumerGroupConfig
  readonly streamsConfig: (groupId: string) => StreamsGroupConfig
  readonly migration: ConsumerGroupMigration = {
    upgrade: (groupId, operation) => upgradeToConsumerGroup(this, groupId, operation),
    downgrade: (group, downgrade, operation) => downgradeToClassicGroup(this, group, downgrade, operation),
  }
  readonly #classic = new ClassicGroupKind(this)
  readonly #consumer = new ConsumerGroupKind(this)
  readonly #streams = new StreamsGroupKind(this)
  readonly #share = new ShareGroupKind(this.shares)
  readonly offsetKinds: readonly OffsetGroupKind[] = [this.#consumer, this.#streams, this.#classic]
  readonly #kinds: readonly GroupKind[] = [this.#classic, this.#consumer, this.#streams, this.#share]
  #isUnloaded = false

  constructor(options: GroupCoordinatorShardOptions) {
    this.runtime = options.runtime
    this.log = options.log
    this.config = options.config
    this.topics = options.topics ?? noTopics
    this.consumerConfig = options.consumerConfig ?? (() => defaultConsumerGroupConfig)
    this.streamsConfig = options.streamsConfig ?? (() => defaultStreamsGroupConfig)
    this.timers = new KeyedTimers(options.runtime)
  }

  get isUnloaded(): boolean {
    return this.#isUnloaded
  }

  nowMs(): number {
    return Math.floor(this.runtime.wallNow())
  }

  hasGroup(groupId: string): boolean {
    return this.#kinds.some((kind) => kind.has(groupId))
  }

  offsetKindOf(groupId: string): OffsetGroupKind | undefined {
    if (this.#share.has(groupId)) return undefined
    return [this.#consumer, this.#streams].find((kind) => kind.has(groupId)) ?? this.#classic
  }

  ensureGroup(groupId: string): void {
    if (!this.hasGroup(groupId)) createGroup(this, groupId)
  }

  deleteEmptyClassicGroup(groupId: string, operation: RecordSink): boolean {
    const group = this.classicGroups.get(groupId)
    if (group?.state !== 'Empty') return false
    operation.addRecord(groupTombstone(groupId), () => removeGroup(this, group))
    return true
  }

  removeOffsetsOnlyGroup(groupId: string): void {
    this.classicGroups.delete(groupId)
  }

  /** Applies the batches read from the log. */
  replay(batches: Iterable<Uint8Array>): void {
    for (const bytes of batches) {
      const reader = new RecordBatchReader(bytes)
      for (let batch = reader.next(); batch; batch = reader.next()) {
        const { isControl, isTransactional, producerId } = batch
        if (isControl) {
          const type = readControlBatch(batch)?.type
          if (type === 'commit' || type === 'abort') this.offsets.end(producerId, type === 'commit')
          continue
        }
        for (const record of recordsIn(batch)) this.replayRecord(record, isTransactional ? producerId : undefined)
      }
    }
  }

  /** Applies one record; with a producer, its offset counts once the transaction is committed. */
  replayRecord(record: CoordinatorRecord, producerId?: bigint): void {
    if (!this.#kinds.some((kind) => kind.replay(record))) replayOffset(this, record, producerId)
  }

  startSessions(): void {
    for (const kind of this.#kinds) kind.startSessions()
  }

  onTopicsChanged(topics: readonly string[]): void {
    for (const kind of this.#kinds) kind.onTopicsChanged(topics)
  }

  list(): ListedGroup[] {
    return this.#kinds.flatMap((kind) => kind.list())
  }

  statuses(): GroupStatus[] {
    return this.#kinds
      .flatMap((kind) => kind.statuses())
      .map((status) => ({ ...status, offsets: this.#committedOffsets(status.groupId) }))
  }

  unload(): void {
    this.#isUnloaded = true
    this.timers.cancelAll()
    for (const kind of this.#kinds) kind.unload()
  }

  #committedOffsets(groupId: string): GroupStatus['offsets'] {
    return [...this.offsets.committed.topics(groupId)]
      .flatMap(([topic, partitions]) =>
        [...partitions].map(([partition, { offset }]) => ({ topic, partition, offset })),
      )
      .sort(byTopicAndPartition)
  }
}
