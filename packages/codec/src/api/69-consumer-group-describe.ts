import { api } from '../schema/api.ts'
import { array, bool, int8, int16, int32, list, string, struct, uuid } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

const assignment = {
  topicPartitions: array({ topicId: uuid(), topicName: string(), partitions: list(int32()) }),
}

export const ConsumerGroupDescribe = /* @__PURE__ */ api({
  key: 69,
  name: 'ConsumerGroupDescribe',
  versions: '0-1',
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
        instanceId: string({ nullable: true, default: null }),
        rackId: string({ nullable: true, default: null }),
        memberEpoch: int32(),
        clientId: string(),
        clientHost: string(),
        subscribedTopicNames: list(string()),
        subscribedTopicRegex: string({ nullable: true, default: null }),
        assignment: struct(assignment),
        targetAssignment: struct(assignment),
        memberType: int8({ versions: '1+', default: -1, ignorable: true }),
      }),
      authorizedOperations: int32({ default: -2147483648 }),
    }),
  },
})

export interface ConsumerGroupDescribeRequest extends Encodable<typeof ConsumerGroupDescribe.request> {}
export interface ConsumerGroupDescribeResponse extends Decoded<typeof ConsumerGroupDescribe.response> {}
