const brand: unique symbol = Symbol.for('ottla.ByteBudget')

/** A consumer that holds bytes of a budget. */
interface BudgetUser {
  /** There is room again. */
  roomChanged(): void
  /** Consumers have joined or left: each has another part. */
  shareChanged(): void
}

/**
 * Fetched and decompressed bytes that several consumers hold together. Half of the budget is divided among them: each always has an equal
 * part of it, whatever the others do. The other half belongs to those that need it first.
 */
export class ByteBudget {
  readonly maxBytes: number
  readonly [brand] = true
  readonly #shares = new Set<BudgetShare>()
  /** Those that wait for room. */
  readonly #waiting = new Set<BudgetShare>()
  /** How much of the common half is used. */
  #commonBytes = 0
  #isDivided = false
  #isTelling = false

  /** @internal */
  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  /** What the consumers hold now. */
  get heldBytes(): number {
    let bytes = 0
    for (const share of this.#shares) bytes += share.heldBytes
    return bytes
  }

  /** Number of consumers that have started and are not closed. */
  get consumerCount(): number {
    return this.#shares.size
  }

  /** What each consumer has for itself. @internal */
  get guaranteedBytes(): number {
    return this.maxBytes / 2 / Math.max(1, this.#shares.size)
  }

  /**
   * How much of the common half one consumer may take with one fetch: several fetch at the same time, and none knows what the others will
   * receive. @internal
   */
  get freeBytes(): number {
    return Math.max(0, this.maxBytes / 2 - this.#commonBytes) / Math.max(1, this.#shares.size)
  }

  /** The consumers hold more than they may, because others have joined. @internal */
  get isExceeded(): boolean {
    return this.#commonBytes > this.maxBytes / 2
  }

  /** @internal */
  share(user: BudgetUser): BudgetShare {
    return new BudgetShare(this, user)
  }

  /** @internal */
  join(share: BudgetShare): void {
    this.#shares.add(share)
    this.#divide()
  }

  /** @internal */
  leave(share: BudgetShare): void {
    this.#waiting.delete(share)
    if (this.#shares.delete(share)) this.#divide()
  }

  /** A share holds another number of bytes. @internal */
  changed(before: number, now: number): void {
    const own = this.guaranteedBytes
    this.#commonBytes += Math.max(0, now - own) - Math.max(0, before - own)
    if (now < before) this.#tellSoon()
  }

  /** Calls the user of the share once there is more room. @internal */
  await(share: BudgetShare): void {
    if (this.#shares.size > 1) this.#waiting.add(share)
  }

  /** Another number of consumers: each has another part. */
  #divide(): void {
    const own = this.guaranteedBytes
    this.#commonBytes = 0
    for (const share of this.#shares) {
      this.#commonBytes += Math.max(0, share.heldBytes - own)
      this.#waiting.add(share)
    }
    this.#isDivided = true
    this.#tellSoon()
  }

  #tellSoon(): void {
    if (this.#isTelling || this.#waiting.size === 0) return
    this.#isTelling = true
    queueMicrotask(() => {
      this.#isTelling = false
      const isDivided = this.#isDivided
      this.#isDivided = false
      const waiting = [...this.#waiting]
      this.#waiting.clear()
      if (isDivided) for (const share of this.#shares) share.user.shareChanged()
      for (const share of waiting) share.user.roomChanged()
    })
  }
}

/** What one consumer holds of a budget. */
export class BudgetShare {
  readonly user: BudgetUser
  readonly #budget: ByteBudget
  #heldBytes = 0
  #isClosed = false

  constructor(budget: ByteBudget, user: BudgetUser) {
    this.#budget = budget
    this.user = user
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  /** The part that no other consumer uses. */
  get guaranteedBytes(): number {
    return this.#budget.guaranteedBytes
  }

  /** The most that the consumer may hold at the moment. */
  get limitBytes(): number {
    return Math.max(this.guaranteedBytes, this.#heldBytes) + this.#budget.freeBytes
  }

  /** It must give bytes back, for others that have joined. */
  get isExceeded(): boolean {
    return this.#budget.isExceeded && this.#heldBytes > this.guaranteedBytes
  }

  /** Holds more bytes, or fewer. */
  add(bytes: number): void {
    if (bytes === 0 || this.#isClosed) return
    const before = this.#heldBytes
    this.#heldBytes += bytes
    this.#budget.changed(before, this.#heldBytes)
  }

  /** The user is informed once there is more room. */
  await(): void {
    this.#budget.await(this)
  }

  open(): void {
    this.#budget.join(this)
  }

  /** What the consumer holds no longer counts. */
  close(): void {
    this.#isClosed = true
    this.#budget.leave(this)
  }
}

/** Also one of the other build of this package. */
export function isByteBudget(value: unknown): value is ByteBudget {
  return typeof value === 'object' && value !== null && (value as Partial<ByteBudget>)[brand] === true
}
