import { DeleteShareGroupState, type Encodable } from '@ottla/codec'
import type { Written } from '../state/shares/share-state-shard.ts'
import { type Handler, serves } from './handler.ts'
import { forEachState, plainResult } from './share-state-support.ts'

const handle: Handler<typeof DeleteShareGroupState> = (context, { groupId, topics }) =>
  forEachState<{ readonly partition: number }, Written, Encodable<typeof DeleteShareGroupState.response>>(
    context,
    {
      verb: 'delete share group state',
      groupId,
      topics,
      run: (shard, key, _partition, done) => shard.remove(key, done),
    },
    (results) => ({
      results: results.map(({ topicId, outcomes }) => ({ topicId, partitions: outcomes.map(plainResult) })),
    }),
  )

export const deleteShareGroupStateHandler = serves(DeleteShareGroupState, { min: 0, max: 0 }, handle)
