import { type Decoded, type Encodable, type ErrorName, errorOf, Fetch, zeroUuid } from '@ottla/codec'
import type { FetchContext, FetchPartition } from '../state/fetch-sessions.ts'
import { Held } from '../state/held.ts'
import { clientOf } from '../state/quotas/client-throttles.ts'
import type { StoredBatch } from '../state/replicas/log-segment.ts'
import type { ReadCheck } from '../state/replicas/read-checks.ts'
import type { Replica } from '../state/replicas/replica.ts'
import { type Handler, type HandlerContext, serves } from './handler.ts'
import {
  allVersions,
  codes,
  type FoundReplica,
  findReplica,
  type LeaderHint,
  leaderHint,
  nodeEndpoints,
} from './support.ts'

type Request = Decoded<typeof Fetch.request>
type Response = Encodable<typeof Fetch.response>
type TopicResponse = Response['responses'][number]
type PartitionResponse = TopicResponse['partitions'][number]

/** One partition of a fetch, resolved once for all its reads. */
interface Target {
  readonly request: FetchPartition
  readonly replica: Replica | undefined
  /** An error of the topic or partition. It alone does not complete a long poll. */
  readonly error: ErrorName | undefined
  readonly hint: () => LeaderHint | undefined
}

interface FetchPlan {
  readonly context: HandlerContext
  readonly session: FetchContext
  readonly targets: readonly Target[]
  readonly minBytes: number
  readonly maxBytes: number
  readonly readsCommitted: boolean
  /** Since version 11 followers serve consumers too (KIP-392). */
  readonly leaderOnly: boolean
  /** The follower that the consumer should read a partition from; undefined: this replica. */
  readonly preferredFor: (target: Target) => number | undefined
}

const emptyRecords = Buffer.alloc(0)
const firstVersionOfSessions = 7
const firstVersionOfRacks = 11
const firstVersionOfIds = 13
const firstVersionOfHints = 16
const readCommitted = 1

const handle: Handler<typeof Fetch> = (context, request) => {
  if (request.replicaId >= 0 || request.replicaState.replicaId >= 0) return failed('INVALID_REQUEST')
  const session = openSession(context, request)
  if (typeof session === 'string') return failed(session)
  const plan = planOf(context, request, session)
  const hasNothing = plan.targets.every(({ replica, error }) => replica === undefined && error !== undefined)
  const isRedirected = () => plan.targets.some((target) => plan.preferredFor(target) !== undefined)
  const mayRespondNow = request.maxWaitMs <= 0 || hasNothing || isReady(plan) || isRedirected()
  return mayRespondNow ? respond(plan) : hold(plan, request.maxWaitMs)
}

function openSession(context: HandlerContext, request: Request): FetchContext | ErrorName {
  const partitions = request.topics.flatMap(({ topic, topicId, partitions }) =>
    partitions.map(
      ({ partition, currentLeaderEpoch, fetchOffset, lastFetchedEpoch, partitionMaxBytes }): FetchPartition => ({
        topic,
        topicId,
        partition,
        currentLeaderEpoch,
        fetchOffset: Number(fetchOffset),
        lastFetchedEpoch,
        maxBytes: partitionMaxBytes,
      }),
    ),
  )
  const forgotten = request.forgottenTopicsData.flatMap(({ topic, topicId, partitions }) =>
    partitions.map((partition) => ({ topic, topicId, partition })),
  )
  const { apiVersion } = context
  const usesTopicIds = apiVersion >= firstVersionOfIds
  const { sessionId, sessionEpoch } =
    apiVersion >= firstVersionOfSessions ? request : { sessionId: 0, sessionEpoch: -1 }
  const nameOf = (id: string) => context.broker.view.topicById(id)?.name
  return context.broker.fetchSessions.open({ sessionId, sessionEpoch, usesTopicIds, partitions, forgotten, nameOf })
}

function planOf(context: HandlerContext, request: Request, session: FetchContext): FetchPlan {
  const targets = session.partitions.map((partition): Target => {
    const { error, replica, topic } = findReadable(context, partition)
    const hint = () => (topic === undefined ? undefined : leaderHint(context, topic, partition.partition))
    return { request: partition, replica, error, hint }
  })
  const quotaBytes = context.broker.services.throttles.maxFetchBytes(clientOf(context)) ?? Infinity
  const maxBytes = Math.min(request.maxBytes, context.cluster.config.number('fetch.max.bytes'), quotaBytes)
  return {
    context,
    session,
    targets,
    minBytes: Math.min(request.minBytes, maxBytes),
    maxBytes,
    readsCommitted: request.isolationLevel === readCommitted,
    leaderOnly: context.apiVersion < firstVersionOfRacks,
    preferredFor: preferredReplicas(context, request.rackId),
  }
}

