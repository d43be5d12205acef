/** An event with its due time. */
export interface Event {
  readonly atMs: number
  /** Orders events of the same instant. */
  readonly tie: number
  /** The order of creation, for events with the same time and tie. */
  readonly order: number
  readonly kind: number
  readonly callback: () => void
  /** Its index in the heap; -1: removed. */
  at: number
}

/** Events ordered by time. Removing the first or any other event takes O(log n). */
export class EventHeap {
  readonly #events: Event[] = []

  get size(): number {
    return this.#events.length
  }

  first(): Event | undefined {
    return this.#events[0]
  }

  push(event: Event): void {
    event.at = this.#events.length
    this.#events.push(event)
    this.#rise(event)
  }

  pop(): Event | undefined {
    const event = this.#events[0]
    if (event !== undefined) this.remove(event)
    return event
  }

  /** False when it was removed before. */
  remove(event: Event): boolean {
    const { at } = event
    if (at < 0) return false
    const last = this.#events.pop() as Event
    event.at = -1
    if (last === event) return true
    last.at = at
    this.#events[at] = last
    this.#rise(last)
    this.#sink(last)
    return true
  }

  clear(): void {
    for (const event of this.#events) event.at = -1
    this.#events.length = 0
  }

  *[Symbol.iterator](): Generator<Event> {
    yield* this.#events
  }

  #rise(event: Event): void {
    const events = this.#events
    let { at } = event
    while (at > 0) {
      const up = (at - 1) >>> 1
      const parent = events[up] as Event
      if (!isBefore(event, parent)) break
      events[at] = parent
      parent.at = at
      at = up
    }
    events[at] = event
    event.at = at
  }

  #sink(event: Event): void {
    const events = this.#events
    let { at } = event
    for (;;) {
      let down = 2 * at + 1
      if (down >= events.length) break
      if (down + 1 < events.length && isBefore(events[down + 1] as Event, events[down] as Event)) down++
      const child = events[down] as Event
      if (!isBefore(child, event)) break
      events[at] = child
      child.at = at
      at = down
    }
    events[at] = event
    event.at = at
  }
}

function isBefore(a: Event, b: Event): boolean {
  if (a.atMs !== b.atMs) return a.atMs < b.atMs
  return a.tie !== b.tie ? a.tie < b.tie : a.order < b.order
}
