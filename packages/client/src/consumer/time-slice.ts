import type { Runtime } from '@ottla/runtime'

/** Maximum synchronous work in one turn: more would delay heartbeats and the application's own I/O. */
const sliceMs = 5
/** The clock is read once per this number of items. */
const itemsPerLook = 32

/** Limits the synchronous work of one turn of the event loop. */
export class TimeSlice {
  readonly #runtime: Runtime
  #startMs = 0
  #items = 0
  #over = false

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** Counts an item; false once the slice is used up, until `rest`. */
  take(): boolean {
    if (this.#over) return false
    if (++this.#items % itemsPerLook !== 0) return true
    this.#over = this.#runtime.monoNow() - this.#startMs > sliceMs
    return !this.#over
  }

  /** Other work has just run. */
  restart(): void {
    this.#over = false
    this.#startMs = this.#runtime.monoNow()
  }

  /** Lets timers and sockets run. */
  async rest(): Promise<void> {
    await new Promise<void>((resolve) => this.#runtime.defer(resolve))
    this.restart()
  }
}
