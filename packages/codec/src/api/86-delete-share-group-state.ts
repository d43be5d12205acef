import { api } from '../schema/api.ts'
import { array, int16, int32, string, uuid } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const DeleteShareGroupState = /* @__PURE__ */ api({
  key: 86,
  name: 'DeleteShareGroupState',
  versions: '0',
  flexible: '0+',
  request: { groupId: string(), topics: array({ topicId: uuid(), partitions: array({ partition: int32() }) }) },
  response: {
    results: array({
      topicId: uuid(),
      partitions: array({
        partition: int32(),
        errorCode: int16(),
        errorMessage: string({ nullable: true, default: null }),
      }),
    }),
  },
})

export interface DeleteShareGroupStateRequest extends Encodable<typeof DeleteShareGroupState.request> {}
export interface DeleteShareGroupStateResponse extends Decoded<typeof DeleteShareGroupState.response> {}
