const leastSlots = 8

/** A queue with more slots than this shrinks again once most of them are empty. */
const mostSlotsKept = 8192

/**
 * A first-in, first-out queue in a ring of slots. Adding at the end, and adding or removing at the front, costs constant time
 * and allocates nothing per item. `undefined` cannot be an item.
 */
export class Queue<T> {
  // The number of slots is a power of two, so that a position wraps around with a mask.
  #slots: (T | undefined)[] = emptySlots(leastSlots)
  #head = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  push(item: T): void {
    if (this.#size === this.#slots.length) this.#resize(this.#size + 1)
    this.#slots[(this.#head + this.#size) & (this.#slots.length - 1)] = item
    this.#size++
  }

  /** The first item, which stays in the queue. */
  peek(): T | undefined {
    return this.#slots[this.#head]
  }

  shift(): T | undefined {
    if (this.#size === 0) return undefined
    const slots = this.#slots
    const item = slots[this.#head]
    slots[this.#head] = undefined
    this.#head = (this.#head + 1) & (slots.length - 1)
    this.#size--
    if (this.#head === 0 && slots.length > mostSlotsKept) this.#shrink()
    return item
  }

  /** Puts items before all others, in the order of the list. */
  unshift(items: readonly T[]): void {
    if (this.#size + items.length > this.#slots.length) this.#resize(this.#size + items.length)
    this.#head = (this.#head - items.length) & (this.#slots.length - 1)
    this.#size += items.length
    for (let at = 0; at < items.length; at++) this.#slots[(this.#head + at) & (this.#slots.length - 1)] = items[at]
  }

  /** Puts another item in the place of one; false: that is not in the queue. */
  replace(item: T, other: T): boolean {
    for (let at = 0; at < this.#size; at++) {
      const slot = (this.#head + at) & (this.#slots.length - 1)
      if (this.#slots[slot] !== item) continue
      this.#slots[slot] = other
      return true
    }
    return false
  }

  /** Removes one item, in constant time if it is the first; false when it is not in the queue. */
  remove(item: T): boolean {
    for (let at = 0; at < this.#size; at++) {
      if (this.#slots[(this.#head + at) & (this.#slots.length - 1)] !== item) continue
      // The items before it move by one slot, so that the first one becomes free.
      for (let to = at; to > 0; to--) {
        this.#slots[(this.#head + to) & (this.#slots.length - 1)] =
          this.#slots[(this.#head + to - 1) & (this.#slots.length - 1)]
      }
      this.shift()
      return true
    }
    return false
  }

  /** Removes all items; returns them, first to last. */
  drain(): T[] {
    const items = [...this]
    this.#size = 0
    this.#resize(0)
    return items
  }

  /** Keeps the items that pass the test; their order does not change. */
  keep(test: (item: T) => boolean): void {
    for (const item of this.drain()) if (test(item)) this.push(item)
  }

  *[Symbol.iterator](): Generator<T> {
    for (let at = 0; at < this.#size; at++) yield this.#slots[(this.#head + at) & (this.#slots.length - 1)] as T
  }

  /** Called once per round through the slots, so that it adds no cost per item. */
  #shrink(): void {
    if (this.#size < this.#slots.length / 8) this.#resize(this.#size)
  }

  #resize(needed: number): void {
    let length = leastSlots
    while (length < needed) length *= 2
    const slots = emptySlots<T>(length)
    for (let at = 0; at < this.#size; at++) slots[at] = this.#slots[(this.#head + at) & (this.#slots.length - 1)]
    this.#slots = slots
    this.#head = 0
  }
}

function emptySlots<T>(count: number): (T | undefined)[] {
  return new Array<T | undefined>(count).fill(undefined)
}
