import { Queue } from '../runtime/queue.ts'
import { WakeUp } from '../runtime/wait.ts'
import type { HeldRecord } from './held-record.ts'

/** Acquired records that wait for the reader, in the order in which they arrived. There is one reader, which waits here. */
export class Inbox {
  readonly #waiting = new Queue<HeldRecord>()
  readonly #wake = new WakeUp()

  add(record: HeldRecord): void {
    this.#waiting.push(record)
    this.#wake.wake()
  }

  /** The next record whose lock holds at `nowMs`. */
  take(nowMs: number): HeldRecord | undefined {
    for (let record = this.#waiting.shift(); record !== undefined; record = this.#waiting.shift()) {
      if (record.lost !== undefined || record.decided !== undefined || nowMs >= record.lockEndsMs) continue
      record.handed(nowMs)
      return record
    }
    return undefined
  }

  /** Resolves at the next record, or at `wake`. */
  wait(): Promise<void> {
    return this.#wake.wait()
  }

  wake(): void {
    this.#wake.wake()
  }
}
