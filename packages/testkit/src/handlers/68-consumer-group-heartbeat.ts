import { ConsumerGroupHeartbeat } from '@ottla/codec'
import {
  consumerGroupHeartbeat,
  errorResponse,
  type HeartbeatResponse,
  throwIfInvalid,
} from '../state/consumer-groups/consumer-group-heartbeat.ts'
import { catchGroupError, GroupError } from '../state/coordinators/group-error.ts'
import { Held } from '../state/held.ts'
import { type Handler, serves } from './handler.ts'
import type { closeConnection } from './reply.ts'

const handle: Handler<typeof ConsumerGroupHeartbeat> = (context, request) => {
  const { apiVersion, clientHost } = context
  const { groups } = context.broker.services
  const config = groups.consumerConfig(request.groupId)
  const invalid = catchGroupError<HeartbeatResponse | undefined>(() => {
    throwIfInvalid(request, apiVersion, config)
    return undefined
  }, errorResponse)
  if (invalid !== undefined) return invalid
  const shard = groups.shardOf(request.groupId)
  if (typeof shard === 'string') return errorResponse(new GroupError(shard))
  const held = new Held<HeartbeatResponse | typeof closeConnection>(context.cluster.runtime)
  const client = { clientId: context.clientId ?? '', clientHost, apiVersion }
  consumerGroupHeartbeat(shard, request, client, (response) => held.complete(response))
  return held
}

export const consumerGroupHeartbeatHandler = serves(ConsumerGroupHeartbeat, { min: 0, max: 1 }, handle)
