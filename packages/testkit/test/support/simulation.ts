import type { Runtime, Timer } from '@ottla/runtime'

interface Event {
  readonly atMs: number
  readonly tie: number
  readonly run: () => void
  isCancelled: boolean
}

/** xorshift32: random enough for choices, and the same on every machine. */
export function seeded(seed: number): () => number {
  let state = (seed * 2_654_435_761) >>> 0 || 1
  return () => {
    state ^= state << 13
    state >>>= 0
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state / 4_294_967_296
  }
}

/** Time that moves only by `step`, and randomness from a seed: deferred callbacks run in random order, some of them late. */
export class SimulatedTime {
  readonly runtime: Runtime
  readonly random: () => number
  #events: Event[] = []
  #nowMs = 0

  constructor(seed: number) {
    this.random = seeded(seed)
    const now = () => 1_700_000_000_000 + this.#nowMs
    this.runtime = {
      wallNow: now,
      monoNow: () => this.#nowMs,
      tickNow: now,
      setTimer: (run, delayMs) => this.#add(run, delayMs) as unknown as Timer,
      clearTimer: (timer) => {
        ;(timer as unknown as Event).isCancelled = true
      },
      defer: (run) => void this.#add(run, this.random() < 0.8 ? 0 : this.random() * 20),
      work: async (job) => job(),
      random: this.random,
      secureRandom: (size) => Uint8Array.from({ length: size }, () => Math.floor(this.random() * 256)),
      lookup: async (host) => [host],
      dial: () => Promise.reject(new Error('The simulation opens no connections')),
    }
  }

  get nowMs(): number {
    return this.#nowMs
  }

  /** Runs the next event that is due within `horizonMs`; false when there is none. */
  step(horizonMs = Number.POSITIVE_INFINITY): boolean {
    this.#events = this.#events.filter(({ isCancelled }) => !isCancelled)
    let next: Event | undefined
    for (const event of this.#events) {
      const isEarlier =
        next === undefined || event.atMs < next.atMs || (event.atMs === next.atMs && event.tie < next.tie)
      if (isEarlier) next = event
    }
    if (next === undefined || next.atMs > this.#nowMs + horizonMs) return false
    this.#events.splice(this.#events.indexOf(next), 1)
    this.#nowMs = Math.max(this.#nowMs, next.atMs)
    next.run()
    return true
  }

  /** Runs the callbacks of settled promises. */
  static drain(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }

  #add(run: () => void, delayMs: number): Event {
    const event = { atMs: this.#nowMs + delayMs, tie: this.random(), run, isCancelled: false }
    this.#events.push(event)
    return event
  }
}
