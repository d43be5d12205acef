import type { Runtime } from '@ottla/runtime'

/** Maximum synchronous work in one turn: more would delay heartbeats and the application's own I/O. */
const sliceMs = 5
/**
 * The clock is read once per this number of items, and more often at the beginning of a turn: an item that blocks the event loop is
 * noticed before the next one is delivered, unless it follows fast ones.
 */
const mostPerLook = 32

/** Limits the synchronous work of one turn of the event loop, and notices when a turn begins. */
export class TimeSlice {
  readonly #runtime: Runtime
  /** Called before the first item of a turn: time may have passed, much of it if the process was frozen. */
  readonly #onTurn: () => void
  #startMs = 0
  #items = 0
  #itemsPerLook = 1
  #lookAt = 1
  #over = false
  #isTurnKnown = false

  constructor(runtime: Runtime, onTurn: () => void) {
    this.#runtime = runtime
    this.#onTurn = onTurn
  }

  /** Counts an item; false once the slice is used up, until `rest`. */
  take(): boolean {
    if (!this.#isTurnKnown) this.#beginTurn()
    if (this.#over) return false
    if (++this.#items < this.#lookAt) return true
    this.#itemsPerLook = Math.min(mostPerLook, this.#itemsPerLook * 2)
    this.#lookAt = this.#items + this.#itemsPerLook
    this.#over = this.#runtime.monoNow() - this.#startMs > sliceMs
    return !this.#over
  }

  /** Lets timers and sockets run. */
  async rest(): Promise<void> {
    await new Promise<void>((resolve) => this.#runtime.defer(resolve))
    this.#isTurnKnown = false
    this.#over = false
  }

  #beginTurn(): void {
    this.#isTurnKnown = true
    this.#over = false
    this.#items = 0
    this.#itemsPerLook = 1
    this.#lookAt = 2
    this.#startMs = this.#runtime.monoNow()
    this.#runtime.defer(this.#endTurn)
    this.#onTurn()
  }

  readonly #endTurn = (): void => {
    this.#isTurnKnown = false
  }
}
