import { message } from '../schema/api.ts'
import { string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ShareGroupMetadataKey = /* @__PURE__ */ message({
  name: 'ShareGroupMetadataKey',
  versions: '0',
  fields: { groupId: string() },
})

export interface ShareGroupMetadataKey extends Decoded<typeof ShareGroupMetadataKey> {}
