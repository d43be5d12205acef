import { type Decoded, type Encodable, type ErrorName, ShareFetch } from '@ottla/codec'
import { Held } from '../state/held.ts'
import { type ShareFetched, ShareFetchWork } from '../state/shares/share-fetch.ts'
import type { AcknowledgeResult } from '../state/shares/share-partitions.ts'
import type { SessionPartition, ShareSession } from '../state/shares/share-sessions.ts'
import { failed, type ShareFailure } from '../state/shares/share-state-shard.ts'
import { type Handler, type HandlerContext, serves } from './handler.ts'
import { acknowledgeAll, failsOnUnknown, isMemberIdValid, shareHint } from './share-support.ts'
import { codes, type LeaderHint, nodeEndpoints } from './support.ts'

type Request = Decoded<typeof ShareFetch.request>
type Response = Encodable<typeof ShareFetch.response>
type PartitionResponse = Response['responses'][number]['partitions'][number]

/** A fetch with its member and session. */
interface Fetcher {
  readonly context: HandlerContext
  readonly request: Request
  readonly groupId: string
  readonly memberId: string
  /** Undefined for the final request of a session. */
  readonly session: ShareSession | undefined
  readonly partitions: readonly SessionPartition[]
}

const FINAL_EPOCH = -1
const RECORD_LIMIT = 1
const emptyRecords = Buffer.alloc(0)

const handle: Handler<typeof ShareFetch> = (context, request) => {
  const { groupId, memberId, isRenewAck } = request
  if (groupId === null || !isMemberIdValid(memberId)) return refused('INVALID_REQUEST')
  if (isRenewAck && fetchesRecords(request)) return refused('INVALID_REQUEST')
  const opened = openSession(context, request, groupId, memberId)
  if (opened === 'SHARE_SESSION_LIMIT_REACHED') return failLater(context, request, opened)
  if (typeof opened === 'string') return refused(opened)
  const named = [...opened.partitions, ...requestedOf(context, request)]
  if (failsOnUnknown(context) && named.some(({ isKnown }) => isKnown === false)) return refused('UNKNOWN_SERVER_ERROR')
  const fetcher: Fetcher = { context, request, groupId, memberId, ...opened }
  const held = new Held<Response>(context.cluster.runtime, { onSettled: () => stop() })
  let acknowledged: readonly AcknowledgeResult[] | undefined
  let fetched: readonly ShareFetched[] | undefined
  const end = () => {
    if (acknowledged === undefined || fetched === undefined) return
    const response = responseOf(fetcher, fetched, acknowledged)
    if (request.shareSessionEpoch === FINAL_EPOCH) context.broker.services.shares.release(groupId, memberId)
    held.complete(response)
  }
  let stop = () => {}
  acknowledge(fetcher, (results) => {
    acknowledged = results
    end()
  })
  stop = takeRecords(fetcher, (results) => {
    fetched = results
    end()
  })
  return held
}

/** A request that renews acquisition locks must not fetch. */
function fetchesRecords({ maxBytes, minBytes, maxRecords, maxWaitMs }: Request): boolean {
  return maxBytes !== 0 || minBytes !== 0 || maxRecords !== 0 || maxWaitMs !== 0
}

function hasAcknowledgements({ topics }: Request): boolean {
  return topics.some(({ partitions }) => partitions.some((each) => each.acknowledgementBatches.length > 0))
}

