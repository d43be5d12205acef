import { api } from '../schema/api.ts'
import { array, int16, int32, string, uuid } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const DeleteShareGroupOffsets = /* @__PURE__ */ api({
  key: 92,
  name: 'DeleteShareGroupOffsets',
  versions: '0',
  flexible: '0+',
  request: { groupId: string(), topics: array({ topicName: string() }) },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: true, default: null }),
    responses: array({
      topicName: string(),
      topicId: uuid(),
      errorCode: int16(),
      errorMessage: string({ nullable: true, default: null }),
    }),
  },
})

export interface DeleteShareGroupOffsetsRequest extends Encodable<typeof DeleteShareGroupOffsets.request> {}
export interface DeleteShareGroupOffsetsResponse extends Decoded<typeof DeleteShareGroupOffsets.response> {}
