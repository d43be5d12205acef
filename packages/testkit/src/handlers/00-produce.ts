import { type Decoded, type Encodable, type ErrorName, Produce } from '@ottla/codec'
import { currentBrokerConfig } from '../state/configs/topic-config.ts'
import { Held } from '../state/held.ts'
import { type RecordProblem, transactionalProducerOf, validateProduced } from '../state/replicas/produce-validation.ts'
import type { Replica } from '../state/replicas/replica.ts'
import type { TopicPartitions } from '../state/transactions/transaction.ts'
import type { ProducerIdentity } from '../state/transactions/transaction-requests.ts'
import { type Handler, type HandlerContext, serves } from './handler.ts'
import { closeConnection, noResponse } from './reply.ts'
import {
  allVersions,
  codes,
  findReplica,
  type LeaderHint,
  leaderHint,
  nodeEndpoints,
  type TopicRef,
} from './support.ts'
import { type VerificationStyle, verifyTransaction } from './transactions-support.ts'

type Request = Decoded<typeof Produce.request>
type Response = Encodable<typeof Produce.response>

interface PartitionOutcome {
  readonly index: number
  error: ErrorName | undefined
  readonly message?: string | undefined
  readonly recordErrors?: readonly RecordProblem[] | undefined
  readonly baseOffset: number
  readonly logAppendTimeMs: number
  readonly replica?: Replica | undefined
  readonly hint?: LeaderHint | undefined
  /** The offset that acks=all waits for. */
  readonly requiredOffset?: number
  /** The response waits for it. */
  isOpen?: boolean
}

interface TopicOutcome extends TopicRef {
  readonly partitions: readonly PartitionOutcome[]
}

const acksAll = -1

/** From this version on the response names the current leader (KIP-951). */
const firstVersionOfHints = 10

const handle: Handler<typeof Produce> = (context, request) => {
  const unverified = transactionOf(context, request)
  if (unverified === undefined) return write(context, request, undefined)
  const held = new Held<Response | typeof closeConnection | typeof noResponse>(context.cluster.runtime)
  const { identity, partitions } = unverified
  verifyTransaction(context, identity, { partitions, style: styleOf(context.apiVersion) }, (error) => {
    const reply = write(context, request, error && errorInVersion(error, context.apiVersion))
    if (reply instanceof Held) reply.deliverTo((response) => held.complete(response))
    else held.complete(reply)
  })
  return held
}

function verifiesTransactions({ broker: { id, view }, cluster: { config } }: HandlerContext): boolean {
  return currentBrokerConfig('transaction.partition.verification.enable', { id, view, config }) === 'true'
}

/** The producer of the transactional batches, and the partitions in which its transaction is not open yet. */
function transactionOf(
  context: HandlerContext,
  { transactionalId, topicData }: Request,
): { readonly identity: ProducerIdentity; readonly partitions: TopicPartitions[] } | undefined {
  if (transactionalId === null || !verifiesTransactions(context)) return undefined
  let identity: ProducerIdentity | undefined
  const partitions: TopicPartitions[] = []
  for (const { name, topicId, partitionData } of topicData) {
    for (const { index, records } of partitionData) {
      const producer = transactionalProducerOf(records)
      if (producer === undefined) continue
      const { replica } = findReplica(context, { topic: name, topicId }, index)
      const { producerId, producerEpoch } = producer
      if (replica === undefined || !replica.isLeader) continue
      if (replica.log.transactions.isOpen(producerId, producerEpoch)) continue
      identity ??= { transactionalId, producerId, producerEpoch }
      partitions.push({ topic: replica.topic, partitions: [index] })
    }
  }
  return identity && { identity, partitions }
}

function styleOf(apiVersion: number): VerificationStyle {
  if (apiVersion >= 12) return 'adds-partitions'
  return apiVersion === 11 ? 'abortable' : 'old'
}

/** Older clients treat coordinator errors in Produce as fatal: they get an error that they retry. */
function errorInVersion(error: ErrorName, apiVersion: number): ErrorName {
  switch (error) {
    case 'COORDINATOR_LOAD_IN_PROGRESS':
    case 'COORDINATOR_NOT_AVAILABLE':
    case 'NOT_COORDINATOR':
      return 'NOT_ENOUGH_REPLICAS'
    case 'CONCURRENT_TRANSACTIONS':
      return apiVersion >= 12 ? error : 'NOT_ENOUGH_REPLICAS'
    default:
      return error
  }
}

/** Appends the batches. With `unverified` set, transactional batches that need verification fail with it. */
function write(
  context: HandlerContext,
  request: Request,
  unverified: ErrorName | undefined,
): Response | Held<Response> | typeof closeConnection | typeof noResponse {
  const { acks } = request
  const topics = request.topicData.map(({ name, topicId, partitionData }): TopicOutcome => {
    const ref = { topic: name, topicId }
    return { ...ref, partitions: partitionData.map((data) => produce(context, request, { ref, data, unverified })) }
  })
  const outcomes = topics.flatMap(({ partitions }) => partitions)
  if (acks === 0) return outcomes.some(({ error }) => error !== undefined) ? closeConnection : noResponse
  const mustWait = acks === acksAll || context.broker.replicas.storage?.awaitsSync === true
  const waiting = mustWait ? outcomes.filter(({ requiredOffset }) => requiredOffset !== undefined) : []
  return waiting.length === 0 ? respond(topics) : awaitAll(context, request, topics, waiting)
}

