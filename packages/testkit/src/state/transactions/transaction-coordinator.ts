import type { ErrorName } from '@ottla/codec'
import { BatchReader } from '@ottla/codec/records'
import type { Runtime } from '@ottla/codec/runtime'
import { partitionOf, recordsIn } from '../groups/group-coordinator.ts'
import { type CoordinatorReplica, ReplicaGroupLog } from '../groups/group-log.ts'
import type { Replica } from '../replicas/replica.ts'
import { readTransactionRecord } from './transaction-records.ts'
import { abortFromHere } from './transaction-requests.ts'
import { type TransactionConfig, TransactionShard, type TransactionShardOptions } from './transaction-shard.ts'

export const TRANSACTION_TOPIC = '__transaction_state'

/** Its leader epoch is the coordinator's. */
export type TransactionReplica = CoordinatorReplica & Pick<Replica, 'leaderEpoch'>

/** What a coordinator needs of its broker. */
export interface TransactionCoordinatorOptions extends Pick<TransactionShardOptions, 'newProducerId' | 'writeMarker'> {
  readonly runtime: Runtime
  readonly config: TransactionConfig
  /** The number of partitions of __transaction_state as the broker knows it; 0 when there is no such topic. */
  readonly partitionCount: () => number
}

interface Loaded {
  readonly shard: TransactionShard
  readonly log: ReplicaGroupLog
}

const writeTimeoutMs = 5_000

/** The transactions of a broker: one shard for each partition of __transaction_state that it leads. */
export class TransactionCoordinator {
  readonly #options: TransactionCoordinatorOptions
  /** 'loading' from the election until the log is read. */
  readonly #partitions = new Map<number, Loaded | 'loading'>()
  #isClosed = false

  constructor(options: TransactionCoordinatorOptions) {
    this.#options = options
  }

  /** The shard that owns the transactional id, or why this broker cannot serve it now. */
  shardOf(transactionalId: string): TransactionShard | ErrorName {
    if (this.#isClosed) return 'COORDINATOR_NOT_AVAILABLE'
    const count = this.#options.partitionCount()
    const loaded = count === 0 ? undefined : this.#partitions.get(partitionOf(transactionalId, count))
    if (loaded === undefined) return 'NOT_COORDINATOR'
    return loaded === 'loading' ? 'COORDINATOR_LOAD_IN_PROGRESS' : loaded.shard
  }

  /** All shards, or COORDINATOR_LOAD_IN_PROGRESS while one is not ready: a list would lack its transactions. */
  shards(): readonly TransactionShard[] | ErrorName {
    const shards: TransactionShard[] = []
    for (const loaded of this.#partitions.values()) {
      if (loaded === 'loading') return 'COORDINATOR_LOAD_IN_PROGRESS'
      shards.push(loaded.shard)
    }
    return shards
  }

  /** Those shards that are ready. */
  loaded(): TransactionShard[] {
    return [...this.#partitions.values()].flatMap((loaded) => (loaded === 'loading' ? [] : [loaded.shard]))
  }

  onLeadershipGained(replica: TransactionReplica): void {
    if (replica.topic !== TRANSACTION_TOPIC || this.#isClosed) return
    const { partition } = replica
    this.#unload(partition)
    this.#partitions.set(partition, 'loading')
    // Reading a log takes its time in Kafka: a turn here, in which requests see that it is under way.
    this.#options.runtime.defer(() => {
      if (this.#partitions.get(partition) === 'loading' && replica.isLeader) this.#load(replica)
    })
  }

  onLeadershipLost(topic: string, partition: number): void {
    if (topic === TRANSACTION_TOPIC) this.#unload(partition)
  }

  close(): void {
    this.#isClosed = true
    for (const partition of [...this.#partitions.keys()]) this.#unload(partition)
  }

  #load(replica: TransactionReplica): void {
    const { runtime, config, newProducerId, writeMarker } = this.#options
    const log = new ReplicaGroupLog(replica, runtime, writeTimeoutMs)
    const { leaderEpoch: coordinatorEpoch } = replica
    const shard = new TransactionShard({ runtime, log, config, coordinatorEpoch, newProducerId, writeMarker })
    shard.onTimeout = (transaction) => abortFromHere(shard, transaction, transaction.image.clientVersion, () => {})
    for (const bytes of replica.batches()) load(shard, bytes)
    this.#partitions.set(replica.partition, { shard, log })
    shard.resume()
  }

  #unload(partition: number): void {
    const loaded = this.#partitions.get(partition)
    this.#partitions.delete(partition)
    if (loaded === undefined || loaded === 'loading') return
    loaded.shard.unload()
    loaded.log.close()
  }
}

function load(shard: TransactionShard, bytes: Uint8Array): void {
  const reader = new BatchReader(bytes)
  for (let batch = reader.next(); batch; batch = reader.next()) {
    for (const record of recordsIn(batch)) {
      const read = readTransactionRecord(record)
      if (read?.image === undefined) {
        if (read !== undefined) shard.transactions.delete(read.transactionalId)
      } else {
        const { transactionalId, image } = read
        shard.transactions.set(transactionalId, { transactionalId, image, isChanging: false })
      }
    }
  }
}
