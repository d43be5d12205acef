import { message } from '../schema/api.ts'
import { string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ConsumerGroupPartitionMetadataKey = message({ name: 'ConsumerGroupPartitionMetadataKey', versions: '0' }, {
  groupId: string(),
})

export interface ConsumerGroupPartitionMetadataKey extends Decoded<typeof ConsumerGroupPartitionMetadataKey> {}
