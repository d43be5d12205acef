import { api } from '../schema/api.ts'
import { array, int8, int16, int32, list, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const ElectLeaders = /* @__PURE__ */ api({
  key: 43,
  name: 'ElectLeaders',
  versions: '0-2',
  flexible: '2+',
  request: {
    electionType: int8({ versions: '1+' }),
    topicPartitions: array({ topic: string(), partitions: list(int32()) }, { nullable: true }),
    timeoutMs: int32({ default: 60000 }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16({ versions: '1+' }),
    replicaElectionResults: array({
      topic: string(),
      partitionResult: array({ partitionId: int32(), errorCode: int16(), errorMessage: string({ nullable: true }) }),
    }),
  },
})

export interface ElectLeadersRequest extends Encodable<typeof ElectLeaders.request> {}
export interface ElectLeadersResponse extends Decoded<typeof ElectLeaders.response> {}
