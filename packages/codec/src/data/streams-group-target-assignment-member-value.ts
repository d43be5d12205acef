import { message } from '../schema/api.ts'
import { array, int32, list, string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

const taskIds = {
  subtopologyId: string(),
  partitions: list(int32()),
}

export const StreamsGroupTargetAssignmentMemberValue = /* @__PURE__ */ message({
  name: 'StreamsGroupTargetAssignmentMemberValue',
  versions: '0',
  flexible: '0+',
  fields: { activeTasks: array(taskIds), standbyTasks: array(taskIds), warmupTasks: array(taskIds) },
})

export interface StreamsGroupTargetAssignmentMemberValue
  extends Decoded<typeof StreamsGroupTargetAssignmentMemberValue> {}
