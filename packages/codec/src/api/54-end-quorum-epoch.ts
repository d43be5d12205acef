import { api } from '../schema/api.ts'
import { array, int16, int32, list, string, uint16, uuid } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const EndQuorumEpoch = /* @__PURE__ */ api({
  key: 54,
  name: 'EndQuorumEpoch',
  versions: '0-1',
  flexible: '1+',
  request: {
    clusterId: string({ nullable: true, default: null }),
    topics: array({
      topicName: string(),
      partitions: array({
        partitionIndex: int32(),
        leaderId: int32(),
        leaderEpoch: int32(),
        preferredSuccessors: list(int32(), { versions: '0', ignorable: true }),
        preferredCandidates: array(
          { candidateId: int32(), candidateDirectoryId: uuid() },
          { versions: '1+', ignorable: true },
        ),
      }),
    }),
    leaderEndpoints: array({ name: string(), host: string(), port: uint16() }, { versions: '1+', ignorable: true }),
  },
  response: {
    errorCode: int16(),
    topics: array({
      topicName: string(),
      partitions: array({ partitionIndex: int32(), errorCode: int16(), leaderId: int32(), leaderEpoch: int32() }),
    }),
    nodeEndpoints: array({ nodeId: int32(), host: string(), port: uint16() }, { versions: '1+', tag: 0 }),
  },
})

export interface EndQuorumEpochRequest extends Encodable<typeof EndQuorumEpoch.request> {}
export interface EndQuorumEpochResponse extends Decoded<typeof EndQuorumEpoch.response> {}
