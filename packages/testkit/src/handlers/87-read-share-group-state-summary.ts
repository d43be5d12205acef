import { type Encodable, ReadShareGroupStateSummary } from '@ottla/codec'
import { toldOf } from '../state/shares/share-group-service.ts'
import type { StateSummary } from '../state/shares/share-state-shard.ts'
import { type Handler, serves } from './handler.ts'
import { failureOf, forEachState, type StateOutcome } from './share-state-support.ts'

type Response = Encodable<typeof ReadShareGroupStateSummary.response>
type PartitionRequest = { readonly partition: number; readonly leaderEpoch: number }

const handle: Handler<typeof ReadShareGroupStateSummary> = (context, { groupId, topics }) =>
  forEachState<PartitionRequest, StateSummary, Response>(
    context,
    {
      verb: 'read share group state summary',
      groupId,
      topics,
      run: (shard, key, _partition, done) => shard.summary(key, done),
    },
    (results) => ({
      results: results.map(({ topicId, outcomes }) => ({ topicId, partitions: outcomes.map(partitionOf) })),
    }),
  )

type PartitionResponse = Response['results'][number]['partitions'][number]

function partitionOf({ partition, result }: StateOutcome<StateSummary>): PartitionResponse {
  const failure = failureOf(result)
  if (failure !== undefined) return { partition, ...toldOf(failure), stateEpoch: 0, leaderEpoch: 0, startOffset: 0n }
  const { startOffset, stateEpoch, leaderEpoch, deliveryCompleteCount } = result as StateSummary
  const epochs = { stateEpoch, leaderEpoch, deliveryCompleteCount }
  return { partition, ...toldOf(undefined), ...epochs, startOffset: BigInt(startOffset) }
}

export const readShareGroupStateSummaryHandler = serves(ReadShareGroupStateSummary, { min: 0, max: 1 }, handle)
