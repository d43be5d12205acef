import { api } from '../schema/api.ts'
import { array, int16, int32, int64, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const OffsetForLeaderEpoch = /* @__PURE__ */ api({
  key: 23,
  name: 'OffsetForLeaderEpoch',
  versions: '2-4',
  flexible: '4+',
  request: {
    replicaId: int32({ versions: '3+', default: -2, ignorable: true }),
    topics: array({
      topic: string(),
      partitions: array({
        partition: int32(),
        currentLeaderEpoch: int32({ default: -1, ignorable: true }),
        leaderEpoch: int32(),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32({ ignorable: true }),
    topics: array({
      topic: string(),
      partitions: array({
        errorCode: int16(),
        partition: int32(),
        leaderEpoch: int32({ default: -1, ignorable: true }),
        endOffset: int64({ default: -1n }),
      }),
    }),
  },
})

export interface OffsetForLeaderEpochRequest extends Encodable<typeof OffsetForLeaderEpoch.request> {}
export interface OffsetForLeaderEpochResponse extends Decoded<typeof OffsetForLeaderEpoch.response> {}
