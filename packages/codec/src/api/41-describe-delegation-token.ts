import { api } from '../schema/api.ts'
import { array, bytes, int16, int32, int64, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const DescribeDelegationToken = /* @__PURE__ */ api({
  key: 41,
  name: 'DescribeDelegationToken',
  versions: '1-3',
  flexible: '2+',
  request: { owners: array({ principalType: string(), principalName: string() }, { nullable: true }) },
  response: {
    errorCode: int16(),
    tokens: array({
      principalType: string(),
      principalName: string(),
      tokenRequesterPrincipalType: string({ versions: '3+' }),
      tokenRequesterPrincipalName: string({ versions: '3+' }),
      issueTimestamp: int64(),
      expiryTimestamp: int64(),
      maxTimestamp: int64(),
      tokenId: string(),
      hmac: bytes(),
      renewers: array({ principalType: string(), principalName: string() }),
    }),
    throttleTimeMs: int32(),
  },
})

export interface DescribeDelegationTokenRequest extends Encodable<typeof DescribeDelegationToken.request> {}
export interface DescribeDelegationTokenResponse extends Decoded<typeof DescribeDelegationToken.response> {}
