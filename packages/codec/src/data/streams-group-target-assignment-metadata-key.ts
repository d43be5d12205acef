import { message } from '../schema/api.ts'
import { string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const StreamsGroupTargetAssignmentMetadataKey = message(
  { name: 'StreamsGroupTargetAssignmentMetadataKey', versions: '0' },
  { groupId: string() },
)

export interface StreamsGroupTargetAssignmentMetadataKey extends Decoded<
  typeof StreamsGroupTargetAssignmentMetadataKey
> {}
