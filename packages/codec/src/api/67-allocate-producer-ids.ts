import { api } from '../schema/api.ts'
import { int16, int32, int64 } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const AllocateProducerIds = /* @__PURE__ */ api({
  key: 67,
  name: 'AllocateProducerIds',
  versions: '0',
  flexible: '0+',
  request: { brokerId: int32(), brokerEpoch: int64({ default: -1n }) },
  response: { throttleTimeMs: int32(), errorCode: int16(), producerIdStart: int64(), producerIdLen: int32() },
})

export interface AllocateProducerIdsRequest extends Encodable<typeof AllocateProducerIds.request> {}
export interface AllocateProducerIdsResponse extends Decoded<typeof AllocateProducerIds.response> {}
