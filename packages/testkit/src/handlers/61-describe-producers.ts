import { DescribeProducers, type ErrorName, zeroUuid } from '@ottla/codec'
import { topicNameProblem } from '../state/topic-rules.ts'
import { type Handler, type HandlerContext, serves } from './handler.ts'
import { codes, findReplica } from './support.ts'

/** For unknown topics. For an unknown partition of a topic Kafka sends no message. */
const notHere = 'This server does not host this topic-partition.'

const handle: Handler<typeof DescribeProducers> = (context, { topics }) => ({
  throttleTimeMs: 0,
  topics: topics.map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((partition) => describe(context, name, partition)),
  })),
})

function describe(context: HandlerContext, topic: string, partitionIndex: number) {
  const problem = topicNameProblem(topic)
  if (problem !== undefined) return { ...failed(partitionIndex, 'INVALID_TOPIC_EXCEPTION'), errorMessage: problem }
  const { error, replica, topic: known } = findReplica(context, { topic, topicId: zeroUuid }, partitionIndex)
  if (known === undefined) return { ...failed(partitionIndex, 'UNKNOWN_TOPIC_OR_PARTITION'), errorMessage: notHere }
  if (replica === undefined) return failed(partitionIndex, error)
  const { producers, transactions } = replica.log
  const activeProducers = Array.from(producers.summaries(), (summary) => ({
    producerId: summary.producerId,
    producerEpoch: summary.producerEpoch,
    lastSequence: summary.lastSequence,
    lastTimestamp: BigInt(summary.lastTimestamp),
    coordinatorEpoch: transactions.coordinatorEpochOf(summary.producerId),
    currentTxnStartOffset: BigInt(transactions.openSince(summary.producerId) ?? -1),
  }))
  return { partitionIndex, errorCode: 0, errorMessage: null, activeProducers }
}

function failed(partitionIndex: number, error: ErrorName) {
  return { partitionIndex, errorCode: codes.of(error), errorMessage: null, activeProducers: [] }
}

export const describeProducersHandler = serves(DescribeProducers, { min: 0, max: 0 }, handle)
