import { message } from '../schema/api.ts'
import { array, int16, int32, list, string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

const topicInfo = {
  name: string(),
  partitions: int32(),
  replicationFactor: int16(),
  topicConfigs: array({ key: string(), value: string() }),
}

export const StreamsGroupTopologyValue = /* @__PURE__ */ message({
  name: 'StreamsGroupTopologyValue',
  versions: '0',
  flexible: '0+',
  fields: {
    epoch: int32(),
    subtopologies: array({
      subtopologyId: string(),
      sourceTopics: list(string()),
      sourceTopicRegex: list(string()),
      stateChangelogTopics: array(topicInfo),
      repartitionSinkTopics: list(string()),
      repartitionSourceTopics: array(topicInfo),
      copartitionGroups: array({
        sourceTopics: list(int16()),
        sourceTopicRegex: list(int16()),
        repartitionSourceTopics: list(int16()),
      }),
    }),
  },
})

export interface StreamsGroupTopologyValue extends Decoded<typeof StreamsGroupTopologyValue> {}
