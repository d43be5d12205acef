import { api } from '../schema/api.ts'
import { bytes, int16 } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const Envelope = /* @__PURE__ */ api({
  key: 58,
  name: 'Envelope',
  versions: '0',
  flexible: '0+',
  request: { requestData: bytes(), requestPrincipal: bytes({ nullable: true }), clientHostAddress: bytes() },
  response: { responseData: bytes({ nullable: true, default: null }), errorCode: int16() },
})

export interface EnvelopeRequest extends Encodable<typeof Envelope.request> {}
export interface EnvelopeResponse extends Decoded<typeof Envelope.response> {}
