import { api } from '../schema/api.ts'
import { array, bool, int8, int16, int32, int64, list, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const WriteTxnMarkers = /* @__PURE__ */ api({
  key: 27,
  name: 'WriteTxnMarkers',
  versions: '1-2',
  flexible: '1+',
  request: {
    markers: array({
      producerId: int64(),
      producerEpoch: int16(),
      transactionResult: bool(),
      topics: array({ name: string(), partitionIndexes: list(int32()) }),
      coordinatorEpoch: int32(),
      transactionVersion: int8({ versions: '2+', default: 0, ignorable: true }),
    }),
  },
  response: {
    markers: array({
      producerId: int64(),
      topics: array({ name: string(), partitions: array({ partitionIndex: int32(), errorCode: int16() }) }),
    }),
  },
})

export interface WriteTxnMarkersRequest extends Encodable<typeof WriteTxnMarkers.request> {}
export interface WriteTxnMarkersResponse extends Decoded<typeof WriteTxnMarkers.response> {}
