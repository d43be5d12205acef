import { AlterShareGroupOffsets, type Encodable, zeroUuid } from '@ottla/codec'
import { Held } from '../state/held.ts'
import { isFailure, toldOf, toldPlainly } from '../state/shares/share-group-service.ts'
import { alterShareOffsets, type TopicOutcome } from '../state/shares/share-offsets.ts'
import { failed, type ShareFailure } from '../state/shares/share-state-shard.ts'
import { type Handler, serves } from './handler.ts'

type Response = Encodable<typeof AlterShareGroupOffsets.response>
type TopicResponse = Response['responses'][number]

const handle: Handler<typeof AlterShareGroupOffsets> = (context, { groupId, topics }) => {
  const { broker, cluster } = context
  if (groupId === '') return refused(failed('INVALID_GROUP_ID'))
  const { groups, shareGroups } = broker.services
  const unknown = topics
    .filter(({ topicName }) => broker.view.topic(topicName) === undefined)
    .map(({ topicName, partitions }): TopicResponse => {
      const errors = toldPlainly('UNKNOWN_TOPIC_OR_PARTITION')
      const each = partitions.map(({ partitionIndex }) => ({ partitionIndex, ...errors }))
      return { topicName, topicId: zeroUuid, partitions: each }
    })
  const shard = groups.shardOf(groupId)
  if (typeof shard === 'string') return refused(failed(shard))
  const known = topics
    .filter(({ topicName }) => broker.view.topic(topicName) !== undefined)
    .map(({ topicName, partitions }) => ({
      name: topicName,
      partitions: partitions.map((each) => ({ partition: each.partitionIndex, startOffset: Number(each.startOffset) })),
    }))
  const held = new Held<Response>(cluster.runtime)
  alterShareOffsets(shareGroups, shard, { groupId, topics: known }, (result) => {
    if (isFailure(result)) {
      held.complete(refused(result))
      return
    }
    const responses = [...unknown, ...result.map(topicOf)]
    held.complete({ throttleTimeMs: 0, errorCode: 0, errorMessage: null, responses })
  })
  return held
}

function topicOf({ name, topicId, partitions }: TopicOutcome): TopicResponse {
  return {
    ...{ topicName: name, topicId: topicId ?? zeroUuid },
    partitions: partitions.map(({ partition, failure }) => ({ partitionIndex: partition, ...toldOf(failure) })),
  }
}

function refused(failure: ShareFailure): Response {
  return { throttleTimeMs: 0, ...toldOf(failure), responses: [] }
}

export const alterShareGroupOffsetsHandler = serves(AlterShareGroupOffsets, { min: 0, max: 0 }, handle)
