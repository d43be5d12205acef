import { type Encodable, ShareGroupHeartbeat } from '@ottla/codec'
import { Held } from '../state/held.ts'
import { listOf } from '../state/shares/share-group-records.ts'
import { isFailure, toldOf } from '../state/shares/share-group-service.ts'
import { shareHeartbeat } from '../state/shares/share-heartbeat.ts'
import { failed, type ShareFailure } from '../state/shares/share-state-shard.ts'
import { type Handler, serves } from './handler.ts'
import { isMemberIdValid } from './share-support.ts'

type Response = Encodable<typeof ShareGroupHeartbeat.response>

const handle: Handler<typeof ShareGroupHeartbeat> = (context, request) => {
  const { groupId, memberId, memberEpoch, rackId, subscribedTopicNames } = request
  // Kafka's broker checks this itself, before the coordinator, and sends no message.
  if (!isMemberIdValid(memberId)) return { ...refused(failed('INVALID_REQUEST')), errorMessage: null }
  const problem = problemWith(request)
  if (problem !== undefined) return refused({ error: 'INVALID_REQUEST', message: problem })
  const { groups, shareGroups } = context.broker.services
  const shard = groups.shardOf(groupId)
  if (typeof shard === 'string') return { ...refused(failed(shard)), errorMessage: null }
  const held = new Held<Response>(context.cluster.runtime)
  const { clientHost, clientId } = context
  const beat = { groupId, memberId, memberEpoch, rackId, topics: subscribedTopicNames, clientHost }
  shareHeartbeat(shareGroups, shard, { ...beat, clientId: clientId ?? '' }, (response) => {
    if (isFailure(response)) {
      held.complete(refused(response))
      return
    }
    const { assignment, ...rest } = response
    const topicPartitions = assignment && listOf(assignment)
    held.complete({
      throttleTimeMs: 0,
      errorCode: 0,
      ...rest,
      assignment: topicPartitions ? { topicPartitions } : null,
    })
  })
  return held
}

function problemWith(request: {
  readonly groupId: string
  readonly memberId: string
  readonly memberEpoch: number
  readonly rackId: string | null
  readonly subscribedTopicNames: readonly string[] | null
}): string | undefined {
  const { groupId, memberId, memberEpoch, rackId, subscribedTopicNames } = request
  if (memberId.trim() === '') return "MemberId can't be empty."
  if (groupId.trim() === '') return "GroupId can't be empty."
  if (rackId !== null && rackId.trim() === '') return "RackId can't be empty."
  if (memberEpoch < -1) return 'MemberEpoch is invalid.'
  const isFirst = memberEpoch === 0
  if (isFirst && !subscribedTopicNames?.length) return 'SubscribedTopicNames must be set in first request.'
  return undefined
}

function refused(failure: ShareFailure): Response {
  return {
    ...{ throttleTimeMs: 0, ...toldOf(failure), memberId: null, memberEpoch: 0 },
    ...{ heartbeatIntervalMs: 0, assignment: null },
  }
}

export const shareGroupHeartbeatHandler = serves(ShareGroupHeartbeat, { min: 1, max: 1 }, handle)
