import { api } from '../schema/api.ts'
import { array, int16, int32, list, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const ListPartitionReassignments = /* @__PURE__ */ api({
  key: 46,
  name: 'ListPartitionReassignments',
  versions: '0',
  flexible: '0+',
  request: {
    timeoutMs: int32({ default: 60000 }),
    topics: array({ name: string(), partitionIndexes: list(int32()) }, { nullable: true, default: null }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: true }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        replicas: list(int32()),
        addingReplicas: list(int32()),
        removingReplicas: list(int32()),
      }),
    }),
  },
})

export interface ListPartitionReassignmentsRequest extends Encodable<typeof ListPartitionReassignments.request> {}
export interface ListPartitionReassignmentsResponse extends Decoded<typeof ListPartitionReassignments.response> {}