/** Kafka sends a message when an old client did not add the partition. */
function messageOf(unverified: ErrorName): Partial<PartitionOutcome> {
  return unverified === 'INVALID_TXN_STATE' ? { message: 'Partition was not added to the transaction' } : {}
}

interface PartitionToWrite {
  readonly ref: TopicRef
  readonly data: Request['topicData'][number]['partitionData'][number]
  readonly unverified: ErrorName | undefined
}

function produce(
  context: HandlerContext,
  { acks, transactionalId }: Request,
  { ref, data, unverified }: PartitionToWrite,
): PartitionOutcome {
  const { index, records } = data
  const failed = (error: ErrorName, more: Partial<PartitionOutcome> = {}): PartitionOutcome => ({
    index,
    error,
    baseOffset: -1,
    logAppendTimeMs: -1,
    ...more,
  })
  if (acks < acksAll || acks > 1) return failed('INVALID_REQUIRED_ACKS')
  const found = findReplica(context, ref, index)
  const notLeader = () => {
    const hint = found.topic !== undefined && context.apiVersion >= firstVersionOfHints
    return failed('NOT_LEADER_OR_FOLLOWER', hint ? { hint: leaderHint(context, found.topic, index) } : {})
  }
  if (found.error !== undefined) return found.error === 'NOT_LEADER_OR_FOLLOWER' ? notLeader() : failed(found.error)
  const { replica, topic } = found
  if (topic.isInternal) return failed('INVALID_TOPIC_EXCEPTION')
  if (!replica.isLeader) return notLeader()
  const where = `${topic.name}-${index}`
  const { apiVersion } = context
  const rules = { apiVersion, transactionalId, nowMs: context.now(), where, settings: replica.settings }
  const validated = validateProduced(records, rules)
  if (validated.problem !== undefined) {
    const { error, message, records: recordErrors, tellsLogStart } = validated.problem
    return failed(error, { message, recordErrors, replica: tellsLogStart ? replica : undefined })
  }
  const { transactional } = validated.batch
  if (unverified !== undefined && transactional !== undefined) {
    const { producerId, producerEpoch } = transactional
    if (!replica.log.transactions.isOpen(producerId, producerEpoch)) return failed(unverified, messageOf(unverified))
  }
  const appended = replica.append(validated.batch, { acksAll: acks === acksAll })
  if (appended.error !== undefined)
    return failed(appended.error, { replica: appended.tellsLogStart ? replica : undefined })
  const { baseOffset, requiredOffset, duplicateOfMs } = appended
  const logAppendTimeMs = duplicateOfMs ?? validated.logAppendTimeMs
  return { index, error: undefined, baseOffset, logAppendTimeMs, replica, requiredOffset }
}

/** Responds when every partition is replicated (acks=all) and durable or has failed, or after the timeout. */
function awaitAll(
  context: HandlerContext,
  { acks, timeoutMs }: Request,
  topics: readonly TopicOutcome[],
  waiting: readonly PartitionOutcome[],
): Response | Held<Response> {
  const { runtime } = context.cluster
  let open = 0
  let held: Held<Response> | undefined
  const stops: (() => void)[] = []
  for (const outcome of waiting) {
    const { replica, requiredOffset } = outcome
    if (replica === undefined || requiredOffset === undefined) continue
    outcome.isOpen = true
    open++
    const done = (error: ErrorName) => {
      outcome.isOpen = false
      open--
      if (error !== 'NONE') outcome.error = error
      if (open === 0) held?.complete(respond(topics))
    }
    const stop = acks === acksAll ? replica.awaitReplication(requiredOffset, done) : replica.awaitWritten(done)
    stops.push(() => {
      if (outcome.isOpen) stop()
    })
  }
  if (open === 0) return respond(topics)
  held = new Held<Response>(runtime, {
    timeoutMs,
    onTimeout: () => respond(topics, 'REQUEST_TIMED_OUT'),
    onSettled: () => {
      for (const stop of stops) stop()
    },
  })
  return held
}

function respond(topics: readonly TopicOutcome[], pendingError?: ErrorName): Response {
  const hints: LeaderHint[] = []
  const responses = topics.map(({ topic, topicId, partitions }) => ({
    name: topic,
    topicId,
    partitionResponses: partitions.map((outcome) => {
      if (outcome.hint !== undefined) hints.push(outcome.hint)
      return respondForPartition(outcome, pendingError)
    }),
  }))
  return { responses, nodeEndpoints: nodeEndpoints(hints) }
}

function respondForPartition(outcome: PartitionOutcome, pendingError: ErrorName | undefined) {
  const { index, baseOffset, logAppendTimeMs, message, recordErrors, replica, isOpen, hint } = outcome
  return {
    index,
    errorCode: codes.of(outcome.error ?? (isOpen ? pendingError : undefined)),
    baseOffset: BigInt(baseOffset),
    logAppendTimeMs: BigInt(logAppendTimeMs),
    logStartOffset: BigInt(replica?.logStartOffset ?? -1),
    recordErrors: recordErrors ?? [],
    errorMessage: message ?? null,
    ...(hint && { currentLeader: { leaderId: hint.leaderId, leaderEpoch: hint.leaderEpoch } }),
  }
}

export const produceHandler = serves(Produce, allVersions(Produce), handle)
