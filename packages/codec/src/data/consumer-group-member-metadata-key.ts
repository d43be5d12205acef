import { message } from '../schema/api.ts'
import { string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ConsumerGroupMemberMetadataKey = message({ name: 'ConsumerGroupMemberMetadataKey', versions: '0' }, {
  groupId: string(),
  memberId: string(),
})

export interface ConsumerGroupMemberMetadataKey extends Decoded<typeof ConsumerGroupMemberMetadataKey> {}
