import type { ProduceResponse } from '@ottla/codec'
import type { Broker } from '../cluster/broker.ts'
import { meaningOf } from '../error-meaning.ts'
import { asKafkaError, describePartition, type ErrorPlace, KafkaError, kafkaErrorOf } from '../errors.ts'
import type { ProducerBatch } from './producer-batch.ts'
import type { ProducerCluster } from './producer-cluster.ts'
import { type Attempted, verdictOf } from './verdict.ts'

/** Where new leaders are reported. */
type LeaderUpdates = Pick<ProducerCluster, 'updateLeader' | 'addBrokers' | 'topic'>

type TopicResponse = ProduceResponse['responses'][number]
type PartitionResponse = TopicResponse['partitionResponses'][number]

/** Settles or requeues each batch of a request by the response. Returns the topics whose metadata is stale. */
export function settleResponse(
  batches: readonly ProducerBatch[],
  response: ProduceResponse,
  broker: Broker,
  cluster: LeaderUpdates,
): readonly string[] {
  if (response.nodeEndpoints.length > 0) {
    cluster.addBrokers(response.nodeEndpoints.map(({ nodeId, ...address }) => ({ id: nodeId, ...address })))
  }
  const responses = indexResponses(response)
  const stale = new Set<string>()
  for (const batch of batches) {
    const { topic, index } = batch.partition
    const response = responses(topic.name, batch.topicId, index)
    if (response === undefined) {
      const message = `Produce response is missing ${describePartition({ topic: topic.name, partition: index })}`
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

/** Returns whether the topic's metadata is stale. */
function settleOne(batch: ProducerBatch, response: PartitionResponse, broker: Broker, cluster: LeaderUpdates): boolean {
  const { partition, result } = batch
  const { errorCode } = response
  if (errorCode === 0) {
    complete(batch, response)
    return false
  }
  const { producer, notWritten, staleMetadata } = meaningOf(errorCode)
  const hintTaken = takeHint(batch, response, broker, cluster)
  const where = { broker, topic: result.topic, partition: result.partition, message: response.errorMessage }
  const written = !notWritten
  const outcome = written || batch.maybeWritten ? 'unknown' : 'not-written'
  const error = kafkaErrorOf(errorCode, 'Producing', { ...where, outcome })
  if (producer === 'identity-refused') partition.refuseIdentity(batch)
  const rejected = rejectedRecords(batch, response, { ...where, outcome })
  switch (verdictOf(errorCode, attemptedOf(batch, error, rejected.size))) {
    case 'done':
      complete(batch, response)
      return false
    case 'again':
      partition.requeue(batch, error, written)
      break
    case 'split':
      batch.tooLarge = true
      partition.requeue(batch, error, false)
      break
    case 'begin-again':
      batch.outOfOrder = producer === 'out-of-sequence'
      partition.requeue(batch, error, false)
      break
    case 'separate':
      batch.rejected = rejected
      partition.requeue(batch, error, false)
      break
    case 'fail':
    case 'poison':
      if (rejected.size > 0) batch.result.recordErrors = withOthers(batch, rejected, error)
      partition.fail(batch, withSize(batch, error), written)
  }
  return staleMetadata && !hintTaken
}

/** The error of a record that is too large alone. */
function withSize({ count, byteLength }: ProducerBatch, error: KafkaError): KafkaError {
  if (!meaningOf(error.code).tooLarge || count > 1) return error
  return error.with({ message: `${error.message}. The record takes ${byteLength} bytes alone in a batch` })
}

function complete(batch: ProducerBatch, { baseOffset, logAppendTimeMs }: PartitionResponse): void {
  batch.result.baseOffset = baseOffset
  batch.result.logAppendTimeMs = Number(logAppendTimeMs)
  batch.partition.complete(batch)
}

function attemptedOf(batch: ProducerBatch, { retriable }: KafkaError, rejected = 0): Attempted {
  const { maybeWritten, wholeMaybeWritten, count: records, identity, unreadable } = batch
  const idempotent = identity !== undefined
  const transactional = identity?.transactional ?? false
  return { maybeWritten, wholeMaybeWritten, records, rejected, idempotent, transactional, unreadable, retriable }
}

/**
 * KIP-951: applies the new leader that the response names. Returns whether the cache now has that leader; it refuses an epoch below
 * its own, as that of a topic that was created again.
 */
function takeHint(
  { partition: { topic, index } }: ProducerBatch,
  { currentLeader: { leaderId, leaderEpoch } }: PartitionResponse,
  broker: Broker,
  cluster: LeaderUpdates,
): boolean {
  if (leaderId < 0) return false
  cluster.updateLeader(topic.name, index, leaderId, leaderEpoch)
  const known = cluster.topic(topic.name)?.partitions[index]
  return leaderId !== broker.id && known?.leader === leaderId && known.leaderEpoch === leaderEpoch
}

const noneRejected: ReadonlyMap<number, KafkaError> = new Map()

/** KIP-467: the records that the broker names, with the error of each, by their index in the batch. */
function rejectedRecords(
  { count }: ProducerBatch,
  { errorCode, errorMessage, recordErrors }: PartitionResponse,
  where: ErrorPlace,
): ReadonlyMap<number, KafkaError> {
  if (recordErrors.length === 0) return noneRejected
  const rejected = new Map<number, KafkaError>()
  for (const { batchIndex, batchIndexErrorMessage } of recordErrors) {
    if (batchIndex < 0 || batchIndex >= count) continue
    rejected.set(
      batchIndex,
      kafkaErrorOf(errorCode, 'Producing', { ...where, message: batchIndexErrorMessage ?? errorMessage }),
    )
  }
  return rejected
}

/** The errors of all records of a batch whose other records cannot be sent again: they may be in the log. */
function withOthers(
  { count, result, identity }: ProducerBatch,
  rejected: ReadonlyMap<number, KafkaError>,
  error: KafkaError,
): ReadonlyMap<number, KafkaError> {
  const other = error.with({
    message: `Producing failed: another record of the same batch was rejected (${describePartition(result)})`,
    retriable: identity?.transactional !== true,
    cause: error,
    hint: 'Send it again without the rejected one.',
  })
  return new Map(Array.from({ length: count }, (_, index) => [index, rejected.get(index) ?? other]))
}

/** A request failed as a whole: its batches are requeued, or rejected where no retry helps, as after a refused login. */
export function settleFailure(batches: readonly ProducerBatch[], cause: unknown, broker: Broker | undefined): void {
  const error = asKafkaError(cause, 'Producing')
  const written = error.outcome !== 'not-written'
  for (const batch of batches) {
    const { partition } = batch
    if (meaningOf(error.code).unreadable) batch.unreadable++
    if (verdictOf(error.code, attemptedOf(batch, error)) === 'again') {
      partition.requeue(batch, error, written)
      continue
    }
    const outcome = written || batch.maybeWritten ? 'unknown' : 'not-written'
    const place = { topic: partition.topic.name, partition: partition.index, broker: error.broker ?? broker }
    partition.fail(batch, error.with({ ...place, outcome, cause: error }), written)
  }
}

/** acks=0: the bytes are written, and no response follows. */
export function settleUnacknowledged(batches: readonly ProducerBatch[]): readonly string[] {
  for (const batch of batches) batch.partition.complete(batch)
  return []
}
