import { message } from '../schema/api.ts'
import { string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const GroupMetadataKey = /* @__PURE__ */ message({
  name: 'GroupMetadataKey',
  versions: '0',
  fields: { group: string() },
})

export interface GroupMetadataKey extends Decoded<typeof GroupMetadataKey> {}
