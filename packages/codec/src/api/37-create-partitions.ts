import { api } from '../schema/api.ts'
import { array, bool, int16, int32, list, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const CreatePartitions = /* @__PURE__ */ api({
  key: 37,
  name: 'CreatePartitions',
  versions: '0-3',
  flexible: '2+',
  request: {
    topics: array({
      name: string(),
      count: int32(),
      assignments: array({ brokerIds: list(int32()) }, { nullable: true }),
    }),
    timeoutMs: int32(),
    validateOnly: bool(),
  },
  response: {
    throttleTimeMs: int32(),
    results: array({ name: string(), errorCode: int16(), errorMessage: string({ nullable: true, default: null }) }),
  },
})

export interface CreatePartitionsRequest extends Encodable<typeof CreatePartitions.request> {}
export interface CreatePartitionsResponse extends Decoded<typeof CreatePartitions.response> {}
