import { message } from '../schema/api.ts'
import { string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const StreamsGroupTargetAssignmentMemberKey = /* @__PURE__ */ message({
  name: 'StreamsGroupTargetAssignmentMemberKey',
  versions: '0',
  fields: { groupId: string(), memberId: string() },
})

export interface StreamsGroupTargetAssignmentMemberKey extends Decoded<typeof StreamsGroupTargetAssignmentMemberKey> {}
