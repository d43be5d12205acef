import { api } from '../schema/api.ts'
import { array, int16, int32, list, string, struct, uuid } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const ConsumerGroupHeartbeat = /* @__PURE__ */ api({
  key: 68,
  name: 'ConsumerGroupHeartbeat',
  versions: '0-1',
  flexible: '0+',
  request: {
    groupId: string(),
    memberId: string(),
    memberEpoch: int32(),
    instanceId: string({ nullable: true, default: null }),
    rackId: string({ nullable: true, default: null }),
    rebalanceTimeoutMs: int32({ default: -1 }),
    subscribedTopicNames: list(string(), { nullable: true, default: null }),
    subscribedTopicRegex: string({ versions: '1+', nullable: true, default: null }),
    serverAssignor: string({ nullable: true, default: null }),
    topicPartitions: array({ topicId: uuid(), partitions: list(int32()) }, { nullable: true, default: null }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: true, default: null }),
    memberId: string({ nullable: true, default: null }),
    memberEpoch: int32(),
    heartbeatIntervalMs: int32(),
    assignment: struct(
      { topicPartitions: array({ topicId: uuid(), partitions: list(int32()) }) },
      { nullable: true, default: null },
    ),
  },
})

export interface ConsumerGroupHeartbeatRequest extends Encodable<typeof ConsumerGroupHeartbeat.request> {}
export interface ConsumerGroupHeartbeatResponse extends Decoded<typeof ConsumerGroupHeartbeat.response> {}
