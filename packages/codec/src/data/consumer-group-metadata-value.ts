import { message } from '../schema/api.ts'
import { int32, int64 } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ConsumerGroupMetadataValue = /* @__PURE__ */ message({
  name: 'ConsumerGroupMetadataValue',
  versions: '0',
  flexible: '0+',
  fields: { epoch: int32(), metadataHash: int64({ default: 0n, tag: 0 }) },
})

export interface ConsumerGroupMetadataValue extends Decoded<typeof ConsumerGroupMetadataValue> {}
