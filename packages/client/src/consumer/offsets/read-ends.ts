import { describePartition, KafkaError } from '../../errors.ts'
import type { TopicPartition } from '../../group/membership.ts'
import type { PartitionOffset, TimestampPlace } from '../../group/offset-input.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import { PartitionMap } from '../partition/partition-map.ts'

/** Where reading ends: at the ends of the logs when it starts, before the first record of a time, or before these offsets. */
export type ReadEnd = 'end' | TimestampPlace | readonly Pick<PartitionOffset, 'topic' | 'partition' | 'offset'>[]

interface KnownEnd extends TopicPartition {
  readonly offset: number
}

/**
 * The offsets before which the reading of each partition ends. An end that was looked up is kept when the partition is given up and
 * assigned again; what the log loses lowers it.
 */
export class ReadEnds {
  /** What is looked up of partitions without an offset of their own. */
  readonly place: 'latest' | TimestampPlace
  readonly #given = new PartitionMap<KnownEnd>()
  readonly #found = new PartitionMap<KnownEnd>()
  /** Their end may be beyond the end of the log, and is looked up again. */
  readonly #doubtful = new WeakSet<AssignedPartition>()
  /** Was not at its end when it was looked at last. */
  #open: AssignedPartition | undefined

  constructor(until: ReadEnd) {
    this.place = typeof until === 'object' && 'timestamp' in until ? until : 'latest'
    if (typeof until !== 'object' || 'timestamp' in until) return
    for (const { topic, partition, offset } of until) this.#given.set({ topic, partition, offset: Number(offset) })
  }

  /** Limits the partition, as far as its end is known. False: it has to be looked up. */
  apply(partition: AssignedPartition): boolean {
    const known = this.#given.get(partition) ?? this.#found.get(partition)
    if (known === undefined || this.#doubtful.has(partition)) return false
    partition.limitTo(known.offset)
    return true
  }

  /** The end was looked up. It never moves up. */
  found(partition: AssignedPartition, offset: number): void {
    this.#doubtful.delete(partition)
    const { topic, partition: index } = partition
    const before = this.#found.get(partition)?.offset ?? Number.POSITIVE_INFINITY
    this.#found.set({ topic, partition: index, offset: Math.min(before, offset) })
    this.apply(partition)
  }

  /** The log was cut at this offset: what is appended there now was not part of it. */
  cut(partition: AssignedPartition, offset: number): void {
    if (this.#given.get(partition) === undefined) this.found(partition, offset)
  }

  /** The log lost the position: it may end before the known end. */
  doubt(partition: AssignedPartition): void {
    if (this.#given.get(partition) === undefined) this.#doubtful.add(partition)
  }

  /** Whether each of these partitions is at its end. */
  isReached(partitions: ReadonlySet<AssignedPartition>): boolean {
    if (this.#open !== undefined && partitions.has(this.#open) && !this.#open.isAtEnd) return false
    for (const partition of partitions) {
      if (partition.isAtEnd) continue
      this.#open = partition
      return false
    }
    this.#open = undefined
    return true
  }
}

/** Its records are those of another topic now. */
export function replacedError({ topic, partition }: TopicPartition): KafkaError {
  const place = { topic, partition }
  const message = `Reading ${describePartition(place)} until its end failed: the topic was deleted and created again`
  return new KafkaError('UNKNOWN_TOPIC_ID', message, { ...place, hint: 'Read the new topic with another consumer.' })
}
