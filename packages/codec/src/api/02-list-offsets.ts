import { api } from '../schema/api.ts'
import { array, int8, int16, int32, int64, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const ListOffsets = /* @__PURE__ */ api({
  key: 2,
  name: 'ListOffsets',
  versions: '1-11',
  flexible: '6+',
  request: {
    replicaId: int32(),
    isolationLevel: int8({ versions: '2+' }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        currentLeaderEpoch: int32({ versions: '4+', default: -1, ignorable: true }),
        timestamp: int64(),
      }),
    }),
    timeoutMs: int32({ versions: '10+', ignorable: true }),
  },
  response: {
    throttleTimeMs: int32({ versions: '2+', ignorable: true }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
        timestamp: int64({ default: -1n }),
        offset: int64({ default: -1n }),
        leaderEpoch: int32({ versions: '4+', default: -1 }),
      }),
    }),
  },
})

export interface ListOffsetsRequest extends Encodable<typeof ListOffsets.request> {}
export interface ListOffsetsResponse extends Decoded<typeof ListOffsets.response> {}
