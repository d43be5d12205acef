import type { ErrorName } from '@ottla/codec'
import { partitionOf } from '../state/coordinators/coordinator-shards.ts'
import { transactionTopic } from '../state/internal-topics.ts'
import type { TopicPartitions } from '../state/transactions/transaction.ts'
import { addPartitions, type ProducerIdentity, verifyPartitions } from '../state/transactions/transaction-requests.ts'
import type { TransactionShard } from '../state/transactions/transaction-shard.ts'
import type { HandlerContext } from './handler.ts'

export function transactionShard({ broker }: HandlerContext, transactionalId: string): TransactionShard | ErrorName {
  if (transactionalId === '') return 'INVALID_REQUEST'
  return broker.services.transactions.shardOf(transactionalId)
}

/** Clients of before KIP-360 and KIP-588 know only the older error. */
export function fencedFor(error: ErrorName | undefined, isOldClient: boolean): ErrorName | undefined {
  return error === 'PRODUCER_FENCED' && isOldClient ? 'INVALID_PRODUCER_EPOCH' : error
}

/** What a client can make of the errors of a verification: by its version. */
export type VerificationStyle = 'old' | 'abortable' | 'adds-partitions'

/**
 * A broker that is written to in a transaction asks the transaction's coordinator: does the partition take part? With
 * `adds-partitions` it does from now on.
 */
export function verifyTransaction(
  { broker, cluster }: HandlerContext,
  identity: ProducerIdentity,
  { partitions, style }: { readonly partitions: readonly TopicPartitions[]; readonly style: VerificationStyle },
  done: (error: ErrorName | undefined) => void,
): void {
  const responded = (error: ErrorName | undefined) => done(told(error, style))
  const count = broker.partitionCount(transactionTopic)
  const leader =
    count === 0 ? undefined : broker.leaderOf(transactionTopic, partitionOf(identity.transactionalId, count))
  const coordinator = leader === undefined ? undefined : cluster.broker(leader)
  if (coordinator === undefined || !coordinator.isUp) {
    responded('COORDINATOR_NOT_AVAILABLE')
    return
  }
  const shard = coordinator.services.transactions.shardOf(identity.transactionalId)
  if (typeof shard === 'string') responded(shard)
  else if (style === 'adds-partitions') addPartitions(shard, identity, { partitions, clientVersion: 2 }, responded)
  else responded(verifyPartitions(shard, identity, partitions))
}

function told(error: ErrorName | undefined, style: VerificationStyle): ErrorName | undefined {
  if (error === 'PRODUCER_FENCED') return 'INVALID_PRODUCER_EPOCH'
  if (error === 'TRANSACTION_ABORTABLE' && style === 'old') return 'INVALID_TXN_STATE'
  return error
}
