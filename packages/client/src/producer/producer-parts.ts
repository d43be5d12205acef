import type { CodecSet } from '@ottla/codec/records'
import type { Runtime } from '@ottla/runtime'
import type { KafkaError } from '../errors.ts'
import type { BufferBudget } from './buffer-budget.ts'
import type { Compressor } from './compressor.ts'
import type { IdentityPolicy } from './identity.ts'
import type { ResolvedProducerOptions } from './options.ts'
import type { ProducerBatch } from './producer-batch.ts'
import type { ProducerObserver } from './producer-observer.ts'
import type { Division } from './split-batch.ts'
import type { WriterPool } from './writer-pool.ts'

/** A partition that can be made to wait before it sends again. */
export interface PausablePartition {
  readonly topic: { readonly name: string }
  readonly index: number
  /** How many attempts in a row have failed. */
  readonly failures: number
  schedule(): void
  /** Sends nothing before `atMs` (on `monoNow`). */
  retryAt(atMs: number): void
}

/** What the partitions of a producer share, and where they report what becomes of their batches. */
export interface ProducerParts {
  readonly options: ResolvedProducerOptions
  readonly runtime: Runtime
  readonly codecs: CodecSet
  readonly pool: WriterPool
  readonly observer: Pick<ProducerObserver, 'refused' | 'forget'>
  readonly compressor: Compressor
  readonly budget: BufferBudget
  /** Undefined without idempotence. */
  readonly identities: IdentityPolicy | undefined
  /** No batch may linger: a flush waits, or the buffer is full. */
  readonly isFlushing: boolean

  /** A batch is about to get its first record. */
  start(batch: ProducerBatch): void
  /** The result of a batch; without an error it is acknowledged. Only the first result of a batch counts. */
  settle(batch: ProducerBatch, error: KafkaError | undefined): void
  /** A batch continues as others: it is settled when they are. */
  divide(batch: ProducerBatch, division: Division): void

  /** The records of a batch are now in others: it has no deadline and no share of the buffer any more, and is settled when they are. */
  detach(batch: ProducerBatch): void

  /** Refreshes the metadata, and schedules the partition again after a pause. */
  leaderMissing(partition: PausablePartition): void
  /** Schedules the partition at that time on `monoNow`. */
  scheduleAt(partition: PausablePartition, atMs: number): void
  /** The pause before the next attempt, after this many failed ones, the last of which failed with `error`. */
  backoffMs(failures: number, error?: KafkaError): number
}
