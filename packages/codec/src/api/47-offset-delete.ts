import { api } from '../schema/api.ts'
import { array, int16, int32, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const OffsetDelete = /* @__PURE__ */ api({
  key: 47,
  name: 'OffsetDelete',
  versions: '0',
  request: { groupId: string(), topics: array({ name: string(), partitions: array({ partitionIndex: int32() }) }) },
  response: {
    errorCode: int16(),
    throttleTimeMs: int32({ ignorable: true }),
    topics: array({ name: string(), partitions: array({ partitionIndex: int32(), errorCode: int16() }) }),
  },
})

export interface OffsetDeleteRequest extends Encodable<typeof OffsetDelete.request> {}
export interface OffsetDeleteResponse extends Decoded<typeof OffsetDelete.response> {}
