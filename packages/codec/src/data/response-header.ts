import { message } from '../schema/api.ts'
import { int32 } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ResponseHeader = /* @__PURE__ */ message({
  name: 'ResponseHeader',
  versions: '0-1',
  flexible: '1+',
  fields: { correlationId: int32() },
})

export interface ResponseHeader extends Decoded<typeof ResponseHeader> {}
