import { message } from '../schema/api.ts'
import { array, int8, int32, list, uuid } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

const topicPartitions = {
  topicId: uuid(),
  partitions: list(int32()),
  assignmentEpochs: list(int32(), { nullable: true, tag: 0 }),
}

export const ConsumerGroupCurrentMemberAssignmentValue = /* @__PURE__ */ message({
  name: 'ConsumerGroupCurrentMemberAssignmentValue',
  versions: '0',
  flexible: '0+',
  fields: {
    memberEpoch: int32(),
    previousMemberEpoch: int32(),
    state: int8(),
    assignedPartitions: array(topicPartitions),
    partitionsPendingRevocation: array(topicPartitions),
  },
})

export interface ConsumerGroupCurrentMemberAssignmentValue
  extends Decoded<typeof ConsumerGroupCurrentMemberAssignmentValue> {}
