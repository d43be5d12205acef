import { type Encodable, EndTxn } from '@ottla/codec'
import { Held } from '../state/held.ts'
import { endTransaction } from '../state/transactions/transaction-requests.ts'
import { type Handler, serves } from './handler.ts'
import { codes } from './support.ts'
import { fencedFor, transactionShard } from './transactions-support.ts'

type Response = Encodable<typeof EndTxn.response>

const firstVersionOfBump = 5

const handle: Handler<typeof EndTxn> = (context, request) => {
  const { apiVersion, cluster } = context
  const failed = (errorCode: number): Response => ({
    throttleTimeMs: 0,
    errorCode,
    producerId: -1n,
    producerEpoch: -1,
  })
  const shard = transactionShard(context, request.transactionalId)
  if (typeof shard === 'string') return failed(codes.of(shard))
  const held = new Held<Response>(cluster.runtime)
  const clientVersion = apiVersion >= firstVersionOfBump ? 2 : 0
  endTransaction(shard, request, { committed: request.committed, clientVersion }, (result) => {
    if (typeof result === 'string') held.complete(failed(codes.of(fencedFor(result, apiVersion < 2))))
    else {
      const { producerId, producerEpoch } = result
      held.complete({ throttleTimeMs: 0, errorCode: 0, producerId, producerEpoch })
    }
  })
  return held
}

export const endTxnHandler = serves(EndTxn, { min: 0, max: 5 }, handle)
