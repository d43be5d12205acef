import type { ErrorName } from '@ottla/codec'
import { BatchReader } from '@ottla/codec/records'
import type { Runtime, Timer } from '@ottla/codec/runtime'
import { partitionOf, recordsIn } from '../groups/group-coordinator.ts'
import { type CoordinatorReplica, ReplicaGroupLog } from '../groups/group-log.ts'
import type { MetadataView } from '../metadata-view.ts'
import type { Replica } from '../replicas/replica.ts'
import { decodeShareState, SHARE_STATE_TOPIC, type ShareKey, shareKeyText } from './share-state-records.ts'
import { ShareStateShard } from './share-state-shard.ts'

/** What a coordinator needs of its broker. */
export interface ShareCoordinatorOptions {
  readonly runtime: Runtime
  readonly view: Pick<MetadataView, 'topicById'>
  /** share.coordinator.write.timeout.ms */
  readonly writeTimeoutMs: number
  /** share.coordinator.snapshot.update.records.per.snapshot */
  readonly updatesPerSnapshot: number
  /** share.coordinator.state.topic.prune.interval.ms */
  readonly pruneIntervalMs: number
  /** The number of partitions of __share_group_state as the broker knows it; 0 when there is no such topic. */
  readonly partitionCount: () => number
}

interface Loaded {
  readonly shard: ShareStateShard
  readonly log: ReplicaGroupLog
  pruning: Timer | undefined
}

type StateReplica = CoordinatorReplica & Pick<Replica, 'deleteRecords'>

/** The share partitions' states of a broker: one shard for each partition of __share_group_state that it leads. */
export class ShareCoordinator {
  readonly #options: ShareCoordinatorOptions
  /** 'loading' from the election until the log is read. */
  readonly #partitions = new Map<number, Loaded | 'loading'>()
  #isClosed = false

  constructor(options: ShareCoordinatorOptions) {
    this.#options = options
  }

  /** The shard that owns the share partition, or why this broker cannot serve it now. */
  shardOf(key: ShareKey): ShareStateShard | ErrorName {
    if (this.#isClosed) return 'COORDINATOR_NOT_AVAILABLE'
    const count = this.#options.partitionCount()
    const loaded = count === 0 ? undefined : this.#partitions.get(partitionOf(shareKeyText(key), count))
    if (loaded === undefined) return 'NOT_COORDINATOR'
    return loaded === 'loading' ? 'COORDINATOR_LOAD_IN_PROGRESS' : loaded.shard
  }

  onLeadershipGained(replica: StateReplica): void {
    if (replica.topic !== SHARE_STATE_TOPIC || this.#isClosed) return
    const { partition } = replica
    this.#unload(partition)
    this.#partitions.set(partition, 'loading')
    // Reading a log takes its time in Kafka: a turn here, in which requests see that it is under way.
    this.#options.runtime.defer(() => {
      if (this.#partitions.get(partition) === 'loading' && replica.isLeader) this.#load(replica)
    })
  }

  onLeadershipLost(topic: string, partition: number): void {
    if (topic === SHARE_STATE_TOPIC) this.#unload(partition)
  }

  onTopicDeleted(_topic: string, topicId: string): void {
    for (const loaded of this.#partitions.values()) if (loaded !== 'loading') loaded.shard.forgetTopic(topicId)
  }

  close(): void {
    this.#isClosed = true
    for (const partition of [...this.#partitions.keys()]) this.#unload(partition)
  }

  #load(replica: StateReplica): void {
    const { runtime, view, writeTimeoutMs, updatesPerSnapshot } = this.#options
    const log = new ReplicaGroupLog(replica, runtime, writeTimeoutMs)
    const nowMs = () => Math.floor(runtime.wallNow())
    const endOffset = () => replica.logEndOffset
    const shard = new ShareStateShard({ log, view, nowMs, updatesPerSnapshot, endOffset })
    for (const bytes of replica.batches()) {
      const reader = new BatchReader(bytes)
      for (let batch = reader.next(); batch; batch = reader.next()) {
        for (const record of recordsIn(batch)) {
          const read = decodeShareState(record)
          if (read !== undefined) shard.replay(read, Number(batch.baseOffset))
        }
      }
    }
    const loaded: Loaded = { shard, log, pruning: undefined }
    this.#partitions.set(replica.partition, loaded)
    this.#schedulePruning(loaded, replica)
  }

  /** The topic is neither compacted nor retained by time: what newer snapshots cover is deleted now and then. */
  #schedulePruning(loaded: Loaded, replica: StateReplica): void {
    const { runtime, pruneIntervalMs } = this.#options
    loaded.pruning = runtime.setTimer(() => {
      replica.deleteRecords(Math.min(loaded.shard.firstNeeded, replica.highWatermark))
      this.#schedulePruning(loaded, replica)
    }, pruneIntervalMs)
  }

  #unload(partition: number): void {
    const loaded = this.#partitions.get(partition)
    this.#partitions.delete(partition)
    if (loaded === undefined || loaded === 'loading') return
    if (loaded.pruning !== undefined) this.#options.runtime.clearTimer(loaded.pruning)
    loaded.log.close()
  }
}
