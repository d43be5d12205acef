import { message } from '../schema/api.ts'
import { string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ShareGroupStatePartitionMetadataKey = /* @__PURE__ */ message({
  name: 'ShareGroupStatePartitionMetadataKey',
  versions: '0',
  fields: { groupId: string() },
})

export interface ShareGroupStatePartitionMetadataKey extends Decoded<typeof ShareGroupStatePartitionMetadataKey> {}
