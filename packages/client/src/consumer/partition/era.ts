/**
 * Why records that were fetched before are no longer delivered. 'lost': the partition was revoked, lost or closed. 'sought': the
 * application moved the position. 'reset': the client moved it, because the log lost it. 'recreated': the topic is another one.
 */
export type EndReason = 'lost' | 'sought' | 'reset' | 'recreated'

/**
 * A time in which the records of a partition are delivered in one sequence. It ends where the position jumps or the partition is
 * given up: what was fetched in it is not delivered any more, and `validBelow` says which of its items still count.
 */
export class Era {
  #ended: EndReason | undefined
  #validBelow = Number.POSITIVE_INFINITY

  /** Undefined: it is the current one. */
  get ended(): EndReason | undefined {
    return this.#ended
  }

  /** Items that end at or before this offset can still be marked as processed. */
  get validBelow(): number {
    return this.#validBelow
  }

  end(reason: EndReason): void {
    this.#ended ??= reason
  }

  /** Items from `offset` on are no longer part of the log or of this consumer's assignment. */
  limit(offset: number, reason: EndReason): void {
    if (offset >= this.#validBelow) return
    this.#validBelow = offset
    this.#ended = reason
  }
}

/** The current era of a partition, and the earlier ones that still have valid items. */
export class Eras {
  #current = new Era()
  #earlier: readonly Era[] = none

  get current(): Era {
    return this.#current
  }

  /** Begins a new era. Items of the earlier ones stay valid before `validBelow`. */
  next(reason: EndReason, validBelow = 0): void {
    this.#current.end(reason)
    if (validBelow <= 0 && this.#earlier.length === 0) {
      this.#current.limit(0, reason)
      this.#current = new Era()
      return
    }
    const eras = [...this.#earlier, this.#current]
    for (const era of eras) era.limit(validBelow, reason)
    this.#earlier = validBelow > 0 ? eras.slice(-mostEarlier) : none
    for (const forgotten of eras.slice(0, -mostEarlier)) forgotten.limit(0, reason)
    this.#current = new Era()
  }
}

/** Resets without a seek in between; items of older ones can no longer be marked. */
const mostEarlier = 16

const none: readonly Era[] = []
