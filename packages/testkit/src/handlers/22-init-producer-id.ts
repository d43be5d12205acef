import { type Encodable, InitProducerId } from '@ottla/codec'
import { Held } from '../state/held.ts'
import { initProducerId } from '../state/transactions/transaction-requests.ts'
import { type Handler, serves } from './handler.ts'
import { allVersions, codes } from './support.ts'
import { fencedFor, transactionShard } from './transactions-support.ts'

type Response = Encodable<typeof InitProducerId.response>

const handle: Handler<typeof InitProducerId> = (context, request) => {
  const { cluster, apiVersion } = context
  const { transactionalId, producerId, producerEpoch, transactionTimeoutMs: timeoutMs } = request
  const failed = (errorCode: number) => ({ throttleTimeMs: 0, errorCode, producerId: -1n, producerEpoch: -1 })
  if ((producerId === -1n) !== (producerEpoch === -1)) return failed(codes.of('INVALID_REQUEST'))
  // Without a transactional id each request gets a new producer id.
  if (transactionalId === null) {
    return { throttleTimeMs: 0, errorCode: 0, producerId: cluster.controller.allocateProducerId(), producerEpoch: 0 }
  }
  const shard = transactionShard(context, transactionalId)
  if (typeof shard === 'string') return failed(codes.of(shard))
  const held = new Held<Response>(cluster.runtime)
  initProducerId(shard, { transactionalId, producerId, producerEpoch, timeoutMs }, (result) => {
    if (typeof result === 'string') held.complete(failed(codes.of(fencedFor(result, apiVersion < 4))))
    else held.complete({ throttleTimeMs: 0, errorCode: 0, ...idOf(result) })
  })
  return held
}

const idOf = ({ producerId, producerEpoch }: { readonly producerId: bigint; readonly producerEpoch: number }) => ({
  producerId,
  producerEpoch,
})

export const initProducerIdHandler = serves(InitProducerId, allVersions(InitProducerId), handle)
