import { message } from '../schema/api.ts'
import { string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ConsumerGroupCurrentMemberAssignmentKey = message(
  { name: 'ConsumerGroupCurrentMemberAssignmentKey', versions: '0' },
  { groupId: string(), memberId: string() },
)

export interface ConsumerGroupCurrentMemberAssignmentKey extends Decoded<
  typeof ConsumerGroupCurrentMemberAssignmentKey
> {}
