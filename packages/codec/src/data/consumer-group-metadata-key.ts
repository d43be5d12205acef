import { message } from '../schema/api.ts'
import { string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ConsumerGroupMetadataKey = /* @__PURE__ */ message({
  name: 'ConsumerGroupMetadataKey',
  versions: '0',
  fields: { groupId: string() },
})

export interface ConsumerGroupMetadataKey extends Decoded<typeof ConsumerGroupMetadataKey> {}
