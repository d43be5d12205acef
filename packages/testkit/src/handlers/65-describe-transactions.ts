import { DescribeTransactions, type ErrorName } from '@ottla/codec'
import { type Handler, type HandlerContext, serves } from './handler.ts'
import { codes } from './support.ts'
import { transactionShard } from './transactions-support.ts'

const handle: Handler<typeof DescribeTransactions> = (context, { transactionalIds }) => ({
  throttleTimeMs: 0,
  transactionStates: transactionalIds.map((transactionalId) => describe(context, transactionalId)),
})

function describe(context: HandlerContext, transactionalId: string) {
  const shard = transactionShard(context, transactionalId)
  if (typeof shard === 'string') return failed(transactionalId, shard)
  const image = shard.transactions.get(transactionalId)?.image
  if (image === undefined) return failed(transactionalId, 'TRANSACTIONAL_ID_NOT_FOUND')
  const { state, timeoutMs, startMs, producerId, producerEpoch, partitions } = image
  return {
    errorCode: 0,
    transactionalId,
    transactionState: state,
    transactionTimeoutMs: timeoutMs,
    transactionStartTimeMs: BigInt(startMs),
    producerId,
    producerEpoch,
    topics: Array.from(partitions, ([topic, indexes]) => ({ topic, partitions: [...indexes] })),
  }
}

function failed(transactionalId: string, error: ErrorName) {
  return {
    errorCode: codes.of(error),
    transactionalId,
    transactionState: '',
    transactionTimeoutMs: 0,
    transactionStartTimeMs: 0n,
    producerId: 0n,
    producerEpoch: 0,
    topics: [],
  }
}

export const describeTransactionsHandler = serves(DescribeTransactions, { min: 0, max: 0 }, handle)
