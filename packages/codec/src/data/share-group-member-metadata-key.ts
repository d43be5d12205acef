import { message } from '../schema/api.ts'
import { string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ShareGroupMemberMetadataKey = /* @__PURE__ */ message({
  name: 'ShareGroupMemberMetadataKey',
  versions: '0',
  fields: { groupId: string(), memberId: string() },
})

export interface ShareGroupMemberMetadataKey extends Decoded<typeof ShareGroupMemberMetadataKey> {}
