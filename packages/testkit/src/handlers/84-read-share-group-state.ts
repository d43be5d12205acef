import { type Encodable, ReadShareGroupState } from '@ottla/codec'
import { toldOf } from '../state/shares/share-group-service.ts'
import { onWire } from '../state/shares/share-state-records.ts'
import type { ReadState } from '../state/shares/share-state-shard.ts'
import { type Handler, serves } from './handler.ts'
import { failureOf, forEachState, type StateOutcome } from './share-state-support.ts'

type Response = Encodable<typeof ReadShareGroupState.response>
type PartitionRequest = { readonly partition: number; readonly leaderEpoch: number }

const handle: Handler<typeof ReadShareGroupState> = (context, { groupId, topics }) =>
  forEachState<PartitionRequest, ReadState, Response>(
    context,
    {
      ...{ verb: 'read share group state', groupId, topics },
      run: (shard, key, { leaderEpoch }, done) => shard.read(key, leaderEpoch, done),
    },
    (results) => ({
      results: results.map(({ topicId, outcomes }) => ({ topicId, partitions: outcomes.map(partitionOf) })),
    }),
  )

function partitionOf({
  partition,
  result,
}: StateOutcome<ReadState>): Response['results'][number]['partitions'][number] {
  const failure = failureOf(result)
  if (failure !== undefined) {
    return { partition, ...toldOf(failure), stateEpoch: 0, startOffset: 0n, stateBatches: [] }
  }
  const { stateEpoch, startOffset, batches } = result as ReadState
  return {
    partition,
    ...toldOf(undefined),
    stateEpoch,
    startOffset: BigInt(startOffset),
    stateBatches: onWire(batches),
  }
}

export const readShareGroupStateHandler = serves(ReadShareGroupState, { min: 0, max: 0 }, handle)
