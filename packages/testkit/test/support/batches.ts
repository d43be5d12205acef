import { BatchWriter, RecordBatchReader, type SealFields } from '@ottla/codec/records'

export interface BatchOptions extends Partial<SealFields> {
  readonly timestamp?: number
  /** Null for records without a key. */
  readonly key?: string | null
}

/** A sealed batch with these values. */
export function batchOf(values: readonly string[], { timestamp = Date.now(), key = 'k', ...seal }: BatchOptions = {}) {
  const writer = new BatchWriter()
  for (const value of values) writer.append(timestamp, key, value, [])
  return writer.seal({ producerId: -1n, producerEpoch: -1, baseSequence: -1, ...seal })
}

export interface ReadRecord {
  readonly offset: number
  readonly epoch: number
  readonly value: string
}

/** The records of uncompressed batches. */
export function recordsOf(bytes: Uint8Array | null): ReadRecord[] {
  const found: ReadRecord[] = []
  const reader = new RecordBatchReader(bytes ?? new Uint8Array(0))
  for (let batch = reader.next(); batch !== undefined; batch = reader.next()) {
    if (!batch.verifyCrc()) throw new Error(`The batch at offset ${batch.baseOffset} is corrupt`)
    const cursor = batch.records()
    while (cursor.next()) {
      const value = Buffer.from(
        cursor.bytes.subarray(cursor.valueStart, cursor.valueStart + cursor.valueLength),
      ).toString()
      found.push({ offset: Number(batch.baseOffset) + cursor.offsetDelta, epoch: batch.partitionLeaderEpoch, value })
    }
  }
  return found
}
