import { message } from '../schema/api.ts'
import { array, int8, int32, list, string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

const taskIds = {
  subtopologyId: string(),
  partitions: list(int32()),
  assignmentEpochs: list(int32(), { nullable: true, tag: 0 }),
}

export const StreamsGroupCurrentMemberAssignmentValue = /* @__PURE__ */ message({
  name: 'StreamsGroupCurrentMemberAssignmentValue',
  versions: '0',
  flexible: '0+',
  fields: {
    memberEpoch: int32(),
    previousMemberEpoch: int32(),
    state: int8(),
    activeTasks: array(taskIds),
    standbyTasks: array(taskIds),
    warmupTasks: array(taskIds),
    activeTasksPendingRevocation: array(taskIds),
    standbyTasksPendingRevocation: array(taskIds),
    warmupTasksPendingRevocation: array(taskIds),
  },
})

export interface StreamsGroupCurrentMemberAssignmentValue
  extends Decoded<typeof StreamsGroupCurrentMemberAssignmentValue> {}
