import { message } from '../schema/api.ts'
import { string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ShareGroupTargetAssignmentMemberKey = /* @__PURE__ */ message({
  name: 'ShareGroupTargetAssignmentMemberKey',
  versions: '0',
  fields: { groupId: string(), memberId: string() },
})

export interface ShareGroupTargetAssignmentMemberKey extends Decoded<typeof ShareGroupTargetAssignmentMemberKey> {}
