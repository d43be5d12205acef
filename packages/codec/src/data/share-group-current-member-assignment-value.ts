import { message } from '../schema/api.ts'
import { array, int32, int8, list, uuid } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ShareGroupCurrentMemberAssignmentValue = message(
  { name: 'ShareGroupCurrentMemberAssignmentValue', versions: '0', flexible: '0+' },
  {
    memberEpoch: int32(),
    previousMemberEpoch: int32(),
    state: int8(),
    assignedPartitions: array({ topicId: uuid(), partitions: list(int32()) }),
  },
)

export interface ShareGroupCurrentMemberAssignmentValue extends Decoded<
  typeof ShareGroupCurrentMemberAssignmentValue
> {}