/** The replica selector for one consumer. */
function preferredReplicas(context: HandlerContext, rackId: string): FetchPlan['preferredFor'] {
  const { broker, cluster, connection, apiVersion } = context
  const select = cluster.readReplicas
  if (select === undefined || apiVersion < firstVersionOfRacks) return () => undefined
  const rackOf = (id: number) => broker.endpointOf(id, connection.origin.listener)?.rack
  return ({ replica, request: { fetchOffset } }) => replica && select(replica, { rackId, fetchOffset, rackOf })
}

/** An unknown topic name needs the right to read it; an unknown topic id does not. */
function findReadable(context: HandlerContext, partition: FetchPartition): FoundReplica {
  const { broker, permissions } = context
  if (!permissions.areChecked) return findKnown(context, partition)
  const byId = partition.topicId !== zeroUuid
  const name = byId ? (broker.view.topicById(partition.topicId)?.name ?? partition.firstName) : partition.topic
  const isDenied = name !== undefined && !permissions.may('READ', 'TOPIC', name)
  return isDenied ? { error: 'TOPIC_AUTHORIZATION_FAILED' } : findKnown(context, partition)
}

/** A session keeps the topic's first name: a recreated topic has that name with another id. */
function findKnown(context: HandlerContext, partition: FetchPartition): FoundReplica {
  const found = findReplica(context, partition, partition.partition)
  const { firstName } = partition
  if (found.error !== 'UNKNOWN_TOPIC_ID' || firstName === undefined) return found
  const namesake = findReplica(context, { topic: firstName, topicId: zeroUuid }, partition.partition)
  return { error: namesake.error ?? 'INCONSISTENT_TOPIC_ID' }
}

/** Errors that Kafka detects when it reads: the request does not wait. */
function isReadError(error: ErrorName | undefined): boolean {
  return error === 'NOT_LEADER_OR_FOLLOWER' || error === 'INCONSISTENT_TOPIC_ID'
}

/** Whether to respond: there are enough bytes, or a partition for which waiting is pointless. */
function isReady(plan: FetchPlan): boolean {
  let size = 0
  if (size >= plan.minBytes) return true
  for (const { replica, request, error } of plan.targets) {
    if (replica === undefined) {
      if (isReadError(error)) return true
      continue
    }
    if (replica.checkRead(request, plan.leaderOnly).kind !== 'ok') return true
    // A read in an older segment does not wait for more records.
    if (replica.log.segmentEndFrom(request.fetchOffset) <= readableEnd(plan, replica)) return true
    const enough = Math.min(plan.minBytes - size, request.maxBytes)
    size += Math.min(replica.log.sizeBetween(request.fetchOffset, readableEnd(plan, replica), enough), request.maxBytes)
    if (size >= plan.minBytes) return true
  }
  return false
}

function hold(plan: FetchPlan, maxWaitMs: number): Held<Response> {
  const replicas = plan.targets.flatMap(({ replica }) => (replica === undefined ? [] : [replica]))
  const held = new Held<Response>(plan.context.cluster.runtime, {
    timeoutMs: maxWaitMs,
    onTimeout: () => respond(plan),
    onSettled: () => {
      for (const replica of replicas) replica.unwatch(recheck)
    },
  })
  const recheck = () => {
    if (!held.isSettled && isReady(plan)) held.complete(respond(plan))
  }
  for (const replica of replicas) replica.watch(recheck)
  return held
}

function respond(plan: FetchPlan): Response {
  const { session, context } = plan
  const hints: LeaderHint[] = []
  const responses: { topic: string; topicId: string; partitions: PartitionResponse[] }[] = []
  let left = plan.maxBytes
  let hasRecords = false
  for (const target of plan.targets) {
    const partition = read(plan, target, left, !hasRecords)
    const size = partition.records?.byteLength ?? 0
    left = Math.max(0, left - size)
    hasRecords ||= size > 0
    if (!isSelected(session, target, partition, size)) continue
    const { topic, topicId } = target.request
    const last = responses.at(-1)
    if (last !== undefined && last.topic === topic && last.topicId === topicId) last.partitions.push(partition)
    else responses.push({ topic, topicId, partitions: [partition] })
    const hint = hintFor(context, target, partition)
    if (hint !== undefined) hints.push(hint)
  }
  return {
    errorCode: 0,
    throttleTimeMs: 0,
    sessionId: session.sessionId,
    responses,
    nodeEndpoints: nodeEndpoints(hints),
  }
}

function isSelected(session: FetchContext, { request }: Target, partition: PartitionResponse, size: number): boolean {
  return session.select(request, {
    errorCode: partition.errorCode,
    highWatermark: Number(partition.highWatermark),
    logStartOffset: Number(partition.logStartOffset),
    hasRecords: size > 0,
    isDiverging: partition.divergingEpoch !== undefined,
    isRedirected: partition.preferredReadReplica !== undefined,
  })
}

