import { api } from '../schema/api.ts'
import { array, int16, int32, int64, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const DeleteRecords = /* @__PURE__ */ api({
  key: 21,
  name: 'DeleteRecords',
  versions: '0-2',
  flexible: '2+',
  request: {
    topics: array({ name: string(), partitions: array({ partitionIndex: int32(), offset: int64() }) }),
    timeoutMs: int32(),
  },
  response: {
    throttleTimeMs: int32(),
    topics: array({
      name: string(),
      partitions: array({ partitionIndex: int32(), lowWatermark: int64(), errorCode: int16() }),
    }),
  },
})

export interface DeleteRecordsRequest extends Encodable<typeof DeleteRecords.request> {}
export interface DeleteRecordsResponse extends Decoded<typeof DeleteRecords.response> {}
