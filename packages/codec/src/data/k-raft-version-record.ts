import { message } from '../schema/api.ts'
import { int16 } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const KRaftVersionRecord = /* @__PURE__ */ message({
  name: 'KRaftVersionRecord',
  versions: '0',
  flexible: '0+',
  fields: { version: int16(), kRaftVersion: int16() },
})

export interface KRaftVersionRecord extends Decoded<typeof KRaftVersionRecord> {}
