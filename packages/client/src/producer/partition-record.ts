import type { RecordHeader } from '@ottla/codec/records'
import type { ProducerBatch } from './producer-batch.ts'

/** A record, ready to be appended to a batch. */
export interface PartitionRecord {
  readonly key: string | Uint8Array | null
  readonly value: string | Uint8Array | null
  readonly headers: readonly RecordHeader[]
  readonly timestampMs: number
  /** The most bytes that it can take in a batch. */
  readonly sizeBound: number
  /** On `monoNow`, of a record that waited for its topic or for space; undefined: now. */
  readonly acceptedMs?: number | undefined
}

/** The batch would settle the record too late. */
export function isOlder({ acceptedMs }: PartitionRecord, { createdMs }: ProducerBatch): boolean {
  return acceptedMs !== undefined && acceptedMs < createdMs
}
