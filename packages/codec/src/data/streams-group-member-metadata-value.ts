import { message } from '../schema/api.ts'
import { array, int32, string, struct, uint16 } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const StreamsGroupMemberMetadataValue = /* @__PURE__ */ message({
  name: 'StreamsGroupMemberMetadataValue',
  versions: '0',
  flexible: '0+',
  fields: {
    instanceId: string({ nullable: true }),
    rackId: string({ nullable: true }),
    clientId: string(),
    clientHost: string(),
    rebalanceTimeoutMs: int32({ default: -1 }),
    topologyEpoch: int32(),
    processId: string(),
    userEndpoint: struct({ host: string(), port: uint16() }, { nullable: true, default: null }),
    clientTags: array({ key: string(), value: string() }),
  },
})

export interface StreamsGroupMemberMetadataValue extends Decoded<typeof StreamsGroupMemberMetadataValue> {}
