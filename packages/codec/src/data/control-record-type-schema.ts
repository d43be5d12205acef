import { message } from '../schema/api.ts'
import { int16 } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ControlRecordTypeSchema = /* @__PURE__ */ message({
  name: 'ControlRecordTypeSchema',
  versions: '0',
  fields: { type: int16() },
})

export interface ControlRecordTypeSchema extends Decoded<typeof ControlRecordTypeSchema> {}
