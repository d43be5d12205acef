import { StreamsGroupHeartbeat } from '@ottla/codec'
import { catchGroupError, GroupError } from '../state/coordinators/group-error.ts'
import { Held } from '../state/held.ts'
import {
  type StreamsResponse,
  streamsErrorResponse,
  streamsGroupHeartbeat,
} from '../state/streams-groups/streams-group-heartbeat.ts'
import { throwIfStreamsInvalid } from '../state/streams-groups/streams-group-requests.ts'
import type { InternalTopic } from '../state/streams-groups/streams-group-topology.ts'
import { type Handler, type HandlerContext, serves } from './handler.ts'
import type { closeConnection } from './reply.ts'

const handle: Handler<typeof StreamsGroupHeartbeat> = (context, request) => {
  const { apiVersion, clientHost } = context
  const invalid = catchGroupError<StreamsResponse | undefined>(() => {
    throwIfStreamsInvalid(request)
    return undefined
  }, streamsErrorResponse)
  if (invalid !== undefined) return invalid
  const shard = context.broker.services.groups.shardOf(request.groupId)
  if (typeof shard === 'string') return streamsErrorResponse(new GroupError(shard))
  const held = new Held<StreamsResponse | typeof closeConnection>(context.cluster.runtime)
  const client = { clientId: context.clientId ?? '', clientHost, apiVersion }
  streamsGroupHeartbeat(shard, request, client, ({ response, missingTopics }) => {
    for (const topic of missingTopics) createInternalTopic(context, topic)
    held.complete(response)
  })
  return held
}

/** The coordinator creates the internal topics of the topology; the group continues once they exist. */
function createInternalTopic({ broker, cluster }: HandlerContext, topic: InternalTopic): void {
  const { controller, config } = cluster
  if (controller.state.topic(topic.name) !== undefined) return
  const replicas = topic.replicationFactor > 0 ? topic.replicationFactor : config.number('default.replication.factor')
  const alive = broker.view.aliveBrokers().length
  if (replicas > alive) return
  const configs = new Map(topic.topicConfigs.map(({ key, value }) => [key, value]))
  controller.createTopic({ name: topic.name, assignment: controller.assign(topic.partitions, replicas), configs })
}

export const streamsGroupHeartbeatHandler = serves(StreamsGroupHeartbeat, { min: 0, max: 0 }, handle)
