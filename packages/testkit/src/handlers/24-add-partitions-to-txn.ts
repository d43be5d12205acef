import { AddPartitionsToTxn, type Encodable, type ErrorName } from '@ottla/codec'
import { isInternalTopic } from '../controller.ts'
import { Held } from '../state/held.ts'
import { addPartitions } from '../state/transaction-requests.ts'
import { type Handler, serves } from './handler.ts'
import { codes } from './support.ts'
import { fencedFor, transactionShard } from './transactions-support.ts'

type Response = Encodable<typeof AddPartitionsToTxn.response>

const handle: Handler<typeof AddPartitionsToTxn> = (context, request) => {
  const { broker, apiVersion, cluster, permissions } = context
  const topics = request.v3AndBelowTopics
  const isKnown = (topic: string, partition: number) => partition >= 0 && partition < broker.partitionCount(topic)
  // Nobody writes to internal topics.
  const isAllowed = (topic: string) => !isInternalTopic(topic) && permissions.may('WRITE', 'TOPIC', topic)
  const isComplete = topics.every(
    ({ name, partitions }) => isAllowed(name) && partitions.every((each) => isKnown(name, each)),
  )
  const problemOf = (name: string, partition: number): ErrorName | undefined => {
    if (!isAllowed(name)) return 'TOPIC_AUTHORIZATION_FAILED'
    return isKnown(name, partition) ? undefined : 'UNKNOWN_TOPIC_OR_PARTITION'
  }
  const answer = (error: ErrorName | undefined, isOfUnknown = false): Response => ({
    throttleTimeMs: 0,
    resultsByTopicV3AndBelow: topics.map(({ name, partitions }) => ({
      name,
      resultsByPartition: partitions.map((partitionIndex) => {
        const problem = isOfUnknown ? problemOf(name, partitionIndex) : undefined
        return { partitionIndex, partitionErrorCode: codes.of(problem ?? error) }
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
