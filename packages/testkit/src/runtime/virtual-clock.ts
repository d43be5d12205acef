import type { Runtime } from '@ottla/runtime'
import { type Clock, type Duration, durationMs } from './clock.ts'
import type { VirtualTime } from './virtual.ts'

/** The clock of a cluster with virtual time, which passes only in `advance` and in `cluster.run`. */
export class VirtualClock implements Clock {
  readonly runtime: Runtime
  readonly #time: VirtualTime

  constructor(time: VirtualTime) {
    this.#time = time
    this.runtime = time.brokers
  }

  now(): number {
    return this.runtime.wallNow()
  }

  get shiftMs(): number {
    return this.#time.nowMs
  }

  get wallShiftMs(): number {
    return this.#time.nowMs + this.#time.wallShiftMs
  }

  get timerCount(): number {
    return this.#time.timerCount
  }

  advance(duration: Duration): Promise<void> {
    return this.#time.advance(durationMs(duration, 'clock.advance'))
  }

  jump(ms: number): void {
    this.#time.jump(ms)
  }
}
