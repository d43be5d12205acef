import { message } from '../schema/api.ts'
import { int16, int32, string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const RequestHeader = /* @__PURE__ */ message({
  name: 'RequestHeader',
  versions: '1-2',
  flexible: '2+',
  fields: {
    requestApiKey: int16(),
    requestApiVersion: int16(),
    correlationId: int32(),
    clientId: string({ nullable: true, compact: false }),
  },
})

export interface RequestHeader extends Decoded<typeof RequestHeader> {}
