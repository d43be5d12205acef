import { message } from '../schema/api.ts'
import { string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ConsumerGroupMetadataKey = message({ name: 'ConsumerGroupMetadataKey', versions: '0' }, {
  groupId: string(),
})

export interface ConsumerGroupMetadataKey extends Decoded<typeof ConsumerGroupMetadataKey> {}
