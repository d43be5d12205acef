import { message } from '../schema/api.ts'
import { array, int32, list, uuid } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ConsumerGroupTargetAssignmentMemberValue = /* @__PURE__ */ message({
  name: 'ConsumerGroupTargetAssignmentMemberValue',
  versions: '0',
  flexible: '0+',
  fields: { topicPartitions: array({ topicId: uuid(), partitions: list(int32()) }) },
})

export interface ConsumerGroupTargetAssignmentMemberValue
  extends Decoded<typeof ConsumerGroupTargetAssignmentMemberValue> {}
