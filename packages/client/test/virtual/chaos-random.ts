/** Draws of one concern: more draws of another one do not change them. */
export class ChaosRandom {
  #state: number

  constructor(seed: number, concern: string) {
    let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.floor(seed / 4_294_967_296)
    for (let at = 0; at < concern.length; at++) state = Math.imul(state ^ concern.charCodeAt(at), 0x01000193)
    this.#state = state | 0
    for (let round = 0; round < 4; round++) this.next()
  }

  /** In [0, 1): mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  withProbability(probability: number): boolean {
    return this.next() < probability
  }

  between(least: number, most: number): number {
    return least + this.next() * (most - least)
  }

  /** A whole number from `least` to `most`, both included. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1))
  }

  pick<T>(from: readonly T[]): T {
    const at = Math.floor(this.next() * from.length)
    if (from.length === 0) throw new RangeError('there is nothing to pick from')
    return from[at] as T
  }
}
