import { errorCode, FindCoordinator } from '@ottla/codec'
import type { Endpoint } from '../broker/broker.ts'
import { ensureOffsetsTopic, ensureShareStateTopic, ensureTransactionTopic } from '../controllers/internal-topics.ts'
import { partitionOf } from '../state/coordinators/coordinator-shards.ts'
import { offsetsTopic, shareStateTopic, transactionTopic } from '../state/internal-topics.ts'
import { isShareKeyText } from '../state/shares/share-state-records.ts'
import { type Handler, type HandlerContext, serves } from './handler.ts'

const GROUP = 0
const TRANSACTION = 1
const SHARE = 2
/** Kafka's messages for the errors. */
const messages = {
  INVALID_REQUEST:
    'This most likely occurs because of a request being malformed by the client library or the message was sent to an ' +
    'incompatible broker. See the broker logs for more details.',
  COORDINATOR_NOT_AVAILABLE: 'The coordinator is not available.',
} as const
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
      errorMessage: typeof found === 'string' ? messages[found] : 'NONE',
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
      // Only an unknown key type has a message here.
      errorMessage: keyType > SHARE || keyType < GROUP ? messages.INVALID_REQUEST : '',
    }
  })
  return { throttleTimeMs: 0, coordinators }
}

/** The leader of the key's partition of __consumer_offsets, __transaction_state or __share_group_state. */
function coordinatorOf(context: HandlerContext, keyType: number, key: string): Endpoint | keyof typeof messages {
  const { broker, cluster, connection } = context
  const isShareKey = context.apiVersion >= 6 && keyType === SHARE && isShareKeyText(key)
  if (keyType !== GROUP && keyType !== TRANSACTION && !isShareKey) return 'INVALID_REQUEST'
  const topic = keyType === GROUP ? offsetsTopic : isShareKey ? shareStateTopic : transactionTopic
  const count = broker.partitionCount(topic)
  if (count === 0) {
    if (keyType === GROUP) ensureOffsetsTopic(cluster.controller, cluster.config)
    else if (isShareKey) ensureShareStateTopic(cluster.controller, cluster.config)
    else ensureTransactionTopic(cluster.controller, cluster.config)
    return 'COORDINATOR_NOT_AVAILABLE'
  }
  const leader = broker.leaderOf(topic, partitionOf(key, count))
  const endpoint =
    leader === undefined || leader < 0 ? undefined : broker.endpointOf(leader, connection.origin.listener)
  return endpoint ?? 'COORDINATOR_NOT_AVAILABLE'
}

export const findCoordinatorHandler = serves(FindCoordinator, { min: 0, max: 6 }, handle)
