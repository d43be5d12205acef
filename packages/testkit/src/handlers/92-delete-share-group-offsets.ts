import { DeleteShareGroupOffsets, type Encodable, zeroUuid } from '@ottla/codec'
import { Held } from '../state/held.ts'
import { isFailure, toldOf } from '../state/shares/share-group-service.ts'
import { deleteShareOffsets } from '../state/shares/share-offsets.ts'
import { failed, type ShareFailure } from '../state/shares/share-state-shard.ts'
import { type Handler, serves } from './handler.ts'

type Response = Encodable<typeof DeleteShareGroupOffsets.response>

const handle: Handler<typeof DeleteShareGroupOffsets> = (context, { groupId, topics }) => {
  const { broker, cluster } = context
  if (groupId === '') return refused(failed('INVALID_GROUP_ID'))
  const { groups, shareGroups } = broker.services
  const shard = groups.shardOf(groupId)
  if (typeof shard === 'string') return refused(failed(shard))
  const held = new Held<Response>(cluster.runtime)
  const request = { groupId, topics: topics.map(({ topicName }) => topicName) }
  deleteShareOffsets(shareGroups, shard, request, (result) => {
    if (isFailure(result)) {
      held.complete(refused(result))
      return
    }
    const responses = result.map(({ name, topicId, failure }) => ({
      ...{ topicName: name, topicId: topicId ?? zeroUuid },
      ...toldOf(failure),
    }))
    held.complete({ throttleTimeMs: 0, errorCode: 0, errorMessage: null, responses })
  })
  return held
}

function refused(failure: ShareFailure): Response {
  return { throttleTimeMs: 0, ...toldOf(failure), responses: [] }
}

export const deleteShareGroupOffsetsHandler = serves(DeleteShareGroupOffsets, { min: 0, max: 0 }, handle)
