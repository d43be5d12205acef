import { type Encodable, type ErrorName, ShareAcknowledge } from '@ottla/codec'
import { Held } from '../state/held.ts'
import type { AcknowledgeResult } from '../state/shares/share-partitions.ts'
import { type Handler, type HandlerContext, serves } from './handler.ts'
import { acknowledgeAll, failsOnUnknown, isMemberIdValid, shareHint } from './share-support.ts'
import { codes, type LeaderHint, nodeEndpoints } from './support.ts'

type Response = Encodable<typeof ShareAcknowledge.response>
type PartitionResponse = Response['responses'][number]['partitions'][number]

const handle: Handler<typeof ShareAcknowledge> = (context, request) => {
  const { groupId, memberId, shareSessionEpoch: epoch, topics, isRenewAck } = request
  if (groupId === null || !isMemberIdValid(memberId)) return refused('INVALID_REQUEST')
  const { shares } = context.broker.services
  if (epoch === 0) return refused('INVALID_SHARE_SESSION_EPOCH')
  if (epoch === -1) {
    if (shares.sessions.get(groupId, memberId) === undefined) return refused('SHARE_SESSION_NOT_FOUND')
  } else {
    const session = shares.sessions.next(groupId, memberId, epoch)
    if (typeof session === 'string') return refused(session)
  }
  const isKnown = topics.every(({ topicId }) => context.broker.view.topicById(topicId) !== undefined)
  if (!isKnown && failsOnUnknown(context)) return refused('UNKNOWN_SERVER_ERROR')
  const held = new Held<Response>(context.cluster.runtime)
  acknowledgeAll(context, { groupId, memberId, topics, isRenewAck }, (results) => {
    const response = responseOf(context, groupId, results)
    if (epoch === -1) shares.release(groupId, memberId)
    held.complete(response)
  })
  return held
}

function responseOf(context: HandlerContext, groupId: string, results: readonly AcknowledgeResult[]): Response {
  const hints: LeaderHint[] = []
  const responses: { topicId: string; partitions: PartitionResponse[] }[] = []
  for (const { at, failure } of results) {
    const partition = {
      partitionIndex: at.partition,
      errorCode: codes.of(failure?.error),
      errorMessage: failure?.message || null,
      currentLeader: { leaderId: 0, leaderEpoch: 0 },
    }
    const isElsewhere = failure?.error === 'NOT_LEADER_OR_FOLLOWER' || failure?.error === 'FENCED_LEADER_EPOCH'
    const hint = isElsewhere ? shareHint(context, at.topicId, at.partition) : undefined
    if (hint !== undefined) {
      hints.push(hint)
      partition.currentLeader = { leaderId: hint.leaderId, leaderEpoch: hint.leaderEpoch }
    }
    const topic = responses.find(({ topicId }) => topicId === at.topicId)
    if (topic === undefined) responses.push({ topicId: at.topicId, partitions: [partition] })
    else topic.partitions.push(partition)
  }
  const { recordLockDurationMs } = context.broker.services.shares.configOf(groupId)
  return {
    ...{ throttleTimeMs: 0, errorCode: 0, acquisitionLockTimeoutMs: recordLockDurationMs, responses },
    nodeEndpoints: nodeEndpoints(hints),
  }
}

function refused(error: ErrorName): Response {
  return {
    ...{ throttleTimeMs: 0, errorCode: codes.of(error), errorMessage: null },
    ...{ acquisitionLockTimeoutMs: 0, responses: [], nodeEndpoints: [] },
  }
}

export const shareAcknowledgeHandler = serves(ShareAcknowledge, { min: 1, max: 2 }, handle)
