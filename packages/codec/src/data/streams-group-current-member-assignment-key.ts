import { message } from '../schema/api.ts'
import { string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const StreamsGroupCurrentMemberAssignmentKey = message(
  { name: 'StreamsGroupCurrentMemberAssignmentKey', versions: '0' },
  { groupId: string(), memberId: string() },
)

export interface StreamsGroupCurrentMemberAssignmentKey extends Decoded<
  typeof StreamsGroupCurrentMemberAssignmentKey
> {}
