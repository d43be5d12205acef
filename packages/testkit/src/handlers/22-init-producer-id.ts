import { InitProducerId } from '@ottla/codec'
import { type Handler, serves } from './handler.ts'
import { allVersions, codes } from './support.ts'

const handle: Handler<typeof InitProducerId> = ({ cluster }, { transactionalId }) => {
  const failed = (errorCode: number) => ({ throttleTimeMs: 0, errorCode, producerId: -1n, producerEpoch: -1 })
  if (transactionalId === '') return failed(codes.of('INVALID_REQUEST'))
  // There is no transaction coordinator: said in a way that no client repeats for ever.
  if (transactionalId !== null) return failed(codes.of('UNSUPPORTED_VERSION'))
  // Without a transactional id each request gets an id of its own, whatever it had before.
  const producerId = cluster.controller.allocateProducerId()
  return { throttleTimeMs: 0, errorCode: 0, producerId, producerEpoch: 0 }
}

export const initProducerIdHandler = serves(InitProducerId, allVersions(InitProducerId), handle)
