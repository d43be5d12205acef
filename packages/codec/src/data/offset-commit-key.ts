import { message } from '../schema/api.ts'
import { int32, string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const OffsetCommitKey = /* @__PURE__ */ message({
  name: 'OffsetCommitKey',
  versions: '0',
  fields: { group: string(), topic: string(), partition: int32() },
})

export interface OffsetCommitKey extends Decoded<typeof OffsetCommitKey> {}
