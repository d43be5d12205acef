import type { Runtime } from '@ottla/runtime'

/** Synchronous work in one go: longer would hold up heartbeats and the application's own server. */
const sliceMs = 5
/** The clock is read once in so many items. */
const itemsPerLook = 32

/** Says when enough was handed out in one go. */
export class TimeSlice {
  readonly #runtime: Runtime
  #startMs = 0
  #items = 0
  #over = false

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** False, until `rest`, once the slice is over. Counts an item. */
  take(): boolean {
    if (this.#over) return false
    if (++this.#items % itemsPerLook !== 0) return true
    this.#over = this.#runtime.monoNow() - this.#startMs > sliceMs
    return !this.#over
  }

  /** Other work had its turn just now. */
  restart(): void {
    this.#over = false
    this.#startMs = this.#runtime.monoNow()
  }

  /** Lets timers and sockets have their turn. */
  async rest(): Promise<void> {
    await new Promise<void>((resolve) => this.#runtime.defer(resolve))
    this.restart()
  }
}
