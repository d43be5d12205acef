import { message } from '../schema/api.ts'
import { array, int8, int32, list, uuid } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ShareGroupCurrentMemberAssignmentValue = /* @__PURE__ */ message({
  name: 'ShareGroupCurrentMemberAssignmentValue',
  versions: '0',
  flexible: '0+',
  fields: {
    memberEpoch: int32(),
    previousMemberEpoch: int32(),
    state: int8(),
    assignedPartitions: array({ topicId: uuid(), partitions: list(int32()) }),
  },
})

export interface ShareGroupCurrentMemberAssignmentValue
  extends Decoded<typeof ShareGroupCurrentMemberAssignmentValue> {}
