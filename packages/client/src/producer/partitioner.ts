import type { RecordHeader } from '@ottla/codec/records'
import { textOf } from '../error-data.ts'
import { KafkaError } from '../errors.ts'
import { handledResult } from '../runtime/deferred.ts'

/** The input of a partitioner. */
export interface PartitionerArgs {
  readonly topic: string
  readonly key: string | Uint8Array | null
  readonly value: string | Uint8Array | null
  readonly headers: readonly RecordHeader[]
  /** Partitions are numbered from 0 to `partitionCount - 1`. */
  readonly partitionCount: number
  /** Whether a partition has a leader at the moment. */
  isAvailable(partition: number): boolean
}

/** Returns the partition of a record: an integer from 0 to `partitionCount - 1`. */
export type Partitioner = (args: PartitionerArgs) => number

/** Calls the partitioner of the application and checks its result; throws PARTITIONER_FAILED. */
export function callPartitioner(partitioner: Partitioner, args: PartitionerArgs): number {
  let chosen: unknown
  try {
    chosen = partitioner(args)
  } catch (error) {
    throw failed(`The partitioner threw for topic '${args.topic}': ${textOf(error)}`, args.topic, error)
  }
  const { partitionCount } = args
  if (typeof chosen === 'number' && Number.isInteger(chosen) && chosen >= 0 && chosen < partitionCount) return chosen
  handledResult(chosen)
  const returned = typeof chosen === 'number' ? chosen : `a ${typeof chosen}`
  throw failed(
    `The partitioner returned ${returned} for topic '${args.topic}': it must return an integer from 0 to ${partitionCount - 1}`,
    args.topic,
  )
}

function failed(message: string, topic: string, cause?: unknown): KafkaError {
  return new KafkaError('PARTITIONER_FAILED', message, { topic, outcome: 'not-written', cause })
}

/**
 * The next partition for records without a key (KIP-480, KIP-794): of two random partitions the one with fewer waiting bytes, so
 * that a slow broker receives fewer records. Not `current` if there is another, not one without a leader if there is one with a
 * leader. `load` returns the waiting bytes, or -1 without a leader.
 */
export function pickSticky(
  partitionCount: number,
  current: number,
  load: (partition: number) => number,
  random: () => number,
): number {
  if (partitionCount <= 1) return 0
  const first = pickOne(partitionCount, current, load, random)
  const second = pickOne(partitionCount, current, load, random)
  const firstLoad = load(first)
  const secondLoad = load(second)
  if (firstLoad < 0) return second
  return secondLoad >= 0 && secondLoad < firstLoad ? second : first
}

function pickOne(count: number, current: number, load: (partition: number) => number, random: () => number): number {
  // The current partition is no candidate.
  const choices = current < 0 ? count : count - 1
  const start = Math.floor(random() * choices)
  for (let step = 0; step < choices; step++) {
    const at = (start + step) % choices
    const partition = current >= 0 && at >= current ? at + 1 : at
    if (load(partition) >= 0) return partition
  }
  if (current >= 0 && load(current) >= 0) return current
  return current >= 0 && start >= current ? start + 1 : start
}
