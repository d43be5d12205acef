import type { Call } from './calls.ts'
import type { PartitionRecord } from './partition-record.ts'
import type { ProducerBatch } from './producer-batch.ts'

/** Not counted: a small `maxBufferedBytes` limits the data, not the objects around it. */
export const freeOverheadBytes = 1 << 20

// Measured as RSS on Node 20. Data is counted by itself.
/** A batch, its result and deadlines, and the least buffer of a writer. */
const batchOverheadBytes = 2_048
/** A record that waits until its topic is known. */
const waitingOverheadBytes = 640
/** A topic with such records, and its look-up. */
const lookupOverheadBytes = 8_192

/** The memory of all records that are accepted and not settled: their data, and beyond 1 MiB the objects around it. */
export class BufferBudget {
  readonly #maxBytes: number
  #dataBytes = 0
  #overheadBytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get usedBytes(): number {
    return this.#dataBytes + Math.max(0, this.#overheadBytes - freeOverheadBytes)
  }

  /** Below the limit one more record is accepted, whatever its size. */
  get hasSpace(): boolean {
    return this.usedBytes < this.#maxBytes
  }

  begin(batch: ProducerBatch): void {
    this.#addOverhead(batch, batchOverheadBytes)
  }

  /** Data of a batch: its records, and again when it was compressed. */
  add(batch: ProducerBatch, bytes: number): void {
    batch.chargedBytes += bytes
    batch.partition.addLoad(bytes)
    this.#dataBytes += bytes
  }

  /** A record of the call was appended to the batch. */
  addCall(batch: ProducerBatch, call: Call): void {
    this.#addOverhead(batch, call.overheadBytes)
  }

  /** The batch is settled, or its records are in others. */
  remove(batch: ProducerBatch): void {
    this.#dataBytes -= batch.chargedBytes
    this.#overheadBytes -= batch.overheadBytes
    batch.partition.addLoad(-batch.chargedBytes)
    batch.chargedBytes = 0
    batch.overheadBytes = 0
  }

  /** A record waits until its topic is known, as one of `waiting`. */
  addWaiting(record: PartitionRecord, call: Call | undefined, waiting: number): void {
    this.#dataBytes += record.sizeBound
    this.#overheadBytes += waitingOverhead(call, waiting === 1)
  }

  /** It no longer waits; `left` records of the topic do. */
  removeWaiting(record: PartitionRecord, call: Call | undefined, left: number): void {
    this.#dataBytes -= record.sizeBound
    this.#overheadBytes -= waitingOverhead(call, left === 0)
  }

  #addOverhead(batch: ProducerBatch, bytes: number): void {
    batch.overheadBytes += bytes
    this.#overheadBytes += bytes
  }
}

function waitingOverhead(call: Call | undefined, isLookup: boolean): number {
  return waitingOverheadBytes + (call?.overheadBytes ?? 0) + (isLookup ? lookupOverheadBytes : 0)
}
