/** How a member stopped owning a partition; open: it still owns it. */
export type SpanEnd = 'revoked' | 'lost' | 'crashed' | 'open'

/** A time in which a member owned a partition, wall time. */
export interface OwnedSpan {
  readonly member: string
  /** As `topic-number`. */
  readonly place: string
  readonly fromMs: number
  /** Infinity while it is open. */
  readonly toMs: number
  readonly end: SpanEnd
}

let members = 0

/** What one member owned, and when. */
export class OwnedSpans {
  readonly member: string
  readonly #ended: OwnedSpan[] = []
  readonly #sinceMs = new Map<string, number>()

  constructor(label: string) {
    this.member = `${label} ${++members}`
  }

  get all(): readonly OwnedSpan[] {
    const open = [...this.#sinceMs].map(([place, fromMs]) =>
      this.#span(place, fromMs, Number.POSITIVE_INFINITY, 'open'),
    )
    return [...this.#ended, ...open]
  }

  gained(places: readonly string[], atMs: number): void {
    for (const place of places) if (!this.#sinceMs.has(place)) this.#sinceMs.set(place, atMs)
  }

  ended(places: readonly string[], atMs: number, end: SpanEnd): void {
    for (const place of places) {
      const fromMs = this.#sinceMs.get(place)
      if (fromMs === undefined) continue
      this.#sinceMs.delete(place)
      this.#ended.push(this.#span(place, fromMs, atMs, end))
    }
  }

  /** The process was killed. */
  crashed(atMs: number): void {
    this.ended([...this.#sinceMs.keys()], atMs, 'crashed')
  }

  #span(place: string, fromMs: number, toMs: number, end: SpanEnd): OwnedSpan {
    return { member: this.member, place, fromMs, toMs, end }
  }
}
