import { type RecordBatch, readControlBatch } from '@ottla/codec/records'

/**
 * What the markers in a stretch of log that is decided say of its transactions: records of aborted ones go, and a marker goes
 * when nothing of its transaction is left. Each marker ends what its producer wrote since the one before.
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

  /** True for the records of an aborted transaction, and for a marker that nothing needs. */
  canDiscard(batch: RecordBatch): boolean {
    return batch.isControl ? !this.#markersWithRecords.has(batch.baseOffset) : this.isAborted(batch)
  }

  #end(marker: RecordBatch, written: readonly RecordBatch[]): void {
    if (written.length > 0) this.#markersWithRecords.add(marker.baseOffset)
    if (readControlBatch(marker)?.type !== 'abort') return
    for (const { baseOffset } of written) this.#aborted.add(baseOffset)
  }
}
