import type { RecordHeader } from '@ottla/codec/records'
import { textOf } from '../error-data.ts'
import { KafkaError } from '../errors.ts'
import type { Mutable } from '../mutable.ts'
import { handledResult } from '../runtime/deferred.ts'
import type { PartitionRecord } from './partition-record.ts'

/**
 * The input of a partitioner. Valid only during the call: the same object serves the next record. Copy what is needed later, or
 * take the properties from it.
 */
export interface PartitionerArgs {
  readonly topic: string
  readonly key: string | Uint8Array | null
  readonly value: string | Uint8Array | null
  readonly headers: readonly RecordHeader[]
  /** Partitions are numbered from 0 to `partitionCount - 1`. */
  readonly partitionCount: number
  /** Whether a partition has a leader at the moment. */
  readonly isAvailable: (partition: number) => boolean
}

/** Returns the partition of a record: an integer from 0 to `partitionCount - 1`. */
export type Partitioner = (args: PartitionerArgs) => number

const noHeaders: readonly RecordHeader[] = Object.freeze([])

/** The partitioner of the application, for the records of one topic. */
export class CustomPartitioner {
  readonly #partitioner: Partitioner
  readonly #topic: string
  readonly #isAvailable: (partition: number) => boolean
  /** Undefined during a call: the partitioner may send another record. */
  #args: Mutable<PartitionerArgs> | undefined

  constructor(partitioner: Partitioner, topic: string, isAvailable: (partition: number) => boolean) {
    this.#partitioner = partitioner
    this.#topic = topic
    this.#isAvailable = isAvailable
    this.#args = this.#newArgs()
  }

  /** Throws PARTITIONER_FAILED, also for a result that is no partition. */
  choose({ key, value, headers }: PartitionRecord, partitionCount: number): number {
    const partitioner = this.#partitioner
    const args = this.#args ?? this.#newArgs()
    this.#args = undefined
    args.key = key
    args.value = value
    args.headers = headers
    args.partitionCount = partitionCount
    let chosen: unknown
    try {
      chosen = partitioner(args)
    } catch (error) {
      throw failed(`The partitioner threw for topic '${this.#topic}': ${textOf(error)}`, this.#topic, error)
    } finally {
      args.key = null
      args.value = null
      args.headers = noHeaders
      this.#args = args
    }
    if (typeof chosen === 'number' && Number.isInteger(chosen) && chosen >= 0 && chosen < partitionCount) return chosen
    handledResult(chosen)
    const returned = typeof chosen === 'number' ? chosen : `a ${typeof chosen}`
    throw failed(
      `The partitioner returned ${returned} for topic '${this.#topic}': it must return an integer from 0 to ${partitionCount - 1}`,
      this.#topic,
    )
  }

  #newArgs(): Mutable<PartitionerArgs> {
    const none = { key: null, value: null, headers: noHeaders, partitionCount: 0 }
    return { topic: this.#topic, ...none, isAvailable: this.#isAvailable }
  }
}

function failed(message: string, topic: string, cause?: unknown): KafkaError {
  return new KafkaError('PARTITIONER_FAILED', message, { topic, outcome: 'not-written', cause })
}
