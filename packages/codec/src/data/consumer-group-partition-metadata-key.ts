import { message } from '../schema/api.ts'
import { string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ConsumerGroupPartitionMetadataKey = /* @__PURE__ */ message({
  name: 'ConsumerGroupPartitionMetadataKey',
  versions: '0',
  fields: { groupId: string() },
})

export interface ConsumerGroupPartitionMetadataKey extends Decoded<typeof ConsumerGroupPartitionMetadataKey> {}
