import { consumerGroupHeartbeatHandler } from './68-consumer-group-heartbeat.ts'
import { consumerGroupDescribe } from './69-consumer-group-describe.ts'
import type { HandlerEntry } from './handler.ts'

/** Groups of the consumer protocol (KIP-848): 68, 69. */
export const consumerGroupHandlers: readonly HandlerEntry[] = [consumerGroupHeartbeatHandler, consumerGroupDescribe]
