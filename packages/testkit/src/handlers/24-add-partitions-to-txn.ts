import { AddPartitionsToTxn, type Encodable, type ErrorName } from '@ottla/codec'
import { Held } from '../state/held.ts'
import { addPartitions } from '../state/transaction-requests.ts'
import { type Handler, serves } from './handler.ts'
import { codes } from './support.ts'
import { fencedFor, transactionShard } from './transactions-support.ts'

type Response = Encodable<typeof AddPartitionsToTxn.response>

const handle: Handler<typeof AddPartitionsToTxn> = (context, request) => {
  const { broker, apiVersion, cluster } = context
  const topics = request.v3AndBelowTopics
  const isKnown = (topic: string, partition: number) => partition >= 0 && partition < broker.partitionCount(topic)
  const isComplete = topics.every(({ name, partitions }) => partitions.every((each) => isKnown(name, each)))
  const answer = (error: ErrorName | undefined, isOfUnknown = false): Response => ({
    throttleTimeMs: 0,
    resultsByTopicV3AndBelow: topics.map(({ name, partitions }) => ({
      name,
      resultsByPartition: partitions.map((partitionIndex) => {
        const isWrong = isOfUnknown && !isKnown(name, partitionIndex)
        return { partitionIndex, partitionErrorCode: codes.of(isWrong ? 'UNKNOWN_TOPIC_OR_PARTITION' : error) }
      }),
    })),
  })
  // All or none: those that exist are told that they were not tried.
  if (!isComplete) return answer('OPERATION_NOT_ATTEMPTED', true)
  const transactionalId = request.v3AndBelowTransactionalId
  const shard = transactionShard(context, transactionalId)
  if (typeof shard === 'string') return answer(shard)
  const identity = {
    transactionalId,
    producerId: request.v3AndBelowProducerId,
    producerEpoch: request.v3AndBelowProducerEpoch,
  }
  const partitions = topics.map(({ name, partitions: added }) => ({ topic: name, partitions: added }))
  const held = new Held<Response>(cluster.runtime)
  addPartitions(shard, identity, { partitions, clientVersion: 0 }, (error) =>
    held.complete(answer(fencedFor(error, apiVersion < 2))),
  )
  return held
}

/** From version 4 on brokers ask each other; here they do so without the protocol. */
export const addPartitionsToTxn = serves(AddPartitionsToTxn, { min: 0, max: 3 }, handle)
