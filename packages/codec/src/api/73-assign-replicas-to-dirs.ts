import { api } from '../schema/api.ts'
import { array, int16, int32, int64, uuid } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const AssignReplicasToDirs = /* @__PURE__ */ api({
  key: 73,
  name: 'AssignReplicasToDirs',
  versions: '0',
  flexible: '0+',
  request: {
    brokerId: int32(),
    brokerEpoch: int64({ default: -1n }),
    directories: array({
      id: uuid(),
      topics: array({ topicId: uuid(), partitions: array({ partitionIndex: int32() }) }),
    }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    directories: array({
      id: uuid(),
      topics: array({ topicId: uuid(), partitions: array({ partitionIndex: int32(), errorCode: int16() }) }),
    }),
  },
})

export interface AssignReplicasToDirsRequest extends Encodable<typeof AssignReplicasToDirs.request> {}
export interface AssignReplicasToDirsResponse extends Decoded<typeof AssignReplicasToDirs.response> {}
