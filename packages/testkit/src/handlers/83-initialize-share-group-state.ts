import { type Encodable, InitializeShareGroupState } from '@ottla/codec'
import type { Written } from '../state/shares/share-state-shard.ts'
import { type Handler, serves } from './handler.ts'
import { forEachState, plainResult } from './share-state-support.ts'

type PartitionRequest = { readonly partition: number; readonly stateEpoch: number; readonly startOffset: bigint }

const handle: Handler<typeof InitializeShareGroupState> = (context, { groupId, topics }) =>
  forEachState<PartitionRequest, Written, Encodable<typeof InitializeShareGroupState.response>>(
    context,
    {
      ...{ verb: 'initialize share group state', groupId, topics },
      run: (shard, key, { stateEpoch, startOffset }, done) =>
        shard.initialize(key, { stateEpoch, startOffset: Number(startOffset) }, done),
    },
    (results) => ({
      results: results.map(({ topicId, outcomes }) => ({ topicId, partitions: outcomes.map(plainResult) })),
    }),
  )

export const initializeShareGroupStateHandler = serves(InitializeShareGroupState, { min: 0, max: 0 }, handle)
