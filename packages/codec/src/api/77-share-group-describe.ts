import { api } from '../schema/api.ts'
import { array, bool, int16, int32, list, string, struct, uuid } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const ShareGroupDescribe = /* @__PURE__ */ api({
  key: 77,
  name: 'ShareGroupDescribe',
  versions: '1',
  flexible: '0+',
  request: { groupIds: list(string()), includeAuthorizedOperations: bool() },
  response: {
    throttleTimeMs: int32(),
    groups: array({
      errorCode: int16(),
      errorMessage: string({ nullable: true, default: null }),
      groupId: string(),
      groupState: string(),
      groupEpoch: int32(),
      assignmentEpoch: int32(),
      assignorName: string(),
      members: array({
        memberId: string(),
        rackId: string({ nullable: true, default: null }),
        memberEpoch: int32(),
        clientId: string(),
        clientHost: string(),
        subscribedTopicNames: list(string()),
        assignment: struct({
          topicPartitions: array({ topicId: uuid(), topicName: string(), partitions: list(int32()) }),
        }),
      }),
      authorizedOperations: int32({ default: -2147483648 }),
    }),
  },
})

export interface ShareGroupDescribeRequest extends Encodable<typeof ShareGroupDescribe.request> {}
export interface ShareGroupDescribeResponse extends Decoded<typeof ShareGroupDescribe.response> {}
