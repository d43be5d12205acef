import { message } from '../schema/api.ts'
import { int32, int64 } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ShareGroupMetadataValue = /* @__PURE__ */ message({
  name: 'ShareGroupMetadataValue',
  versions: '0',
  flexible: '0+',
  fields: { epoch: int32(), metadataHash: int64() },
})

export interface ShareGroupMetadataValue extends Decoded<typeof ShareGroupMetadataValue> {}
