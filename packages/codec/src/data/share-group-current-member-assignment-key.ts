import { message } from '../schema/api.ts'
import { string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ShareGroupCurrentMemberAssignmentKey = /* @__PURE__ */ message({
  name: 'ShareGroupCurrentMemberAssignmentKey',
  versions: '0',
  fields: { groupId: string(), memberId: string() },
})

export interface ShareGroupCurrentMemberAssignmentKey extends Decoded<typeof ShareGroupCurrentMemberAssignmentKey> {}
