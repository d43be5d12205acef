import { api } from '../schema/api.ts'
import { array, int8, int16, int32, int64, list, uuid } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const AlterPartition = /* @__PURE__ */ api({
  key: 56,
  name: 'AlterPartition',
  versions: '2-3',
  flexible: '0+',
  request: {
    brokerId: int32(),
    brokerEpoch: int64({ default: -1n }),
    topics: array({
      topicId: uuid({ ignorable: true }),
      partitions: array({
        partitionIndex: int32(),
        leaderEpoch: int32(),
        newIsr: list(int32(), { versions: '2' }),
        newIsrWithEpochs: array({ brokerId: int32(), brokerEpoch: int64({ default: -1n }) }, { versions: '3+' }),
        leaderRecoveryState: int8({ default: 0 }),
        partitionEpoch: int32(),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    topics: array({
      topicId: uuid({ ignorable: true }),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
        leaderId: int32(),
        leaderEpoch: int32(),
        isr: list(int32()),
        leaderRecoveryState: int8({ default: 0, ignorable: true }),
        partitionEpoch: int32(),
      }),
    }),
  },
})

export interface AlterPartitionRequest extends Encodable<typeof AlterPartition.request> {}
export interface AlterPartitionResponse extends Decoded<typeof AlterPartition.response> {}
