import { message } from '../schema/api.ts'
import { int64, string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const LegacyOffsetCommitValue = /* @__PURE__ */ message({
  name: 'LegacyOffsetCommitValue',
  versions: '0',
  fields: { offset: int64(), metadata: string(), commitTimestamp: int64() },
})

export interface LegacyOffsetCommitValue extends Decoded<typeof LegacyOffsetCommitValue> {}
