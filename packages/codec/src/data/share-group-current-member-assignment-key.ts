import { message } from '../schema/api.ts'
import { string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ShareGroupCurrentMemberAssignmentKey = message(
  { name: 'ShareGroupCurrentMemberAssignmentKey', versions: '0' },
  { groupId: string(), memberId: string() },
)

export interface ShareGroupCurrentMemberAssignmentKey extends Decoded<typeof ShareGroupCurrentMemberAssignmentKey> {}
