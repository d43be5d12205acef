import { api } from '../schema/api.ts'
import { array, int16, int32, int64, list, string, uuid } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const DescribeShareGroupOffsets = /* @__PURE__ */ api({
  key: 90,
  name: 'DescribeShareGroupOffsets',
  versions: '0-1',
  flexible: '0+',
  request: {
    groups: array({
      groupId: string(),
      topics: array({ topicName: string(), partitions: list(int32()) }, { nullable: true }),
    }),
  },
  response: {
    throttleTimeMs: int32(),
    groups: array({
      groupId: string(),
      topics: array({
        topicName: string(),
        topicId: uuid(),
        partitions: array({
          partitionIndex: int32(),
          startOffset: int64(),
          leaderEpoch: int32(),
          lag: int64({ versions: '1+', default: -1n, ignorable: true }),
          errorCode: int16(),
          errorMessage: string({ nullable: true, default: null }),
        }),
      }),
      errorCode: int16(),
      errorMessage: string({ nullable: true, default: null }),
    }),
  },
})

export interface DescribeShareGroupOffsetsRequest extends Encodable<typeof DescribeShareGroupOffsets.request> {}
export interface DescribeShareGroupOffsetsResponse extends Decoded<typeof DescribeShareGroupOffsets.response> {}
