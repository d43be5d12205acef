import { message } from '../schema/api.ts'
import { string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ShareGroupTargetAssignmentMemberKey = message(
  { name: 'ShareGroupTargetAssignmentMemberKey', versions: '0' },
  { groupId: string(), memberId: string() },
)

export interface ShareGroupTargetAssignmentMemberKey extends Decoded<typeof ShareGroupTargetAssignmentMemberKey> {}
