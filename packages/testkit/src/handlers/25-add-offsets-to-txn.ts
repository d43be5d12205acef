import { AddOffsetsToTxn, type Encodable, type ErrorName } from '@ottla/codec'
import { ensureOffsetsTopic } from '../controllers/internal-topics.ts'
import { partitionOf } from '../state/coordinators/coordinator-shards.ts'
import { Held } from '../state/held.ts'
import { offsetsTopic } from '../state/internal-topics.ts'
import { addPartitions } from '../state/transactions/transaction-requests.ts'
import { type Handler, serves } from './handler.ts'
import { codes } from './support.ts'
import { fencedFor, transactionShard } from './transactions-support.ts'

type Response = Encodable<typeof AddOffsetsToTxn.response>

const handle: Handler<typeof AddOffsetsToTxn> = (context, request) => {
  const { broker, apiVersion, cluster } = context
  const respond = (error: ErrorName | undefined): Response => ({ throttleTimeMs: 0, errorCode: codes.of(error) })
  const shard = transactionShard(context, request.transactionalId)
  if (typeof shard === 'string') return respond(shard)
  const count = broker.partitionCount(offsetsTopic)
  if (count === 0) {
    ensureOffsetsTopic(cluster.controller, cluster.config)
    return respond('COORDINATOR_NOT_AVAILABLE')
  }
  const partitions = [{ topic: offsetsTopic, partitions: [partitionOf(request.groupId, count)] }]
  const held = new Held<Response>(cluster.runtime)
  addPartitions(shard, request, { partitions, clientVersion: 0 }, (error) =>
    held.complete(respond(fencedFor(error, apiVersion < 2))),
  )
  return held
}

export const addOffsetsToTxnHandler = serves(AddOffsetsToTxn, { min: 0, max: 4 }, handle)