function openSession(
  context: HandlerContext,
  request: Request,
  groupId: string,
  memberId: string,
): Pick<Fetcher, 'session' | 'partitions'> | ErrorName {
  const { sessions } = context.broker.services.shares
  const { shareSessionEpoch: epoch } = request
  if (epoch === FINAL_EPOCH) {
    if (sessions.get(groupId, memberId) === undefined) return 'SHARE_SESSION_NOT_FOUND'
    return { session: undefined, partitions: [] }
  }
  const requested = requestedOf(context, request)
  if (epoch === 0) {
    if (hasAcknowledgements(request)) return 'INVALID_REQUEST'
    const session = sessions.create(groupId, memberId, context.connection.id, requested)
    return session === undefined ? 'SHARE_SESSION_LIMIT_REACHED' : { session, partitions: requested }
  }
  const session = sessions.next(groupId, memberId, epoch)
  if (typeof session === 'string') return session
  const forgotten = request.forgottenTopicsData.flatMap(({ topicId, partitions }) =>
    partitions.map((partition) => ({ topicId, partition })),
  )
  session.update(requested, forgotten)
  return { session, partitions: session.partitions }
}

function requestedOf({ broker }: HandlerContext, { topics }: Request): SessionPartition[] {
  return topics.flatMap(({ topicId, partitions }) => {
    const isKnown = broker.view.topicById(topicId) !== undefined
    return partitions.map(({ partitionIndex }) => ({ topicId, partition: partitionIndex, isKnown }))
  })
}

/** Fails only after the wait time of the request: otherwise the client would retry in a tight loop. */
function failLater(context: HandlerContext, { maxWaitMs }: Request, error: ErrorName): Held<Response> {
  const onTimeout = () => refused(error)
  return new Held<Response>(context.cluster.runtime, { timeoutMs: Math.max(0, maxWaitMs), onTimeout })
}

function acknowledge(fetcher: Fetcher, done: (results: readonly AcknowledgeResult[]) => void): void {
  const { context, request, groupId, memberId } = fetcher
  const { topics, isRenewAck } = request
  if (hasAcknowledgements(request)) acknowledgeAll(context, { groupId, memberId, topics, isRenewAck }, done)
  else done([])
}

/** Returns a function that stops waiting. */
function takeRecords(fetcher: Fetcher, done: (results: readonly ShareFetched[]) => void): () => void {
  const { context, request, groupId, memberId, partitions } = fetcher
  const { broker, cluster } = context
  const failures: ShareFetched[] = []
  const known: SessionPartition[] = []
  for (const at of partitions) {
    const error = unknown(context, at)
    if (error === undefined) known.push(at)
    else failures.push({ at, failure: error, records: [], acquired: [] })
  }
  const { maxWaitMs, minBytes, maxRecords, batchSize } = request
  const maxBytes = Math.min(request.maxBytes, cluster.config.number('fetch.max.bytes'))
  const isRecordLimit = request.shareAcquireMode === RECORD_LIMIT
  if (request.isRenewAck || known.length === 0 || maxRecords === 0 || maxBytes === 0) {
    done(request.isRenewAck ? [] : failures)
    return () => {}
  }
  const limits = { minBytes: Math.min(minBytes, maxBytes), maxBytes, maxRecords, batchSize }
  const wanted = { groupId, memberId, isRecordLimit, ...limits }
  const work = new ShareFetchWork(broker.services.shares, wanted, rotated(known, request.shareSessionEpoch))
  if (work.isHopeless || work.isReady()) {
    done([...work.take(), ...failures])
    return () => {}
  }
  const stop = () => {
    cluster.runtime.clearTimer(timer)
    work.unwatch(recheck)
  }
  const respond = () => {
    stop()
    done([...work.take(), ...failures])
  }
  const recheck = () => {
    if (work.isReady()) respond()
  }
  const timer = cluster.runtime.setTimer(respond, Math.max(0, maxWaitMs))
  work.watch(recheck)
  return stop
}

function unknown({ broker }: HandlerContext, at: SessionPartition): ShareFailure | undefined {
  const { topicId, partition, isKnown } = at
  if (isKnown === false) return failed('UNKNOWN_TOPIC_ID')
  const isThere = broker.view.topicById(topicId)?.partitions[partition] !== undefined
  return isThere ? undefined : failed('UNKNOWN_TOPIC_OR_PARTITION')
}

