import { message } from '../schema/api.ts'
import { string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const StreamsGroupMetadataKey = /* @__PURE__ */ message({
  name: 'StreamsGroupMetadataKey',
  versions: '0',
  fields: { groupId: string() },
})

export interface StreamsGroupMetadataKey extends Decoded<typeof StreamsGroupMetadataKey> {}
