import { message } from '../schema/api.ts'
import { array, bytes, int32, list, string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ConsumerProtocolAssignment = /* @__PURE__ */ message({
  name: 'ConsumerProtocolAssignment',
  versions: '0-3',
  fields: {
    assignedPartitions: array({ topic: string(), partitions: list(int32()) }),
    userData: bytes({ nullable: true, default: null }),
  },
})

export interface ConsumerProtocolAssignment extends Decoded<typeof ConsumerProtocolAssignment> {}
