import { type ErrorName, errorOf, type ProduceResponse } from '@ottla/codec'
import type { Broker } from '../cluster/broker.ts'
import { asKafkaError, KafkaError, kafkaErrorOf } from '../errors.ts'
import { withOutcome } from './outcome.ts'
import type { ProducerBatch } from './producer-batch.ts'
import type { ProducerCluster } from './producer-cluster.ts'

/** Who learns of leaders that moved. */
type LeaderBoard = Pick<ProducerCluster, 'learnLeader' | 'learnBrokers'>

type TopicResponse = ProduceResponse['responses'][number]
type PartitionResponse = TopicResponse['partitionResponses'][number]

/**
 * Answers that prove the broker has not appended the batch. After any other it may have: an answer of a leader that lost its
 * post, for instance, can follow an append that the next leader keeps.
 */
const notWritten = new Set<ErrorName>([
  'CLUSTER_AUTHORIZATION_FAILED',
  'CORRUPT_MESSAGE',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
  'INVALID_RECORD',
  'INVALID_REQUIRED_ACKS',
  'INVALID_TIMESTAMP',
  'INVALID_TOPIC_EXCEPTION',
  'MESSAGE_TOO_LARGE',
  'NOT_ENOUGH_REPLICAS',
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'POLICY_VIOLATION',
  'RECORD_LIST_TOO_LARGE',
  'TOPIC_AUTHORIZATION_FAILED',
  'UNKNOWN_PRODUCER_ID',
  'UNSUPPORTED_COMPRESSION_TYPE',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  'UNSUPPORTED_VERSION',
])

/** Settles or sends back each batch of a request as the answer says. Gives the topics whose metadata is stale. */
export function settleResponse(
  batches: readonly ProducerBatch[],
  response: ProduceResponse,
  broker: Broker,
  cluster: LeaderBoard,
): readonly string[] {
  if (response.nodeEndpoints.length > 0) {
    cluster.learnBrokers(response.nodeEndpoints.map(({ nodeId, ...address }) => ({ id: nodeId, ...address })))
  }
  const responses = indexResponses(response)
  const stale = new Set<string>()
  for (const batch of batches) {
    const { topic, index } = batch.partition
    const response = responses(topic.name, topic.topicId, index)
    if (response === undefined) {
      const message = `The answer to Produce leaves out topic '${topic.name}', partition ${index}`
      batch.partition.requeue(batch, new KafkaError('PROTOCOL_ERROR', message, { broker }), true)
    } else if (settleOne(batch, response, broker, cluster)) stale.add(topic.name)
  }
  return [...stale]
}

type FindResponse = (name: string, topicId: string | undefined, partition: number) => PartitionResponse | undefined

function indexResponses(response: ProduceResponse): FindResponse {
  // The common case: one topic, one partition.
  const [topic] = response.responses
  if (response.responses.length === 1 && topic?.partitionResponses.length === 1) {
    const [only] = topic.partitionResponses
    return (name, topicId, partition) =>
      (topic.name === name || topic.topicId === topicId) && only?.index === partition ? only : undefined
  }
  const topics = new Map<string, Map<number, PartitionResponse>>()
  for (const { name, topicId, partitionResponses } of response.responses) {
    topics.set(name === '' ? topicId : name, new Map(partitionResponses.map((response) => [response.index, response])))
  }
  return (name, topicId, partition) => (topics.get(name) ?? topics.get(topicId ?? ''))?.get(partition)
}