/** The current leader, for a client that fetched from the wrong broker. */
function hintFor({ apiVersion }: HandlerContext, target: Target, partition: PartitionResponse): LeaderHint | undefined {
  if (apiVersion < firstVersionOfHints || partition.errorCode === 0) return undefined
  const { name } = errorOf(partition.errorCode)
  if (name !== 'NOT_LEADER_OR_FOLLOWER' && name !== 'FENCED_LEADER_EPOCH') return undefined
  const hint = target.hint()
  if (hint === undefined) return undefined
  Object.assign(partition, { currentLeader: { leaderId: hint.leaderId, leaderEpoch: hint.leaderEpoch } })
  return hint
}

function read(plan: FetchPlan, target: Target, left: number, isFirst: boolean): PartitionResponse {
  const { request, replica, error } = target
  const { partition: partitionIndex } = request
  if (replica === undefined) {
    const failure = withError(partitionIndex, error ?? 'UNKNOWN_TOPIC_OR_PARTITION')
    // In Kafka, errors before the read have an empty list, errors of the read have null.
    return isReadError(error) ? failure : { ...failure, abortedTransactions: [] }
  }
  const preferredReadReplica = plan.preferredFor(target)
  const check =
    preferredReadReplica === undefined ? replica.checkRead(request, plan.leaderOnly) : redirected(replica, request)
  if (check.kind === 'error') return withError(partitionIndex, check.error)
  const { log } = replica
  const base = {
    partitionIndex,
    errorCode: 0,
    highWatermark: BigInt(log.highWatermark),
    lastStableOffset: BigInt(replica.lastStableOffset),
    logStartOffset: BigInt(log.logStartOffset),
    abortedTransactions: plan.readsCommitted ? [] : null,
  }
  if (preferredReadReplica !== undefined) {
    return { ...base, abortedTransactions: null, preferredReadReplica, records: emptyRecords }
  }
  if (check.kind === 'diverging') {
    const { epoch, endOffset } = check.end
    return { ...base, divergingEpoch: { epoch, endOffset: BigInt(endOffset) }, records: emptyRecords }
  }
  const upTo = Math.min(readableEnd(plan, replica), log.segmentEndFrom(request.fetchOffset))
  const maxBytes = Math.min(left, request.maxBytes)
  const batches =
    request.fetchOffset < upTo && (maxBytes > 0 || isFirst)
      ? log.read(request.fetchOffset, { upTo, maxBytes, atLeastOne: isFirst })
      : []
  const chunks = [...batches.map(({ bytes }) => bytes), ...cut(log, batches, upTo, maxBytes)]
  return { ...base, abortedTransactions: aborted(plan, log, batches), records: joined(chunks) }
}

/** A redirected fetch is not read: only its leader epoch is checked. */
function redirected(replica: Replica, { currentLeaderEpoch }: FetchPartition): ReadCheck {
  const error = replica.epochError(currentLeaderEpoch)
  return error === undefined ? { kind: 'ok' } : { kind: 'error', error }
}

/** The aborted transactions among the batches: a read_committed consumer skips their records. */
function aborted({ readsCommitted }: FetchPlan, log: Replica['log'], batches: readonly StoredBatch[]) {
  if (!readsCommitted) return null
  const [first] = batches
  const last = batches.at(-1)
  if (first === undefined || last === undefined) return []
  return log.transactions
    .abortedIn(first.baseOffset, last.lastOffset + 1)
    .map(({ producerId, firstOffset }) => ({ producerId, firstOffset: BigInt(firstOffset) }))
}

/** As in Kafka the bytes end at the limit, possibly inside a batch, which the client then skips. */
function cut(log: Replica['log'], batches: readonly StoredBatch[], upTo: number, maxBytes: number): Uint8Array[] {
  const last = batches.at(-1)
  const room = batches.reduce((left, { bytes }) => left - bytes.byteLength, maxBytes)
  if (last === undefined || room <= 0 || last.lastOffset + 1 >= upTo) return []
  const [next] = log.read(last.lastOffset + 1, { upTo, maxBytes: 0, atLeastOne: true })
  return next === undefined ? [] : [next.bytes.subarray(0, room)]
}

function readableEnd({ readsCommitted }: FetchPlan, replica: Replica): number {
  return readsCommitted ? replica.lastStableOffset : replica.highWatermark
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const [first] = chunks
  if (first === undefined) return emptyRecords
  return chunks.length === 1 ? first : Buffer.concat(chunks)
}

function withError(partitionIndex: number, error: ErrorName): PartitionResponse {
  return {
    partitionIndex,
    errorCode: codes.of(error),
    highWatermark: -1n,
    lastStableOffset: -1n,
    logStartOffset: -1n,
    abortedTransactions: null,
    records: emptyRecords,
  }
}

function failed(error: ErrorName): Response {
  return { throttleTimeMs: 0, errorCode: codes.of(error), sessionId: 0, responses: [] }
}

export const fetchHandler = serves(Fetch, allVersions(Fetch), handle)
