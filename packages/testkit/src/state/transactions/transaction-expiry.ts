import type { Transaction } from './transaction.ts'
import type { TransactionShard } from './transaction-shard.ts'

/** A transaction that is open or being ended keeps its id, however old it is. */
const atRest: readonly string[] = ['Empty', 'CompleteCommit', 'CompleteAbort']

/** Transactional ids that nobody used for transactional.id.expiration.ms are forgotten: their producers begin anew. */
export function expireTransactionalIds(shard: TransactionShard, nowMs: number): void {
  for (const transaction of [...shard.transactions.values()]) {
    if (isExpired(transaction, nowMs, shard.config.idExpirationMs)) shard.remove(transaction)
  }
}

function isExpired({ image, isChanging }: Transaction, nowMs: number, expirationMs: number): boolean {
  return !isChanging && atRest.includes(image.state) && image.lastUpdateMs + expirationMs <= nowMs
}
