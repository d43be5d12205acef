import { message } from '../schema/api.ts'
import { int32, int64 } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ShareGroupTargetAssignmentMetadataValue = /* @__PURE__ */ message({
  name: 'ShareGroupTargetAssignmentMetadataValue',
  versions: '0',
  flexible: '0+',
  fields: { assignmentEpoch: int32(), assignmentTimestamp: int64({ default: 0n, ignorable: true, tag: 0 }) },
})

export interface ShareGroupTargetAssignmentMetadataValue
  extends Decoded<typeof ShareGroupTargetAssignmentMetadataValue> {}
