import { message } from '../schema/api.ts'
import { array, int32, int64, string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const StreamsGroupMetadataValue = /* @__PURE__ */ message({
  name: 'StreamsGroupMetadataValue',
  versions: '0',
  flexible: '0+',
  fields: {
    epoch: int32(),
    metadataHash: int64(),
    validatedTopologyEpoch: int32({ default: -1, tag: 0 }),
    lastAssignmentConfigs: array({ key: string(), value: string() }, { nullable: true, tag: 1 }),
  },
})

export interface StreamsGroupMetadataValue extends Decoded<typeof StreamsGroupMetadataValue> {}
