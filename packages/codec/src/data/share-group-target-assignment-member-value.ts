import { message } from '../schema/api.ts'
import { array, int32, list, uuid } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ShareGroupTargetAssignmentMemberValue = /* @__PURE__ */ message({
  name: 'ShareGroupTargetAssignmentMemberValue',
  versions: '0',
  flexible: '0+',
  fields: { topicPartitions: array({ topicId: uuid(), partitions: list(int32()) }) },
})

export interface ShareGroupTargetAssignmentMemberValue extends Decoded<typeof ShareGroupTargetAssignmentMemberValue> {}
