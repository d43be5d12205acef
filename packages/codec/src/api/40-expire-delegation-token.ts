import { api } from '../schema/api.ts'
import { bytes, int16, int32, int64 } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const ExpireDelegationToken = /* @__PURE__ */ api({
  key: 40,
  name: 'ExpireDelegationToken',
  versions: '1-2',
  flexible: '2+',
  request: { hmac: bytes(), expiryTimePeriodMs: int64() },
  response: { errorCode: int16(), expiryTimestampMs: int64(), throttleTimeMs: int32() },
})

export interface ExpireDelegationTokenRequest extends Encodable<typeof ExpireDelegationToken.request> {}
export interface ExpireDelegationTokenResponse extends Decoded<typeof ExpireDelegationToken.response> {}
