import { message } from '../schema/api.ts'
import { string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const StreamsGroupCurrentMemberAssignmentKey = /* @__PURE__ */ message({
  name: 'StreamsGroupCurrentMemberAssignmentKey',
  versions: '0',
  fields: { groupId: string(), memberId: string() },
})

export interface StreamsGroupCurrentMemberAssignmentKey
  extends Decoded<typeof StreamsGroupCurrentMemberAssignmentKey> {}
