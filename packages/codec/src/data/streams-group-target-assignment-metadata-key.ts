import { message } from '../schema/api.ts'
import { string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const StreamsGroupTargetAssignmentMetadataKey = /* @__PURE__ */ message({
  name: 'StreamsGroupTargetAssignmentMetadataKey',
  versions: '0',
  fields: { groupId: string() },
})

export interface StreamsGroupTargetAssignmentMetadataKey
  extends Decoded<typeof StreamsGroupTargetAssignmentMetadataKey> {}
