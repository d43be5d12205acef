import { message } from '../schema/api.ts'
import { string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ConsumerGroupTargetAssignmentMemberKey = /* @__PURE__ */ message({
  name: 'ConsumerGroupTargetAssignmentMemberKey',
  versions: '0',
  fields: { groupId: string(), memberId: string() },
})

export interface ConsumerGroupTargetAssignmentMemberKey
  extends Decoded<typeof ConsumerGroupTargetAssignmentMemberKey> {}
