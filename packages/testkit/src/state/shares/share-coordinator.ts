import type { ErrorName } from '@ottla/codec'
import { RecordBatchReader } from '@ottla/codec/records'
import type { Runtime, Timer } from '@ottla/runtime'
import { type CoordinatorReplica, ReplicaCoordinatorLog } from '../coordinators/coordinator-log.ts'
import { recordsIn } from '../coordinators/coordinator-record.ts'
import { CoordinatorShards } from '../coordinators/coordinator-shards.ts'
import { shareStateTopic } from '../internal-topics.ts'
import type { MetadataView } from '../metadata-view.ts'
import type { Replica } from '../replicas/replica.ts'
import { decodeShareState, type ShareKey, shareKeyText } from './share-state-records.ts'
import { ShareStateShard } from './share-state-shard.ts'

/** What a coordinator needs from its broker. */
export interface ShareCoordinatorOptions {
  readonly runtime: Runtime
  readonly view: Pick<MetadataView, 'topicById'>
  /** share.coordinator.write.timeout.ms */
  readonly writeTimeoutMs: number
  /** share.coordinator.snapshot.update.records.per.snapshot */
  readonly updatesPerSnapshot: number
  /** share.coordinator.state.topic.prune.interval.ms */
  readonly pruneIntervalMs: number
  /** The number of partitions of __share_group_state in the broker's metadata; 0 when the topic does not exist. */
  readonly partitionCount: () => number
}

interface Loaded {
  readonly shard: ShareStateShard
  readonly log: ReplicaCoordinatorLog
  pruning: Timer | undefined
}

type StateReplica = CoordinatorReplica & Pick<Replica, 'deleteRecords'>

/** A broker's share coordinator: one shard for each partition of __share_group_state that it leads. */
export class ShareCoordinator {
  readonly #options: ShareCoordinatorOptions
  readonly #shards: CoordinatorShards<StateReplica, Loaded>

  constructor(options: ShareCoordinatorOptions) {
    this.#options = options
    this.#shards = new CoordinatorShards({
      runtime: options.runtime,
      topic: shareStateTopic,
      partitionCount: options.partitionCount,
      load: (replica) => this.#load(replica),
      unload: ({ log, pruning }) => {
        if (pruning !== undefined) options.runtime.clearTimer(pruning)
        log.close()
      },
    })
  }

  /** The shard that owns the share partition, or why this broker cannot serve it now. */
  shardOf(key: ShareKey): ShareStateShard | ErrorName {
    const loaded = this.#shards.of(shareKeyText(key))
    return typeof loaded === 'string' ? loaded : loaded.shard
  }

  onLeadershipGained(replica: StateReplica): void {
    this.#shards.onLeadershipGained(replica)
  }

  onLeadershipLost(topic: string, partition: number): void {
    this.#shards.onLeadershipLost(topic, partition)
  }

  onTopicDeleted(_topic: string, topicId: string): void {
    for (const { shard } of this.#shards.loaded()) shard.forgetTopic(topicId)
  }

  close(): void {
    this.#shards.close()
  }

  #load(replica: StateReplica): Loaded {
    const { runtime, view, writeTimeoutMs, updatesPerSnapshot } = this.#options
    const log = new ReplicaCoordinatorLog(replica, runtime, writeTimeoutMs)
    const nowMs = () => Math.floor(runtime.wallNow())
    const endOffset = () => replica.logEndOffset
    const shard = new ShareStateShard({ log, view, nowMs, updatesPerSnapshot, endOffset })
    for (const bytes of replica.batches()) {
      const reader = new RecordBatchReader(bytes)
      for (let batch = reader.next(); batch; batch = reader.next()) {
        for (const record of recordsIn(batch)) {
          const read = decodeShareState(record)
          if (read !== undefined) shard.replay(read, Number(batch.baseOffset))
        }
      }
    }
    const loaded: Loaded = { shard, log, pruning: undefined }
    this.#schedulePruning(loaded, replica)
    return loaded
  }

  /** The topic has neither compaction nor retention: records covered by newer snapshots are deleted periodically. */
  #schedulePruning(loaded: Loaded, replica: StateReplica): void {
    const { runtime, pruneIntervalMs } = this.#options
    loaded.pruning = runtime.setTimer(() => {
      replica.deleteRecords(Math.min(loaded.shard.firstNeeded, replica.highWatermark))
      this.#schedulePruning(loaded, replica)
    }, pruneIntervalMs)
  }
}
