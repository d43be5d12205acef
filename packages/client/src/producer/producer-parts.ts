import type { CodecSet } from '@ottla/codec/records'
import type { Runtime } from '@ottla/runtime'
import type { KafkaError } from '../errors.ts'
import type { ResolvedProducerOptions } from './options.ts'
import type { PartitionBuffer } from './partition-buffer.ts'
import type { ProducerBatch } from './producer-batch.ts'
import type { ProducerIdentities } from './producer-id.ts'
import type { WriterPool } from './writer-pool.ts'

/** What the partitions of a producer share, and whom they tell what happens to their batches. */
export interface ProducerParts {
  readonly options: ResolvedProducerOptions
  readonly runtime: Runtime
  readonly codecs: CodecSet
  readonly pool: WriterPool
  /** Undefined without idempotence. */
  readonly identities: ProducerIdentities | undefined
  /** Nobody may linger: a flush waits, or the buffer is full. */
  readonly isFlushing: boolean

  /** Bytes were accepted. */
  charge(bytes: number): void
  /** A batch has its first record. */
  began(batch: ProducerBatch): void
  /** What a batch came to; without an error it was delivered. The first word counts. */
  settle(batch: ProducerBatch, error: KafkaError | undefined): void
  /** A batch goes on as parts: it is settled when they are. */
  splitInto(batch: ProducerBatch, parts: readonly ProducerBatch[]): void

  /** Asks for metadata, and touches the partition again later. */
  leaderMissing(partition: PartitionBuffer): void
  /** Touches the partition at that time on `monoNow`. */
  wakeLater(partition: PartitionBuffer, atMs: number): void
  /** The pause before another attempt, after so many in vain. */
  backoffMs(failures: number): number
}
