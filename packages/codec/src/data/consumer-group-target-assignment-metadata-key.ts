import { message } from '../schema/api.ts'
import { string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ConsumerGroupTargetAssignmentMetadataKey = /* @__PURE__ */ message({
  name: 'ConsumerGroupTargetAssignmentMetadataKey',
  versions: '0',
  fields: { groupId: string() },
})

export interface ConsumerGroupTargetAssignmentMetadataKey
  extends Decoded<typeof ConsumerGroupTargetAssignmentMetadataKey> {}
