import { type RecordBatch, readControlBatch } from '@ottla/codec/records'

export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: bigint
}

/** Tells which batches of a fetch answer belong to aborted transactions, while they are walked in order. */
export class AbortedTransactions {
  /** The next one last. */
  readonly #pending: AbortedTransaction[]
  readonly #active = new Set<bigint>()

  /** Not every broker sorts the list. */
  constructor(list: readonly AbortedTransaction[]) {
    this.#pending = list.toSorted((a, b) => Number(b.firstOffset - a.firstOffset))
  }

  /** Whether the batch is to be left out; decided by its header alone. To be asked about every batch, control batches too. */
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
