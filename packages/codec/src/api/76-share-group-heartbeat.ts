import { api } from '../schema/api.ts'
import { array, int16, int32, list, string, struct, uuid } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const ShareGroupHeartbeat = /* @__PURE__ */ api({
  key: 76,
  name: 'ShareGroupHeartbeat',
  versions: '1',
  flexible: '0+',
  request: {
    groupId: string(),
    memberId: string(),
    memberEpoch: int32(),
    rackId: string({ nullable: true, default: null }),
    subscribedTopicNames: list(string(), { nullable: true, default: null }),
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

export interface ShareGroupHeartbeatRequest extends Encodable<typeof ShareGroupHeartbeat.request> {}
export interface ShareGroupHeartbeatResponse extends Decoded<typeof ShareGroupHeartbeat.response> {}
