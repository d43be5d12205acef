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

/** Clients before KIP-360 and KIP-588 know only the older error. */
export function fencedFor(error: ErrorName | undefined, isOldClient: boolean): ErrorName | undefined {
  return error === 'PRODUCER_FENCED' && isOldClient ? 'INVALID_PRODUCER_EPOCH' : error
}

/** How a client handles verification errors, by its version. */
export type VerificationStyle = 'old' | 'abortable' | 'adds-partitions'

/**
 * Verifies with the transaction's coordinator that partitions are part of the transaction; with `adds-partitions` the
 * coordinator adds them.
 */
export function verifyTransaction(
  { broker, cluster }: HandlerContext,
  identity: ProducerIdentity,
  { partitions, style }: { readonly partitions: readonly TopicPartitions[]; readonly style: VerificationStyle },
  done: (error: ErrorName | undefined) => void,
): void {
  const complete = (error: ErrorName | undefined) => done(errorInStyle(error, style))
  const count = broker.partitionCount(transactionTopic)
  const leader =
    count === 0 ? undefined : broker.leaderOf(transactionTopic, partitionOf(identity.transactionalId, count))
  const coordinator = leader === undefined ? undefined : cluster.broker(leader)
  if (coordinator === undefined || !coordinator.isUp) {
    complete('COORDINATOR_NOT_AVAILABLE')
    return
  }
  const shard = coordinator.services.transactions.shardOf(identity.transactionalId)
  if (typeof shard === 'string') complete(shard)
  else if (style === 'adds-partitions') addPartitions(shard, identity, { partitions, clientVersion: 2 }, complete)
  else complete(verifyPartitions(shard, identity, partitions))
}

function errorInStyle(error: ErrorName | undefined, style: VerificationStyle): ErrorName | undefined {
  if (error === 'PRODUCER_FENCED') return 'INVALID_PRODUCER_EPOCH'
  if (error === 'TRANSACTION_ABORTABLE' && style === 'old') return 'INVALID_TXN_STATE'
  return error
}
