import { JoinGroup } from '@ottla/codec'
import { type JoinGroupResponse, joinError } from '../state/coordinators/classic-protocol.ts'
import { joinGroup } from '../state/group-coordinator/classic-requests.ts'
import { Held } from '../state/held.ts'
import { type Handler, serves } from './handler.ts'
import type { closeConnection } from './reply.ts'

const handle: Handler<typeof JoinGroup> = (context, request) => {
  const { apiVersion, clientHost } = context
  if (request.groupId === '') return inVersion(apiVersion, joinError('INVALID_GROUP_ID', request.memberId))
  const shard = context.broker.services.groups.shardOf(request.groupId)
  if (typeof shard === 'string') return inVersion(apiVersion, joinError(shard, request.memberId))
  const held = new Held<JoinGroupResponse | typeof closeConnection>(context.cluster.runtime)
  // Version 0 has no separate rebalance timeout.
  const body = apiVersion === 0 ? { ...request, rebalanceTimeoutMs: request.sessionTimeoutMs } : request
  const client = { clientId: context.clientId ?? '', clientHost, apiVersion }
  joinGroup(shard, body, client, (response) => held.complete(inVersion(apiVersion, response)))
  return held
}

/** Before version 7 the protocol name cannot be null. */
function inVersion(apiVersion: number, response: JoinGroupResponse): JoinGroupResponse {
  const protocolName = apiVersion < 7 ? (response.protocolName ?? '') : response.protocolName
  return { throttleTimeMs: 0, ...response, protocolName }
}

export const joinGroupHandler = serves(JoinGroup, { min: 0, max: 9 }, handle)
