import type { ErrorName } from '@ottla/codec'
import { RecordBatchReader } from '@ottla/codec/records'
import type { Runtime } from '@ottla/runtime'
import { type CoordinatorReplica, ReplicaCoordinatorLog } from '../coordinators/coordinator-log.ts'
import { recordsIn } from '../coordinators/coordinator-record.ts'
import { CoordinatorShards } from '../coordinators/coordinator-shards.ts'
import { transactionTopic } from '../internal-topics.ts'
import type { Replica } from '../replicas/replica.ts'
import { readTransactionRecord } from './transaction-records.ts'
import { abortFromHere } from './transaction-requests.ts'
import { type TransactionConfig, TransactionShard, type TransactionShardOptions } from './transaction-shard.ts'

/** A replica of __transaction_state; its leader epoch is the coordinator epoch. */
export type TransactionReplica = CoordinatorReplica & Pick<Replica, 'leaderEpoch'>

/** What a coordinator needs from its broker. */
export interface TransactionCoordinatorOptions extends Pick<TransactionShardOptions, 'newProducerId' | 'writeMarker'> {
  readonly runtime: Runtime
  readonly config: TransactionConfig
  /** The number of partitions of __transaction_state in the broker's metadata; 0 when the topic does not exist. */
  readonly partitionCount: () => number
}

interface Loaded {
  readonly shard: TransactionShard
  readonly log: ReplicaCoordinatorLog
}

const writeTimeoutMs = 5_000

/** A broker's transaction coordinator: one shard for each partition of __transaction_state that it leads. */
export class TransactionCoordinator {
  readonly #options: TransactionCoordinatorOptions
  readonly #shards: CoordinatorShards<TransactionReplica, Loaded>

  constructor(options: TransactionCoordinatorOptions) {
    this.#options = options
    this.#shards = new CoordinatorShards({
      runtime: options.runtime,
      topic: transactionTopic,
      partitionCount: options.partitionCount,
      load: (replica) => this.#load(replica),
      unload: ({ shard, log }) => {
        shard.unload()
        log.close()
      },
    })
  }

  /** The shard that owns the transactional id, or why this broker cannot serve it now. */
  shardOf(transactionalId: string): TransactionShard | ErrorName {
    const loaded = this.#shards.of(transactionalId)
    return typeof loaded === 'string' ? loaded : loaded.shard
  }

  /** All shards, or COORDINATOR_LOAD_IN_PROGRESS while one is loading: a list would lack its transactions. */
  shards(): readonly TransactionShard[] | ErrorName {
    const all = this.#shards.all()
    return typeof all === 'string' ? all : all.map(({ shard }) => shard)
  }

  /** The loaded shards. */
  loaded(): TransactionShard[] {
    return this.#shards.loaded().map(({ shard }) => shard)
  }

  onLeadershipGained(replica: TransactionReplica): void {
    this.#shards.onLeadershipGained(replica)
  }

  onLeadershipLost(topic: string, partition: number): void {
    this.#shards.onLeadershipLost(topic, partition)
  }

  close(): void {
    this.#shards.close()
  }

  #load(replica: TransactionReplica): Loaded {
    const { runtime, config, newProducerId, writeMarker } = this.#options
    const log = new ReplicaCoordinatorLog(replica, runtime, writeTimeoutMs)
    const { leaderEpoch: coordinatorEpoch } = replica
    const shard = new TransactionShard({ runtime, log, config, coordinatorEpoch, newProducerId, writeMarker })
    shard.onTimeout = (transaction) => abortFromHere(shard, transaction, transaction.image.clientVersion, () => {})
    for (const bytes of replica.batches()) load(shard, bytes)
    shard.resume()
    return { shard, log }
  }
}

function load(shard: TransactionShard, bytes: Uint8Array): void {
  const reader = new RecordBatchReader(bytes)
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