/** True when the topic's metadata is stale. */
function settleOne(batch: ProducerBatch, response: PartitionResponse, broker: Broker, cluster: LeaderBoard): boolean {
  const { partition, result } = batch
  const { name, retriable, refreshMetadata } = errorOf(response.errorCode)
  if (response.errorCode === 0 || name === 'DUPLICATE_SEQUENCE_NUMBER') {
    result.baseOffset = response.baseOffset
    result.logAppendTimeMs = Number(response.logAppendTimeMs)
    partition.delivered(batch)
    return false
  }
  const { leaderId, leaderEpoch } = response.currentLeader
  if (leaderId >= 0) cluster.learnLeader(partition.topic.name, partition.index, leaderId, leaderEpoch)

  const where = { broker, topic: result.topic, partition: result.partition, message: response.errorMessage }
  const written = !notWritten.has(name)
  const error = withOutcome(
    kafkaErrorOf(response.errorCode, 'Producing', where),
    written || batch.maybeWritten ? 'unknown' : 'not-written',
  )
  switch (name) {
    case 'OUT_OF_ORDER_SEQUENCE_NUMBER':
    case 'UNKNOWN_PRODUCER_ID':
      batch.outOfOrder = true
      partition.requeue(batch, error, false)
      return false
    case 'INVALID_PRODUCER_EPOCH':
    case 'INVALID_PRODUCER_ID_MAPPING':
      partition.refuseIdentity(batch)
      // Under another id the broker could not tell it from the one it may have.
      if (batch.maybeWritten) partition.rejected(batch, error, true)
      else partition.requeue(batch, error, false)
      return false
    case 'MESSAGE_TOO_LARGE':
    case 'RECORD_LIST_TOO_LARGE':
      // Parts of a batch that may be there already would not be recognised as its duplicates.
      if (batch.count === 1 || batch.maybeWritten) break
      batch.tooLarge = true
      partition.requeue(batch, error, false)
      return false
  }
  if (retriable) {
    partition.requeue(batch, error, written)
    // Who told the new leader need not be asked again.
    return refreshMetadata && leaderId < 0
  }
  nameBadRecords(batch, response, where, error)
  partition.rejected(batch, error, written)
  return false
}

/** KIP-467: which records of the batch were wrong. The others only shared their batch and may be sent again. */
function nameBadRecords(
  batch: ProducerBatch,
  response: PartitionResponse,
  where: { readonly topic: string; readonly partition: number; readonly broker: Broker },
  error: KafkaError,
): void {
  if (response.recordErrors.length === 0) return
  const { result, count } = batch
  const errors = new Map<number, KafkaError>()
  for (const { batchIndex, batchIndexErrorMessage } of response.recordErrors) {
    const message = batchIndexErrorMessage ?? response.errorMessage
    errors.set(
      batchIndex,
      withOutcome(kafkaErrorOf(response.errorCode, 'Producing', { ...where, message }), 'not-written'),
    )
  }
  const innocent = new KafkaError(
    error.code,
    `Producing failed: another record of the same batch was refused (topic '${where.topic}', partition ${where.partition})`,
    { ...where, retriable: true, outcome: error.outcome, cause: error, hint: 'Send it again without the refused one.' },
  )
  for (let index = 0; index < count; index++) if (!errors.has(index)) errors.set(index, innocent)
  result.recordErrors = errors
}

/** A request failed as a whole: its batches come back. */
export function settleFailure(batches: readonly ProducerBatch[], cause: unknown, broker: Broker | undefined): void {
  const error = asKafkaError(cause, 'Producing')
  const written = error.outcome !== 'not-written'
  // What cannot succeed later, such as a refused login, ends them.
  const final = !error.retriable && error.code !== 'REQUEST_TIMED_OUT' && error.code !== 'CONNECTION_LOST'
  for (const batch of batches) {
    const { partition } = batch
    if (!final) {
      partition.requeue(batch, error, written)
      continue
    }
    const { topic, index } = partition
    const own = new KafkaError(error.code, error.message, {
      topic: topic.name,
      partition: index,
      broker: error.broker ?? broker,
      hint: error.hint,
      fatal: error.fatal,
      outcome: written || batch.maybeWritten ? 'unknown' : 'not-written',
      cause: error,
    })
    partition.rejected(batch, own, written)
  }
}

/** acks=0: the bytes have left, and nobody will tell more. */
export function settlePending(batches: readonly ProducerBatch[]): readonly string[] {
  for (const batch of batches) batch.partition.delivered(batch)
  return []
}
