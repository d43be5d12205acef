import { message } from '../schema/api.ts'
import { array, bytes, int32, list, string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ConsumerProtocolSubscription = /* @__PURE__ */ message({
  name: 'ConsumerProtocolSubscription',
  versions: '0-3',
  fields: {
    topics: list(string()),
    userData: bytes({ nullable: true, default: null }),
    ownedPartitions: array({ topic: string(), partitions: list(int32()) }, { versions: '1+', ignorable: true }),
    generationId: int32({ versions: '2+', default: -1, ignorable: true }),
    rackId: string({ versions: '3+', nullable: true, default: null, ignorable: true }),
  },
})

export interface ConsumerProtocolSubscription extends Decoded<typeof ConsumerProtocolSubscription> {}
