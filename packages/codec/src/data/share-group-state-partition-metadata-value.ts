import { message } from '../schema/api.ts'
import { array, int32, list, string, uuid } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

const topicPartitionsInfo = {
  topicId: uuid(),
  topicName: string(),
  partitions: list(int32()),
}

export const ShareGroupStatePartitionMetadataValue = /* @__PURE__ */ message({
  name: 'ShareGroupStatePartitionMetadataValue',
  versions: '0',
  flexible: '0+',
  fields: {
    initializingTopics: array(topicPartitionsInfo),
    initializedTopics: array(topicPartitionsInfo),
    deletingTopics: array({ topicId: uuid(), topicName: string() }),
  },
})

export interface ShareGroupStatePartitionMetadataValue extends Decoded<typeof ShareGroupStatePartitionMetadataValue> {}
