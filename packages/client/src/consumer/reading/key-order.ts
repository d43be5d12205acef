import { hashOfKey, type KeyedItem } from './keyed-item.ts'

/**
 * The items of one partition by their key: of each key the first one may be processed, the others wait in order. Keys are compared by
 * their bytes, found by a hash, and not copied: the first item has them.
 */
export class KeyOrder {
  /** By hash; several keys with one hash are linked by `collision`. */
  readonly #first = new Map<number, KeyedItem>()

  /** Adds the latest item of its key. True: it is the first one. */
  add(item: KeyedItem): boolean {
    item.hash = hashOfKey(item)
    const chain = this.#first.get(item.hash)
    for (let first = chain; first !== undefined; first = first.collision) {
      if (!first.hasKeyOf(item)) continue
      const before = first.last ?? first
      before.next = item
      first.last = item
      return false
    }
    item.collision = chain
    this.#first.set(item.hash, item)
    return true
  }

  /** Removes the first item of its key. Returns the one after it, which is the first one now. */
  remove(item: KeyedItem): KeyedItem | undefined {
    const { next, collision, last } = item
    item.next = undefined
    item.last = undefined
    item.collision = undefined
    if (next !== undefined) {
      next.collision = collision
      next.last = last === next ? undefined : last
    }
    this.#replace(item, next ?? collision)
    return next
  }

  /** Removes those that wait behind the first one of their key and are no longer valid. */
  *prune(): Generator<KeyedItem> {
    for (const chain of this.#first.values()) {
      for (let first: KeyedItem | undefined = chain; first !== undefined; first = first.collision) {
        yield* pruneBehind(first)
      }
    }
  }

  /** All items: of each key in order. */
  *[Symbol.iterator](): Generator<KeyedItem> {
    for (const chain of this.#first.values()) {
      for (let first: KeyedItem | undefined = chain; first !== undefined; first = first.collision) {
        for (let item: KeyedItem | undefined = first; item !== undefined; item = item.next) yield item
      }
    }
  }

  #replace(item: KeyedItem, by: KeyedItem | undefined): void {
    const chain = this.#first.get(item.hash)
    if (chain === item) {
      if (by === undefined) this.#first.delete(item.hash)
      else this.#first.set(item.hash, by)
      return
    }
    for (let before = chain; before !== undefined; before = before.collision) {
      if (before.collision !== item) continue
      before.collision = by
      return
    }
  }
}

function* pruneBehind(first: KeyedItem): Generator<KeyedItem> {
  let before = first
  for (let item = first.next; item !== undefined; item = before.next) {
    if (item.isValid) {
      before = item
      continue
    }
    before.next = item.next
    item.next = undefined
    yield item
  }
  first.last = before === first ? undefined : before
}
