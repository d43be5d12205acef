import { message } from '../schema/api.ts'
import { int16, int64 } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const SnapshotHeaderRecord = /* @__PURE__ */ message({
  name: 'SnapshotHeaderRecord',
  versions: '0',
  flexible: '0+',
  fields: { version: int16(), lastContainedLogTimestamp: int64() },
})

export interface SnapshotHeaderRecord extends Decoded<typeof SnapshotHeaderRecord> {}
