import { api } from '../schema/api.ts'
import { bytes, int16, int64, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const SaslAuthenticate = /* @__PURE__ */ api({
  key: 36,
  name: 'SaslAuthenticate',
  versions: '0-2',
  flexible: '2+',
  request: { authBytes: bytes() },
  response: {
    errorCode: int16(),
    errorMessage: string({ nullable: true }),
    authBytes: bytes(),
    sessionLifetimeMs: int64({ versions: '1+', default: 0n, ignorable: true }),
  },
})

export interface SaslAuthenticateRequest extends Encodable<typeof SaslAuthenticate.request> {}
export interface SaslAuthenticateResponse extends Decoded<typeof SaslAuthenticate.response> {}
