import { message } from '../schema/api.ts'
import { int32, string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const LegacyOffsetCommitKey = /* @__PURE__ */ message({
  name: 'LegacyOffsetCommitKey',
  versions: '0',
  fields: { group: string(), topic: string(), partition: int32() },
})

export interface LegacyOffsetCommitKey extends Decoded<typeof LegacyOffsetCommitKey> {}
