import { message } from '../schema/api.ts'
import { string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ConsumerGroupMemberMetadataKey = /* @__PURE__ */ message({
  name: 'ConsumerGroupMemberMetadataKey',
  versions: '0',
  fields: { groupId: string(), memberId: string() },
})

export interface ConsumerGroupMemberMetadataKey extends Decoded<typeof ConsumerGroupMemberMetadataKey> {}
