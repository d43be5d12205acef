import { api } from '../schema/api.ts'
import { array, int16, int32, int64, string, uuid } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const ReadShareGroupStateSummary = /* @__PURE__ */ api({
  key: 87,
  name: 'ReadShareGroupStateSummary',
  versions: '0-1',
  flexible: '0+',
  request: {
    groupId: string(),
    topics: array({ topicId: uuid(), partitions: array({ partition: int32(), leaderEpoch: int32() }) }),
  },
  response: {
    results: array({
      topicId: uuid(),
      partitions: array({
        partition: int32(),
        errorCode: int16(),
        errorMessage: string({ nullable: true, default: null }),
        stateEpoch: int32(),
        leaderEpoch: int32(),
        startOffset: int64(),
        deliveryCompleteCount: int32({ versions: '1+', default: -1, ignorable: true }),
      }),
    }),
  },
})

export interface ReadShareGroupStateSummaryRequest extends Encodable<typeof ReadShareGroupStateSummary.request> {}
export interface ReadShareGroupStateSummaryResponse extends Decoded<typeof ReadShareGroupStateSummary.response> {}
