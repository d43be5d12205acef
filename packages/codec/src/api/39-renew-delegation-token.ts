import { api } from '../schema/api.ts'
import { bytes, int16, int32, int64 } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const RenewDelegationToken = /* @__PURE__ */ api({
  key: 39,
  name: 'RenewDelegationToken',
  versions: '1-2',
  flexible: '2+',
  request: { hmac: bytes(), renewPeriodMs: int64() },
  response: { errorCode: int16(), expiryTimestampMs: int64(), throttleTimeMs: int32() },
})

export interface RenewDelegationTokenRequest extends Encodable<typeof RenewDelegationToken.request> {}
export interface RenewDelegationTokenResponse extends Decoded<typeof RenewDelegationToken.response> {}
