import { message } from '../schema/api.ts'
import { array, int32, list, string, uuid } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ConsumerGroupPartitionMetadataValue = /* @__PURE__ */ message({
  name: 'ConsumerGroupPartitionMetadataValue',
  versions: '0',
  flexible: '0+',
  fields: {
    topics: array({
      topicId: uuid(),
      topicName: string(),
      numPartitions: int32(),
      partitionMetadata: array({ partition: int32(), racks: list(string()) }),
    }),
  },
})

export interface ConsumerGroupPartitionMetadataValue extends Decoded<typeof ConsumerGroupPartitionMetadataValue> {}
