import { message } from '../schema/api.ts'
import { int16 } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const SnapshotFooterRecord = /* @__PURE__ */ message({
  name: 'SnapshotFooterRecord',
  versions: '0',
  flexible: '0+',
  fields: { version: int16() },
})

export interface SnapshotFooterRecord extends Decoded<typeof SnapshotFooterRecord> {}
