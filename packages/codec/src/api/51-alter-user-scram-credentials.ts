import { api } from '../schema/api.ts'
import { array, bytes, int8, int16, int32, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const AlterUserScramCredentials = /* @__PURE__ */ api({
  key: 51,
  name: 'AlterUserScramCredentials',
  versions: '0',
  flexible: '0+',
  request: {
    deletions: array({ name: string(), mechanism: int8() }),
    upsertions: array({
      name: string(),
      mechanism: int8(),
      iterations: int32(),
      salt: bytes(),
      saltedPassword: bytes(),
    }),
  },
  response: {
    throttleTimeMs: int32(),
    results: array({ user: string(), errorCode: int16(), errorMessage: string({ nullable: true }) }),
  },
})

export interface AlterUserScramCredentialsRequest extends Encodable<typeof AlterUserScramCredentials.request> {}
export interface AlterUserScramCredentialsResponse extends Decoded<typeof AlterUserScramCredentials.response> {}
