import type { Runtime } from '@ottla/runtime'
import type { Mutable } from '../mutable.ts'
import { type Choice, chooseAdaptively } from './adaptive-choice.ts'
import type { ResolvedProducerOptions } from './options.ts'
import type { PartitionBuffer } from './partition-buffer.ts'
import type { PartitionRecord } from './partition-record.ts'
import { type PartitionRule, partitionRules } from './partition-rules.ts'
import { CustomPartitioner } from './partitioner.ts'
import type { ProducerBatch } from './producer-batch.ts'

/** The least size of a batch that the weights of partitions assume. */
const smallestBatchBytes = 64

/** Chooses the partition of each record of a topic that names none. */
export class TopicPartitioner {
  readonly #partitions: readonly PartitionBuffer[]
  readonly #runtime: Runtime
  readonly #custom: CustomPartitioner | undefined
  readonly #rule: PartitionRule
  /** The batch that records without a key join, until it is sent or full. */
  #sticky: PartitionBuffer | undefined
  #stickyBatch: ProducerBatch | undefined
  /** The partition of the last record is the sticky one. */
  #choseSticky = false
  /** The last one of a round robin; -1: none. */
  #lastTurn = -1
  readonly #choice: Mutable<Choice>

  /** `partitions`: index = partition; the topic changes them. */
  constructor(
    topic: string,
    partitions: readonly PartitionBuffer[],
    { partitioner }: ResolvedProducerOptions,
    runtime: Runtime,
  ) {
    this.#partitions = partitions
    this.#runtime = runtime
    const isAvailable = (partition: number) => partitions[partition]?.sink !== undefined
    this.#custom =
      typeof partitioner === 'function' ? new CustomPartitioner(partitioner, topic, isAvailable) : undefined
    this.#rule = partitionRules[typeof partitioner === 'function' ? 'murmur2' : partitioner]
    this.#choice = {
      partitionCount: 0,
      current: -1,
      batchBytes: smallestBatchBytes,
      nowMs: 0,
      leaderOf: (partition) => partitions[partition]?.sink,
      random: () => runtime.random(),
    }
  }

  /** Throws PARTITIONER_FAILED. */
  partitionFor(record: PartitionRecord): PartitionBuffer {
    const partitions = this.#partitions
    this.#choseSticky = false
    if (this.#custom !== undefined) return partitions[this.#custom.choose(record, partitions.length)]!
    const { hashOf, otherwise } = this.#rule
    const hash = record.key === null ? -1 : hashOf(record.key)
    if (hash >= 0) return partitions[hash % partitions.length]!
    return otherwise === 'sticky' ? this.#stickyFor(record.sizeBound) : this.#nextTurn()
  }

  /** Fills one batch at a time: another partition is chosen when the batch is sent or full. */
  #stickyFor(sizeBound: number): PartitionBuffer {
    this.#choseSticky = true
    const current = this.#sticky
    const batch = this.#stickyBatch
    if (current !== undefined && batch !== undefined && current.open === batch && current.fits(sizeBound))
      return current
    const choice = this.#choice
    choice.partitionCount = this.#partitions.length
    choice.current = current?.index ?? -1
    choice.batchBytes = Math.max(smallestBatchBytes, batch?.chargedBytes ?? 0)
    choice.nowMs = this.#runtime.monoNow()
    this.#sticky = this.#partitions[chooseAdaptively(choice)]!
    return this.#sticky
  }

  /** The record was appended to the open batch of that partition: if it is the sticky one, the next record may join it. */
  appended({ open }: PartitionBuffer): void {
    if (this.#choseSticky) this.#stickyBatch = open
  }

  /** The topic has fewer partitions now. */
  forgetSticky(): void {
    this.#sticky = undefined
  }

  /** The next partition that has a leader; the next one if none has. */
  #nextTurn(): PartitionBuffer {
    const partitions = this.#partitions
    const { length } = partitions
    // Producers that start at the same time start at different partitions.
    const last = this.#lastTurn < 0 ? Math.floor(this.#runtime.random() * length) : this.#lastTurn
    let turn = (last + 1) % length
    for (let step = 0; step < length && partitions[turn]?.sink === undefined; step++) turn = (turn + 1) % length
    this.#lastTurn = turn
    return partitions[turn]!
  }
}
