import { type Decoded, type Encodable, WriteShareGroupState } from '@ottla/codec'
import { fromWire } from '../state/shares/share-state-records.ts'
import type { Written } from '../state/shares/share-state-shard.ts'
import { type Handler, serves } from './handler.ts'
import { forEachState, plainResult } from './share-state-support.ts'

type PartitionRequest = Decoded<typeof WriteShareGroupState.request>['topics'][number]['partitions'][number]

const handle: Handler<typeof WriteShareGroupState> = (context, { groupId, topics }) =>
  forEachState<PartitionRequest, Written, Encodable<typeof WriteShareGroupState.response>>(
    context,
    {
      ...{ verb: 'write share group state', groupId, topics },
      run: (shard, key, { stateEpoch, leaderEpoch, startOffset, deliveryCompleteCount, stateBatches }, done) => {
        const batches = fromWire(stateBatches)
        const write = { stateEpoch, leaderEpoch, startOffset: Number(startOffset), deliveryCompleteCount, batches }
        shard.write(key, write, done)
      },
    },
    (results) => ({
      results: results.map(({ topicId, outcomes }) => ({ topicId, partitions: outcomes.map(plainResult) })),
    }),
  )

export const writeShareGroupStateHandler = serves(WriteShareGroupState, { min: 0, max: 1 }, handle)
