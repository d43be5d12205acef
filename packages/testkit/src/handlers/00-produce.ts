import { type Decoded, type Encodable, type ErrorName, Produce } from '@ottla/codec'
import { Held } from '../state/held.ts'
import { type RecordProblem, validateProduced } from '../state/produce-validation.ts'
import type { Replica } from '../state/replica.ts'
import { closeConnection, type Handler, type HandlerContext, noResponse, serves } from './handler.ts'
import {
  allVersions,
  codes,
  findReplica,
  type LeaderHint,
  leaderHint,
  nodeEndpoints,
  type TopicRef,
} from './support.ts'

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
  /** acks=all waits for it. */
  readonly requiredOffset?: number
}

interface TopicOutcome extends TopicRef {
  readonly partitions: readonly PartitionOutcome[]
}

const acksAll = -1

const handle: Handler<typeof Produce> = (context, request) => {
  const { acks } = request
  const topics = request.topicData.map(({ name, topicId, partitionData }): TopicOutcome => {
    const ref = { topic: name, topicId }
    return { ...ref, partitions: partitionData.map((data) => produce(context, request, ref, data)) }
  })
  const outcomes = topics.flatMap(({ partitions }) => partitions)
  if (acks === 0) return outcomes.some(({ error }) => error !== undefined) ? closeConnection : noResponse
  const waiting = acks === acksAll ? outcomes.filter(({ requiredOffset }) => requiredOffset !== undefined) : []
  return waiting.length === 0 ? answer(topics) : awaitAll(context, request.timeoutMs, topics, waiting)
}

function produce(
  context: HandlerContext,
  { acks }: Request,
  ref: TopicRef,
  { index, records }: Request['topicData'][number]['partitionData'][number],
): PartitionOutcome {
  const failed = (error: ErrorName, more: Partial<PartitionOutcome> = {}): PartitionOutcome => ({
    index,
    error,
    baseOffset: -1,
    logAppendTimeMs: -1,
    ...more,
  })
  if (acks < acksAll || acks > 1) return failed('INVALID_REQUIRED_ACKS')
  const found = findReplica(context, ref, index)
  const elsewhere = () =>
    failed('NOT_LEADER_OR_FOLLOWER', found.topic && { hint: leaderHint(context, found.topic, index) })
  if (found.error !== undefined) return found.error === 'NOT_LEADER_OR_FOLLOWER' ? elsewhere() : failed(found.error)
  const { replica, topic } = found
  if (topic.isInternal) return failed('INVALID_TOPIC_EXCEPTION')
  if (!replica.isLeader) return elsewhere()
  const where = `${topic.name}-${index}`
  const rules = { apiVersion: context.apiVersion, nowMs: context.now(), where, settings: replica.settings }
  const validated = validateProduced(records, rules)
  if (validated.problem !== undefined) {
    const { error, message, records: recordErrors, tellsLogStart } = validated.problem
    return failed(error, { message, recordErrors, replica: tellsLogStart ? replica : undefined })
  }
  const appended = replica.append(validated.batch, { acksAll: acks === acksAll })
  if (appended.error !== undefined)
    return failed(appended.error, { replica: appended.tellsLogStart ? replica : undefined })
  const { baseOffset, requiredOffset, duplicateOfMs } = appended
  const logAppendTimeMs = duplicateOfMs ?? validated.logAppendTimeMs
  return { index, error: undefined, baseOffset, logAppendTimeMs, replica, requiredOffset }
}

/** Answers when all partitions are replicated, each as it ended, or after the timeout. */
function awaitAll(
  context: HandlerContext,
  timeoutMs: number,
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
    let isDone = false
    open++
    const stop = replica.awaitReplication(requiredOffset, (error) => {
      isDone = true
      open--
      if (error !== 'NONE') outcome.error = error
      if (open === 0) held?.complete(answer(topics))
    })
    stops.push(() => {
      if (!isDone) stop()
    })
  }
  if (open === 0) return answer(topics)
  held = new Held<Response>(runtime, {
    timeoutMs,
    onTimeout: () => answer(topics, 'REQUEST_TIMED_OUT'),
    onSettled: () => {
      for (const stop of stops) stop()
    },
  })
  return held
}

function answer(topics: readonly TopicOutcome[], errorOfOpen?: ErrorName): Response {
  const hints: LeaderHint[] = []
  const responses = topics.map(({ topic, topicId, partitions }) => ({
    name: topic,
    topicId,
    partitionResponses: partitions.map((outcome) => {
      if (outcome.hint !== undefined) hints.push(outcome.hint)
      return answerPartition(outcome, errorOfOpen)
    }),
  }))
  return { responses, nodeEndpoints: nodeEndpoints(hints) }
}

function answerPartition(outcome: PartitionOutcome, errorOfOpen: ErrorName | undefined) {
  const { index, baseOffset, logAppendTimeMs, message, recordErrors, replica, requiredOffset, hint } = outcome
  const isOpen = replica !== undefined && requiredOffset !== undefined && replica.highWatermark < requiredOffset
  return {
    index,
    errorCode: codes.of(outcome.error ?? (isOpen ? errorOfOpen : undefined)),
    baseOffset: BigInt(baseOffset),
    logAppendTimeMs: BigInt(logAppendTimeMs),
    logStartOffset: BigInt(replica?.logStartOffset ?? -1),
    recordErrors: recordErrors ?? [],
    errorMessage: message ?? null,
    ...(hint && { currentLeader: { leaderId: hint.leaderId, leaderEpoch: hint.leaderEpoch } }),
  }
}

export const produceHandler = serves(Produce, allVersions(Produce), handle)
