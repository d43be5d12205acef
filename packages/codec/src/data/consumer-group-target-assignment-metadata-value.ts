import { message } from '../schema/api.ts'
import { int32, int64 } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ConsumerGroupTargetAssignmentMetadataValue = /* @__PURE__ */ message({
  name: 'ConsumerGroupTargetAssignmentMetadataValue',
  versions: '0',
  flexible: '0+',
  fields: { assignmentEpoch: int32(), assignmentTimestamp: int64({ default: 0n, ignorable: true, tag: 0 }) },
})

export interface ConsumerGroupTargetAssignmentMetadataValue
  extends Decoded<typeof ConsumerGroupTargetAssignmentMetadataValue> {}
