import { consumerGroupHeartbeatHandler } from './68-consumer-group-heartbeat.ts'
import { consumerGroupDescribe } from './69-consumer-group-describe.ts'
import { streamsGroupHeartbeatHandler } from './88-streams-group-heartbeat.ts'
import { streamsGroupDescribe } from './89-streams-group-describe.ts'
import type { HandlerEntry } from './handler.ts'

/** Groups of the consumer protocol (KIP-848) and of the streams protocol (KIP-1071): 68, 69, 88, 89. */
export const consumerGroupHandlers: readonly HandlerEntry[] = [
  consumerGroupHeartbeatHandler,
  consumerGroupDescribe,
  streamsGroupHeartbeatHandler,
  streamsGroupDescribe,
]
