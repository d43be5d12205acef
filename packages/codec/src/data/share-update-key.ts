import { message } from '../schema/api.ts'
import { int32, string, uuid } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ShareUpdateKey = /* @__PURE__ */ message({
  name: 'ShareUpdateKey',
  versions: '0',
  fields: { groupId: string(), topicId: uuid(), partition: int32() },
})

export interface ShareUpdateKey extends Decoded<typeof ShareUpdateKey> {}
