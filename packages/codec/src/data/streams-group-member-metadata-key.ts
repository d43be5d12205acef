import { message } from '../schema/api.ts'
import { string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const StreamsGroupMemberMetadataKey = message({ name: 'StreamsGroupMemberMetadataKey', versions: '0' }, {
  groupId: string(),
  memberId: string(),
})

export interface StreamsGroupMemberMetadataKey extends Decoded<typeof StreamsGroupMemberMetadataKey> {}
