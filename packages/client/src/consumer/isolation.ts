import { type RecordBatch, readControlBatch } from '@ottla/codec/records'

export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: bigint
}

/** Detects the batches of aborted transactions in a fetch response, in log order. */
export class AbortedTransactions {
  /** In descending order, so that the next one is the last element. */
  readonly #pending: AbortedTransaction[]
  readonly #active = new Set<bigint>()

  /** Not every broker sorts the list. */
  constructor(list: readonly AbortedTransaction[]) {
    this.#pending = list.toSorted((a, b) => Number(b.firstOffset - a.firstOffset))
  }

  /** Whether to skip the batch, by its header alone. Must be called for every batch, including control batches. */
  excludes(batch: RecordBatch): boolean {
    if (!batch.isTransactional) return false
    const { lastOffset } = batch
    for (let next = this.#pending.at(-1); next !== undefined && next.firstOffset <= lastOffset; ) {
      this.#active.add(next.producerId)
      this.#pending.pop()
      next = this.#pending.at(-1)
    }
    if (batch.isControl) {
      if (readControlBatch(batch)?.type === 'abort') this.#active.delete(batch.producerId)
      return true
    }
    return this.#active.has(batch.producerId)
  }
}
