import { api } from '../schema/api.ts'
import { array, int8, int16, int32, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const DescribeUserScramCredentials = /* @__PURE__ */ api({
  key: 50,
  name: 'DescribeUserScramCredentials',
  versions: '0',
  flexible: '0+',
  request: { users: array({ name: string() }, { nullable: true }) },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: true }),
    results: array({
      user: string(),
      errorCode: int16(),
      errorMessage: string({ nullable: true }),
      credentialInfos: array({ mechanism: int8(), iterations: int32() }),
    }),
  },
})

export interface DescribeUserScramCredentialsRequest extends Encodable<typeof DescribeUserScramCredentials.request> {}
export interface DescribeUserScramCredentialsResponse extends Decoded<typeof DescribeUserScramCredentials.response> {}
