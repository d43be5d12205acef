import { api } from '../schema/api.ts'
import { int16, list, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const SaslHandshake = /* @__PURE__ */ api({
  key: 17,
  name: 'SaslHandshake',
  versions: '0-1',
  request: { mechanism: string() },
  response: { errorCode: int16(), mechanisms: list(string()) },
})

export interface SaslHandshakeRequest extends Encodable<typeof SaslHandshake.request> {}
export interface SaslHandshakeResponse extends Decoded<typeof SaslHandshake.response> {}