/** Each request starts with another partition, so that none starves. */
function rotated(partitions: readonly SessionPartition[], epoch: number): readonly SessionPartition[] {
  if (partitions.length < 2 || epoch < 1) return partitions
  const start = epoch % partitions.length
  return [...partitions.slice(start), ...partitions.slice(0, start)]
}

function responseOf(
  { context, session, request, groupId }: Fetcher,
  fetched: readonly ShareFetched[],
  acknowledged: readonly AcknowledgeResult[],
): Response {
  const hints: LeaderHint[] = []
  const responses: { topicId: string; partitions: PartitionResponse[] }[] = []
  const add = (topicId: string, partition: PartitionResponse) => {
    const topic = responses.find((each) => each.topicId === topicId)
    if (topic === undefined) responses.push({ topicId, partitions: [partition] })
    else topic.partitions.push(partition)
  }
  const open = new Map(acknowledged.map((result) => [nameOf(result.at), result]))
  for (const each of fetched) {
    const partition = partitionOf(context, each, hints)
    const size = partition.records?.byteLength ?? 0
    const news = { hasRecords: size > 0, hasError: partition.errorCode !== 0 }
    const isSelected = session === undefined || request.shareSessionEpoch === 0 || session.select(each.at, news)
    if (!isSelected) continue
    const result = open.get(nameOf(each.at))
    open.delete(nameOf(each.at))
    add(each.at.topicId, { ...partition, ...ackFields(result) })
  }
  for (const result of open.values()) {
    const { topicId, partition } = result.at
    add(topicId, { ...blank(partition), ...ackFields(result) })
  }
  const { recordLockDurationMs } = context.broker.services.shares.configOf(groupId)
  return {
    ...{ throttleTimeMs: 0, errorCode: 0, errorMessage: null, acquisitionLockTimeoutMs: recordLockDurationMs },
    ...{ responses, nodeEndpoints: nodeEndpoints(hints) },
  }
}

function partitionOf(context: HandlerContext, fetched: ShareFetched, hints: LeaderHint[]): PartitionResponse {
  const { at, failure, records, acquired } = fetched
  const partition = {
    ...blank(at.partition),
    errorCode: codes.of(failure?.error),
    records: records.length === 1 ? (records[0] as Uint8Array) : Buffer.concat(records),
    acquiredRecords: acquired.map(({ firstOffset, lastOffset, deliveryCount }) => ({
      ...{ firstOffset: BigInt(firstOffset), lastOffset: BigInt(lastOffset), deliveryCount },
    })),
  }
  if (failure?.error !== 'NOT_LEADER_OR_FOLLOWER' && failure?.error !== 'FENCED_LEADER_EPOCH') return partition
  const hint = shareHint(context, at.topicId, at.partition)
  if (hint === undefined) return partition
  hints.push(hint)
  return { ...partition, currentLeader: { leaderId: hint.leaderId, leaderEpoch: hint.leaderEpoch } }
}

function blank(partitionIndex: number): PartitionResponse {
  return {
    ...{ partitionIndex, errorCode: 0, errorMessage: null, acknowledgeErrorCode: 0, acknowledgeErrorMessage: null },
    ...{ currentLeader: { leaderId: 0, leaderEpoch: 0 }, records: emptyRecords, acquiredRecords: [] },
  }
}

function ackFields(result: AcknowledgeResult | undefined) {
  const failure = result?.failure
  return { acknowledgeErrorCode: codes.of(failure?.error), acknowledgeErrorMessage: failure?.message || null }
}

const nameOf = ({ topicId, partition }: SessionPartition): string => `${topicId}:${partition}`

function refused(error: ErrorName): Response {
  return {
    ...{ throttleTimeMs: 0, errorCode: codes.of(error), errorMessage: null, acquisitionLockTimeoutMs: 0 },
    ...{ responses: [], nodeEndpoints: [] },
  }
}

export const shareFetchHandler = serves(ShareFetch, { min: 1, max: 2 }, handle)
