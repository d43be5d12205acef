import { type RecordBatch, readControlBatch } from '@ottla/codec/records'

/**
 * The transactions of a log range below the last stable offset, for compaction: records of aborted transactions are removed,
 * and a marker is removed when no record of its transaction is left. A marker ends everything its producer wrote since the
 * producer's previous marker.
 */
export class CleanedTransactions {
  readonly #aborted = new Set<bigint>()
  readonly #markersWithRecords = new Set<bigint>()

  constructor(batches: readonly RecordBatch[]) {
    const open = new Map<bigint, RecordBatch[]>()
    for (const batch of batches) {
      const { producerId, isControl, isTransactional } = batch
      if (isControl) {
        this.#end(batch, open.get(producerId) ?? [])
        open.delete(producerId)
      } else if (isTransactional) {
        const written = open.get(producerId)
        if (written === undefined) open.set(producerId, [batch])
        else written.push(batch)
      }
    }
  }

  isAborted({ baseOffset }: RecordBatch): boolean {
    return this.#aborted.has(baseOffset)
  }

  /** True for the records of an aborted transaction, and for a marker whose transaction has no records left. */
  canDiscard(batch: RecordBatch): boolean {
    return batch.isControl ? !this.#markersWithRecords.has(batch.baseOffset) : this.isAborted(batch)
  }

  #end(marker: RecordBatch, written: readonly RecordBatch[]): void {
    if (written.length > 0) this.#markersWithRecords.add(marker.baseOffset)
    if (readControlBatch(marker)?.type !== 'abort') return
    for (const { baseOffset } of written) this.#aborted.add(baseOffset)
  }
}
