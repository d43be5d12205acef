import { type ErrorName, errorCode, SyncGroup } from '@ottla/codec'
import { NO_BYTES, type SyncGroupResponse } from '../state/coordinators/classic-protocol.ts'
import { syncGroup } from '../state/group-coordinator/classic-requests.ts'
import { Held } from '../state/held.ts'
import { type Handler, serves } from './handler.ts'
import type { closeConnection } from './reply.ts'

const handle: Handler<typeof SyncGroup> = (context, request) => {
  const fail = (error: ErrorName): SyncGroupResponse => ({
    throttleTimeMs: 0,
    errorCode: errorCode(error),
    assignment: NO_BYTES,
  })
  if (request.groupId === '') return fail('INVALID_GROUP_ID')
  // Since version 5 a member must name its protocol.
  const isIncomplete = request.protocolType === null || request.protocolName === null
  if (context.apiVersion >= 5 && isIncomplete) return fail('INCONSISTENT_GROUP_PROTOCOL')
  const shard = context.broker.services.groups.shardOf(request.groupId)
  if (typeof shard === 'string') return fail(shard)
  const held = new Held<SyncGroupResponse | typeof closeConnection>(context.cluster.runtime)
  syncGroup(shard, request, (response) => held.complete({ throttleTimeMs: 0, ...response }))
  return held
}

export const syncGroupHandler = serves(SyncGroup, { min: 0, max: 5 }, handle)
