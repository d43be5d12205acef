import { message } from '../schema/api.ts'
import { string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ConsumerGroupCurrentMemberAssignmentKey = /* @__PURE__ */ message({
  name: 'ConsumerGroupCurrentMemberAssignmentKey',
  versions: '0',
  fields: { groupId: string(), memberId: string() },
})

export interface ConsumerGroupCurrentMemberAssignmentKey
  extends Decoded<typeof ConsumerGroupCurrentMemberAssignmentKey> {}
