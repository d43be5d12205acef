import { type Encodable, type ErrorName, errorCode, Heartbeat } from '@ottla/codec'
import { writeErrorForMember } from '../state/coordinators/coordinator-log.ts'
import { heartbeat } from '../state/group-coordinator/classic-requests.ts'
import { Held } from '../state/held.ts'
import { type Handler, serves } from './handler.ts'
import type { closeConnection } from './reply.ts'

type Response = Encodable<typeof Heartbeat.response>

const handle: Handler<typeof Heartbeat> = (context, request) => {
  if (request.groupId === '') return { throttleTimeMs: 0, errorCode: errorCode('INVALID_GROUP_ID') }
  const shard = context.broker.services.groups.shardOf(request.groupId)
  // While the group is loading, the heartbeat cannot be checked: the member continues.
  if (shard === 'COORDINATOR_LOAD_IN_PROGRESS') return { throttleTimeMs: 0, errorCode: 0 }
  if (typeof shard === 'string') return { throttleTimeMs: 0, errorCode: errorCode(shard) }
  const result = heartbeat(shard, request)
  const held = new Held<Response | typeof closeConnection>(context.cluster.runtime)
  const respond = (error: ErrorName | undefined): Response => ({
    throttleTimeMs: 0,
    errorCode: error ? errorCode(error) : 0,
  })
  // The result may depend on earlier writes that are not committed yet.
  shard.log.write([], { done: (error) => held.complete(respond(error ? writeErrorForMember(error) : result)) })
  return held
}

export const heartbeatHandler = serves(Heartbeat, { min: 0, max: 4 }, handle)
