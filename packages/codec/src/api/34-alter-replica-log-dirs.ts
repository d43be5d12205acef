import { api } from '../schema/api.ts'
import { array, int16, int32, list, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const AlterReplicaLogDirs = /* @__PURE__ */ api({
  key: 34,
  name: 'AlterReplicaLogDirs',
  versions: '1-2',
  flexible: '2+',
  request: { dirs: array({ path: string(), topics: array({ name: string(), partitions: list(int32()) }) }) },
  response: {
    throttleTimeMs: int32(),
    results: array({ topicName: string(), partitions: array({ partitionIndex: int32(), errorCode: int16() }) }),
  },
})

export interface AlterReplicaLogDirsRequest extends Encodable<typeof AlterReplicaLogDirs.request> {}
export interface AlterReplicaLogDirsResponse extends Decoded<typeof AlterReplicaLogDirs.response> {}
