import { type Encodable, errorCode, LeaveGroup } from '@ottla/codec'
import type { LeavingMember } from '../state/coordinators/classic-protocol.ts'
import { writeErrorForMember } from '../state/coordinators/coordinator-log.ts'
import { leaveGroup } from '../state/group-coordinator/classic-requests.ts'
import { Held } from '../state/held.ts'
import { type Handler, serves } from './handler.ts'
import type { closeConnection } from './reply.ts'

type Response = Encodable<typeof LeaveGroup.response>

const handle: Handler<typeof LeaveGroup> = (context, request) => {
  const { groupId } = request
  if (groupId === '') return { throttleTimeMs: 0, errorCode: errorCode('INVALID_GROUP_ID'), members: [] }
  const shard = context.broker.services.groups.shardOf(groupId)
  if (typeof shard === 'string') return { throttleTimeMs: 0, errorCode: errorCode(shard), members: [] }
  // Before version 3 a single member leaves, and its result is that of the request.
  const isSingle = context.apiVersion < 3
  const one: LeavingMember = { memberId: request.memberId, groupInstanceId: null, reason: null }
  const members = leaveGroup(shard, groupId, isSingle ? [one] : request.members)
  const response: Response = isSingle
    ? { throttleTimeMs: 0, errorCode: members[0]?.errorCode ?? 0, members: [] }
    : { throttleTimeMs: 0, errorCode: 0, members }
  const held = new Held<Response | typeof closeConnection>(context.cluster.runtime)
  shard.log.write([], {
    done: (error) =>
      held.complete(
        error ? { throttleTimeMs: 0, errorCode: errorCode(writeErrorForMember(error)), members: [] } : response,
      ),
  })
  return held
}

export const leaveGroupHandler = serves(LeaveGroup, { min: 0, max: 5 }, handle)
