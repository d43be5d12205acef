import { api } from '../schema/api.ts'
import { array, int16, int32, int64, string, uuid } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const AlterShareGroupOffsets = /* @__PURE__ */ api({
  key: 91,
  name: 'AlterShareGroupOffsets',
  versions: '0',
  flexible: '0+',
  request: {
    groupId: string(),
    topics: array({ topicName: string(), partitions: array({ partitionIndex: int32(), startOffset: int64() }) }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: true, default: null }),
    responses: array({
      topicName: string(),
      topicId: uuid(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
        errorMessage: string({ nullable: true, default: null }),
      }),
    }),
  },
})

export interface AlterShareGroupOffsetsRequest extends Encodable<typeof AlterShareGroupOffsets.request> {}
export interface AlterShareGroupOffsetsResponse extends Decoded<typeof AlterShareGroupOffsets.response> {}
