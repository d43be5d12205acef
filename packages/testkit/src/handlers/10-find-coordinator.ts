import { type ErrorName, errorCode, errorOf, FindCoordinator } from '@ottla/codec'
import type { Endpoint } from '../broker.ts'
import { OFFSETS_TOPIC, partitionOf } from '../state/group-coordinator.ts'
import { type Handler, type HandlerContext, serves } from './handler.ts'

const GROUP = 0
const nowhere = { id: -1, host: '', port: -1 }

const handle: Handler<typeof FindCoordinator> = (context, request) => {
  const { keyType } = request
  if (context.apiVersion < 4) {
    const found = coordinatorOf(context, keyType, request.key)
    const { id: nodeId, host, port } = typeof found === 'string' ? nowhere : found
    const code = errorCode(typeof found === 'string' ? found : 'NONE')
    return {
      throttleTimeMs: 0,
      errorCode: code,
      errorMessage: code === 0 ? 'NONE' : errorOf(code).message,
      nodeId,
      host,
      port,
    }
  }
  const coordinators = request.coordinatorKeys.map((key) => {
    const found = coordinatorOf(context, keyType, key)
    const { id: nodeId, host, port } = typeof found === 'string' ? nowhere : found
    return {
      key,
      nodeId,
      host,
      port,
      errorCode: errorCode(typeof found === 'string' ? found : 'NONE'),
      errorMessage: '',
    }
  })
  return { throttleTimeMs: 0, coordinators }
}

/** The leader of the group's partition of __consumer_offsets. Only groups have coordinators here. */
function coordinatorOf({ broker, cluster }: HandlerContext, keyType: number, key: string): Endpoint | ErrorName {
  if (keyType !== GROUP) return 'INVALID_REQUEST'
  const count = broker.partitionCount(OFFSETS_TOPIC)
  if (count === 0) {
    cluster.controller.ensureOffsetsTopic()
    return 'COORDINATOR_NOT_AVAILABLE'
  }
  const leader = broker.leaderOf(OFFSETS_TOPIC, partitionOf(key, count))
  const endpoint = leader === undefined || leader < 0 ? undefined : broker.endpointOf(leader)
  return endpoint ?? 'COORDINATOR_NOT_AVAILABLE'
}

export const findCoordinator = serves(FindCoordinator, { min: 0, max: 6 }, handle)
