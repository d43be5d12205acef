import { api } from '../schema/api.ts'
import { int16, int32, int64, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const AddOffsetsToTxn = /* @__PURE__ */ api({
  key: 25,
  name: 'AddOffsetsToTxn',
  versions: '0-4',
  flexible: '3+',
  request: { transactionalId: string(), producerId: int64(), producerEpoch: int16(), groupId: string() },
  response: { throttleTimeMs: int32(), errorCode: int16() },
})

export interface AddOffsetsToTxnRequest extends Encodable<typeof AddOffsetsToTxn.request> {}
export interface AddOffsetsToTxnResponse extends Decoded<typeof AddOffsetsToTxn.response> {}
