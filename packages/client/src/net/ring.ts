/** A first-in-first-out queue in a circle of slots: no shifting of arrays, no object an entry. */
export class Ring<T> {
  #slots: (T | undefined)[] = new Array(8).fill(undefined)
  #head = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  push(item: T): void {
    if (this.#size === this.#slots.length) this.#grow()
    this.#slots[(this.#head + this.#size) & (this.#slots.length - 1)] = item
    this.#size++
  }

  peek(): T | undefined {
    return this.#slots[this.#head]
  }

  shift(): T | undefined {
    if (this.#size === 0) return undefined
    const item = this.#slots[this.#head]
    this.#slots[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#slots.length - 1)
    this.#size--
    return item
  }

  /** Takes all items out, first to last. */
  drain(): T[] {
    const items: T[] = []
    for (let item = this.shift(); item !== undefined; item = this.shift()) items.push(item)
    return items
  }

  /** Keeps the items that pass, in their order. */
  keep(passes: (item: T) => boolean): void {
    for (const item of this.drain()) if (passes(item)) this.push(item)
  }

  *[Symbol.iterator](): Generator<T> {
    for (let i = 0; i < this.#size; i++) yield this.#slots[(this.#head + i) & (this.#slots.length - 1)] as T
  }

  #grow(): void {
    const items = this.drain()
    this.#slots = new Array(this.#slots.length * 2).fill(undefined)
    this.#head = 0
    for (const item of items) this.push(item)
  }
}
