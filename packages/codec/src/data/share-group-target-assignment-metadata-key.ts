import { message } from '../schema/api.ts'
import { string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ShareGroupTargetAssignmentMetadataKey = /* @__PURE__ */ message({
  name: 'ShareGroupTargetAssignmentMetadataKey',
  versions: '0',
  fields: { groupId: string() },
})

export interface ShareGroupTargetAssignmentMetadataKey extends Decoded<typeof ShareGroupTargetAssignmentMetadataKey> {}
