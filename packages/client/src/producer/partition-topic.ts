import type { KafkaError, Outcome } from '../errors.ts'
import type { Compression } from './compression.ts'
import type { ProducerBatch } from './producer-batch.ts'

/** The topic of a partition. */
export interface PartitionTopic {
  readonly name: string
  readonly topicId: string | undefined
  /** Undefined: its batches are not compressed. */
  readonly compression: Compression | undefined
  /** A batch this large takes no more records. */
  readonly maxBatchBytes: number
  /** The broker rejected a batch of this size. */
  limitBatchBytes(bytes: number): void
  /** A batch begins: `maxBatchBytes` may grow again. */
  batchBegins(nowMs: number): void
}

/** What becomes of the batches of a partition that no longer exists. */
export interface Removal {
  mayMove(batch: ProducerBatch): boolean
  move(batch: ProducerBatch): void
  errorOf(outcome: Outcome): KafkaError
}
