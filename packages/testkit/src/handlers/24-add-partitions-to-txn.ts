import { AddPartitionsToTxn, type Decoded, type Encodable, type ErrorName } from '@ottla/codec'
import { Held } from '../state/held.ts'
import { addPartitions, verifyPartitions } from '../state/transactions/transaction-requests.ts'
import { type Handler, type HandlerContext, serves } from './handler.ts'
import { allVersions, codes } from './support.ts'
import { fencedFor, transactionShard } from './transactions-support.ts'

type Request = Decoded<typeof AddPartitionsToTxn.request>
type Response = Encodable<typeof AddPartitionsToTxn.response>
type TopicResults = NonNullable<Response['resultsByTopicV3AndBelow']>
type Transaction = NonNullable<Request['transactions']>[number]

const handle: Handler<typeof AddPartitionsToTxn> = (context, request) => {
  const held = new Held<Response>(context.cluster.runtime)
  if (context.apiVersion >= 4) addAll(context, request.transactions, (response) => held.complete(response))
  else addOne(context, request, (response) => held.complete(response))
  return held
}

/** A producer's own request. */
function addOne(context: HandlerContext, request: Request, done: (response: Response) => void): void {
  const transaction = {
    transactionalId: request.v3AndBelowTransactionalId,
    producerId: request.v3AndBelowProducerId,
    producerEpoch: request.v3AndBelowProducerEpoch,
    topics: request.v3AndBelowTopics,
    verifyOnly: false,
  }
  add(context, transaction, 0, (resultsByTopicV3AndBelow) => done({ throttleTimeMs: 0, resultsByTopicV3AndBelow }))
}

/** A broker's request for several transactions: to add partitions, or only to verify them. */
function addAll(
  context: HandlerContext,
  transactions: readonly Transaction[],
  done: (response: Response) => void,
): void {
  const results: { transactionalId: string; topicResults: TopicResults }[] = []
  const settle = () => {
    if (results.length < transactions.length) return
    done({ throttleTimeMs: 0, errorCode: 0, resultsByTransaction: results })
  }
  for (const transaction of transactions) {
    // Brokers that use these versions support KIP-890.
    add(context, transaction, 2, (topicResults) => {
      results.push({ transactionalId: transaction.transactionalId, topicResults })
      settle()
    })
  }
  settle()
}

function add(
  context: HandlerContext,
  { transactionalId, producerId, producerEpoch, topics, verifyOnly }: Transaction,
  clientVersion: number,
  done: (results: TopicResults) => void,
): void {
  const { broker, apiVersion } = context
  const isKnown = (topic: string, partition: number) => partition >= 0 && partition < broker.partitionCount(topic)
  const complete = (error: ErrorName | undefined, hasUnknown = false) =>
    done(
      topics.map(({ name, partitions }) => ({
        name,
        resultsByPartition: partitions.map((partitionIndex) => {
          const isUnknown = hasUnknown && !isKnown(name, partitionIndex)
          return { partitionIndex, partitionErrorCode: codes.of(isUnknown ? 'UNKNOWN_TOPIC_OR_PARTITION' : error) }
        }),
      })),
    )
  const isComplete = topics.every(({ name, partitions }) => partitions.every((each) => isKnown(name, each)))
  // All or none: existing partitions fail with OPERATION_NOT_ATTEMPTED.
  if (!isComplete) {
    complete('OPERATION_NOT_ATTEMPTED', true)
    return
  }
  const shard = transactionShard(context, transactionalId)
  if (typeof shard === 'string') {
    complete(shard)
    return
  }
  const identity = { transactionalId, producerId, producerEpoch }
  const partitions = topics.map(({ name, partitions: added }) => ({ topic: name, partitions: added }))
  if (verifyOnly) complete(verifyPartitions(shard, identity, partitions))
  else {
    addPartitions(shard, identity, { partitions, clientVersion }, (error) => complete(fencedFor(error, apiVersion < 2)))
  }
}

export const addPartitionsToTxnHandler = serves(AddPartitionsToTxn, allVersions(AddPartitionsToTxn), handle)
