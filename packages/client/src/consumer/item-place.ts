import { describePartition, KafkaError } from '../errors.ts'
import type { Origin } from '../group/origin.ts'
import type { DecodedRecord } from './decoding/decoded-record.ts'
import { type AssignedPartition, endOf } from './partition/assigned-partition.ts'
import type { EndReason, Era } from './partition/era.ts'

/** What a record needs of the batch that it was read from, for any reader. */
export interface RecordSource {
  readonly owner: { readonly topic: string; readonly partition: number }
  readonly baseOffset: number
  readonly leaderEpoch: number
  readonly baseTimestamp: number
  readonly fixedTimestamp: boolean
  /** Of what is being processed: the partition's, or that of one item. */
  readonly signal: AbortSignal
  /** The key and the value of the record at hand, where its topic is typed. */
  readonly decoder: DecodedRecord | undefined
}

/** The same for a message of a consumer, whose progress it counts for. */
export interface RecordOrigin extends RecordSource {
  readonly owner: AssignedPartition
  readonly era: Era
  /** Whether an item also stands for those before it: false where items are processed in another order than that of the log. */
  readonly ordered: boolean
}

/** Where a message or a batch comes from: the offsets from `start` to before `end`. */
export interface ItemPlace {
  readonly batch: RecordOrigin
  readonly start: number
  readonly end: number
}

/** Why the item may not be marked or committed any more; undefined: it may. */
export function endReasonOf({ batch, end }: ItemPlace): EndReason | undefined {
  return batch.owner.owned ? endOf(batch.era, end) : 'lost'
}

const whys: Record<EndReason, string> = {
  lost: 'the partition was revoked or lost after it was read, and another member may have it',
  sought: 'the position was moved after it was read',
  reset: 'the log lost it after it was read',
  recreated: 'the topic was deleted and created again after it was read',
}

/** For a transaction that commits the offset after the item. */
export function originAt(place: ItemPlace): Origin {
  const { batch, end } = place
  const { owner, leaderEpoch } = batch
  const { topic, partition, group } = owner
  return {
    ...{ topic, partition, leaderEpoch, group },
    nextOffset: end,
    assignment: owner,
    refusal: () => {
      const reason = endReasonOf(place)
      if (reason === undefined) return undefined
      const at = { topic, partition, offset: end - 1 }
      const message = `Cannot commit the offset of ${describePartition(at)}: ${whys[reason]}`
      return new KafkaError('INVALID_STATE', message, { topic, partition, outcome: 'not-written' })
    },
    claim: () => owner.claim(),
  }
}
