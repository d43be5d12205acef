import { api } from '../schema/api.ts'
import { int16, int32, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const UnregisterBroker = /* @__PURE__ */ api({
  key: 64,
  name: 'UnregisterBroker',
  versions: '0',
  flexible: '0+',
  request: { brokerId: int32() },
  response: { throttleTimeMs: int32(), errorCode: int16(), errorMessage: string({ nullable: true }) },
})

export interface UnregisterBrokerRequest extends Encodable<typeof UnregisterBroker.request> {}
export interface UnregisterBrokerResponse extends Decoded<typeof UnregisterBroker.response> {}
