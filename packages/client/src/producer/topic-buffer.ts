import { noTopicId, type TopicInfo } from '../cluster/topology.ts'
import { KafkaError, noSuchPartition, type Outcome } from '../errors.ts'
import { Queue } from '../runtime/queue.ts'
import type { Call } from './calls.ts'
import { type Compression, compressionOf } from './compression.ts'
import { distributeAgain } from './distribute-again.ts'
import type { Generation } from './flush-barrier.ts'
import { PartitionBuffer } from './partition-buffer.ts'
import type { PartitionRecord } from './partition-record.ts'
import type { ProducerParts } from './producer-parts.ts'
import { TopicPartitioner } from './topic-partitioner.ts'

/** A record whose partition is not known yet. */
export interface AwaitingRecord extends PartitionRecord {
  readonly acceptedMs: number
  readonly partition: number | undefined
  readonly call: Call | undefined
  readonly position: number
  readonly generation: Generation
}

/** Batches are not split below this size. */
const smallestBatchBytes = 1024

/** The limit of a broker may have been raised: after this, batches twice as large are tried. */
const largerBatchAfterMs = 60_000

/**
 * A topic's partitions, and the choice of the partition for each record. Its sequence numbers live with it: a topic that is missing
 * from the metadata for a moment must not start from 0 again.
 */
export class TopicBuffer {
  readonly name: string
  readonly compression: Compression | undefined
  readonly #parts: ProducerParts
  /** Index = partition. */
  readonly partitions: PartitionBuffer[] = []
  /** In the order of acceptance, while the partitions are unknown. */
  readonly awaiting = new Queue<AwaitingRecord>()
  /** The partitions are known. Otherwise records wait in `awaiting`. */
  known = false
  /** Its metadata is being looked up, for the records in `awaiting`; until then it is not forgotten. */
  lookingUp = false
  /** Since when the topic has been missing from the metadata; undefined while it is not. */
  missingSinceMs: number | undefined
  info: TopicInfo | undefined
  maxBatchBytes: number
  /** When the limit changed last, on `monoNow`. */
  #limitedMs = 0
  /** When a batch began last, or the topic was used first, on `monoNow`. */
  usedMs: number
  readonly #partitioner: TopicPartitioner

  constructor(name: string, parts: ProducerParts) {
    this.name = name
    this.#parts = parts
    this.compression = compressionOf(name, parts.options, parts.codecs)
    this.maxBatchBytes = parts.options.maxBatchBytes
    this.usedMs = parts.runtime.monoNow()
    this.#partitioner = new TopicPartitioner(name, this.partitions, parts.options, parts.runtime)
  }

  /** Whether no record of it waits or is in flight. */
  get isEmpty(): boolean {
    return this.awaiting.size === 0 && !this.lookingUp && this.partitions.every(({ isEmpty }) => isEmpty)
  }

  get topicId(): string | undefined {
    const id = this.info?.topicId
    return id === noTopicId ? undefined : id
  }

  /** Applies new metadata, except for the leaders: LeaderTracker sets them. */
  update(info: TopicInfo): void {
    const before = this.topicId
    this.info = info
    this.missingSinceMs = undefined
    while (this.partitions.length < info.partitions.length) {
      this.partitions.push(new PartitionBuffer(this, this.partitions.length, this.#parts))
    }
    const recreated = before !== undefined && this.topicId !== undefined && before !== this.topicId
    if (this.partitions.length > info.partitions.length) this.#removeBeyond(info.partitions.length, recreated)
    if (!recreated) return
    // Another topic of the same name: its logs are new.
    for (const partition of this.partitions) partition.startOver()
  }

  /** Another topic of the same name has fewer partitions: the records in the others are distributed by the new number. */
  #removeBeyond(count: number, recreated: boolean): void {
    this.#partitioner.forgetSticky()
    for (const partition of this.partitions.splice(count)) {
      const { index } = partition
      partition.remove({
        // What the old topic may have was deleted with it. Without topic ids it is not certain that there is another topic.
        mayMove: (batch) => !batch.explicit && (recreated || !batch.maybeWritten),
        move: (batch) => distributeAgain(batch, this, this.#parts),
        errorOf: (outcome) => noPartitionError(this.name, index, count, outcome),
      })
    }
  }

  /** Whether the cached metadata lacks the partition that a record names. */
  lacks(wanted: number | undefined): boolean {
    return wanted !== undefined && wanted >= this.partitions.length
  }

  /** Removes the waiting records of a call, and returns them. */
  takeAwaiting(call: Call): AwaitingRecord[] {
    const taken: AwaitingRecord[] = []
    if (this.awaiting.size === 0) return taken
    this.awaiting.keep((entry) => entry.call !== call || taken.push(entry) === 0)
    return taken
  }

  /** Whether a record can be appended now. One that names its partition does not overtake those that wait for theirs. */
  isOpenTo(wanted: number | undefined): boolean {
    return this.known && (wanted === undefined || (this.awaiting.size === 0 && wanted < this.partitions.length))
  }

  /** The broker rejected a batch of this size. */
  limitBatchBytes(bytes: number): void {
    this.maxBatchBytes = Math.max(smallestBatchBytes, Math.min(this.maxBatchBytes, Math.ceil(bytes / 2)))
    this.#limitedMs = this.#parts.runtime.monoNow()
  }

  /** Tries larger batches again some time after the broker has rejected one. */
  batchBegins(nowMs: number): void {
    this.usedMs = nowMs
    const { maxBatchBytes } = this.#parts.options
    if (this.maxBatchBytes === maxBatchBytes) return
    const steps = Math.floor((nowMs - this.#limitedMs) / largerBatchAfterMs)
    if (steps < 1) return
    this.maxBatchBytes = Math.min(maxBatchBytes, this.maxBatchBytes * 2 ** steps)
    this.#limitedMs = nowMs
  }

  /** The partition of a record. Throws for a partition that does not exist, and PARTITIONER_FAILED. */
  partitionFor(record: PartitionRecord, wanted: number | undefined): PartitionBuffer {
    if (wanted === undefined) return this.#partitioner.partitionFor(record)
    return this.partitions[wanted] ?? this.#noSuchPartition(wanted)
  }

  /** A record that names no partition was appended to this one. */
  appended(partition: PartitionBuffer): void {
    this.#partitioner.appended(partition)
  }

  #noSuchPartition(wanted: number): never {
    throw noPartitionError(this.name, wanted, this.partitions.length, 'not-written')
  }
}

function noPartitionError(topic: string, partition: number, count: number, outcome: Outcome): KafkaError {
  const message = noSuchPartition({ topic, partition }, count)
  return new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', message, { topic, partition, retriable: true, outcome })
}
