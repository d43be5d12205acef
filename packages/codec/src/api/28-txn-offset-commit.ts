import { api } from '../schema/api.ts'
import { array, int16, int32, int64, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const TxnOffsetCommit = /* @__PURE__ */ api({
  key: 28,
  name: 'TxnOffsetCommit',
  versions: '0-5',
  flexible: '3+',
  request: {
    transactionalId: string(),
    groupId: string(),
    producerId: int64(),
    producerEpoch: int16(),
    generationId: int32({ versions: '3+', default: -1 }),
    memberId: string({ versions: '3+', default: '' }),
    groupInstanceId: string({ versions: '3+', nullable: true, default: null }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        committedOffset: int64(),
        committedLeaderEpoch: int32({ versions: '2+', default: -1, ignorable: true }),
        committedMetadata: string({ nullable: true }),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32(),
    topics: array({ name: string(), partitions: array({ partitionIndex: int32(), errorCode: int16() }) }),
  },
})

export interface TxnOffsetCommitRequest extends Encodable<typeof TxnOffsetCommit.request> {}
export interface TxnOffsetCommitResponse extends Decoded<typeof TxnOffsetCommit.response> {}
