import { api } from '../schema/api.ts'
import { array, int16, int32, int64, string, uuid } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const InitializeShareGroupState = /* @__PURE__ */ api({
  key: 83,
  name: 'InitializeShareGroupState',
  versions: '0',
  flexible: '0+',
  request: {
    groupId: string(),
    topics: array({
      topicId: uuid(),
      partitions: array({ partition: int32(), stateEpoch: int32(), startOffset: int64() }),
    }),
  },
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

export interface InitializeShareGroupStateRequest extends Encodable<typeof InitializeShareGroupState.request> {}
export interface InitializeShareGroupStateResponse extends Decoded<typeof InitializeShareGroupState.response> {}
