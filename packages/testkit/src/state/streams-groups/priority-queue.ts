/** A binary heap that breaks ties like Java's `PriorityQueue`. */
export class PriorityQueue<T> {
  readonly #items: T[] = []
  readonly #compare: (a: T, b: T) => number

  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare
  }

  get size(): number {
    return this.#items.length
  }

  add(item: T): void {
    const items = this.#items
    let at = items.length
    items.push(item)
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = items[parent] as T
      if (this.#compare(item, above) >= 0) break
      items[at] = above
      at = parent
    }
    items[at] = item
  }

  /** Removes and returns the smallest item; undefined when the queue is empty. */
  poll(): T | undefined {
    const items = this.#items
    const least = items[0]
    const last = items.pop()
    if (items.length === 0 || last === undefined) return least
    let at = 0
    while (at < items.length >> 1) {
      let child = 2 * at + 1
      const right = child + 1
      if (right < items.length && this.#compare(items[child] as T, items[right] as T) > 0) child = right
      const below = items[child] as T
      if (this.#compare(last, below) <= 0) break
      items[at] = below
      at = child
    }
    items[at] = last
    return least
  }
}
