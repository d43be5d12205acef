import { abortedError, asKafkaError, type KafkaError } from '../errors.ts'
import { onAbort } from '../runtime/wait.ts'
import type { Accumulator } from './accumulator.ts'
import type { SpaceWaiter, WaitingSize } from './buffer-space.ts'
import { type SendMany, SendOne } from './calls.ts'
import type { Generation } from './flush-barrier.ts'
import type { RecordEntry } from './record-input.ts'

// Measured: what a call, and each record of it, takes beside its data.
const callOverheadBytes = 640
const entryOverheadBytes = 128

/** The records of one `send` that are appended as buffer space allows; those that do not fit wait in the order of the calls. */
export class PendingSend implements SpaceWaiter {
  readonly deadlineMs: number
  readonly reservedBytes = 0
  readonly #accumulator: Accumulator
  /** Within `begin` those of the caller. Of those that wait copies, which are dropped when they are appended. */
  #entries: (RecordEntry | undefined)[]
  readonly #call: SendOne | SendMany
  readonly #generation: Generation
  readonly #signal: AbortSignal | undefined
  #release = () => {}
  #next = 0
  #ended = false
  /** Of the records that are left; undefined: it does not wait. */
  #held: WaitingSize | undefined

  constructor(
    accumulator: Accumulator,
    entries: RecordEntry[],
    call: SendOne | SendMany,
    signal: AbortSignal | undefined,
  ) {
    this.#accumulator = accumulator
    this.#entries = entries
    this.#call = call
    this.#generation = accumulator.barrier.current
    this.#signal = signal
    this.deadlineMs = accumulator.runtime.monoNow() + accumulator.options.deliveryTimeoutMs
  }

  /** Appends what fits, and waits with copies of the rest. Throws BUFFER_FULL, with nothing appended, if too much waits. */
  begin(): void {
    const accumulator = this.#accumulator
    const { space, barrier } = accumulator
    if (!space.isUnderBackpressure && this.proceed()) return
    const size = this.#sizeOfRest()
    space.check(size)
    const acceptedMs = this.deadlineMs - accumulator.options.deliveryTimeoutMs
    this.#entries = this.#entries.map((entry, at) => (at < this.#next ? undefined : entry?.owned(acceptedMs)))
    this.#held = size
    space.hold(size)
    barrier.enter(this.#generation)
    space.wait(this)
    this.#release = onAbort(this.#signal, () => this.#abort())
    accumulator.wakeBy(this.deadlineMs)
    accumulator.endLingers()
  }

  proceed(): boolean {
    const accumulator = this.#accumulator
    const entries = this.#entries
    while (this.#next < entries.length) {
      if (!accumulator.budget.hasSpace) return false
      const position = this.#next++
      const entry = entries[position]!
      if (this.#held !== undefined) {
        this.#unhold(this.#held, entry)
        entries[position] = undefined
      }
      this.#append(entry, position)
    }
    this.#end(undefined)
    return true
  }

  #append(entry: RecordEntry, position: number): void {
    const accumulator = this.#accumulator
    try {
      accumulator.measure(entry)
    } catch (error) {
      accumulator.refuse(entry.topic, asKafkaError(error, 'Producing'), this.#call, position)
      return
    }
    accumulator.add(entry, this.#call, position, this.#generation)
  }

  refuse(error: KafkaError): void {
    this.#end(error)
  }

  #sizeOfRest(): WaitingSize {
    const size = { bytes: 0, overheadBytes: callOverheadBytes }
    for (let at = this.#next; at < this.#entries.length; at++) {
      size.bytes += this.#entries[at]!.tighten()
      size.overheadBytes += entryOverheadBytes
    }
    return size
  }

  #unhold(held: WaitingSize, entry: RecordEntry): void {
    const size = { bytes: entry.sizeBound, overheadBytes: entryOverheadBytes }
    held.bytes -= size.bytes
    held.overheadBytes -= size.overheadBytes
    this.#accumulator.space.unhold(size)
  }

  #abort(): void {
    this.#accumulator.space.leave(this)
    this.#end(abortedError('Sending', this.#signal!, 'not-written'))
    // A smaller call may have waited behind it.
    this.#accumulator.space.release()
  }

  /** The records that are left fail. */
  #reportRest(refusal: KafkaError): void {
    for (let at = this.#next; at < this.#entries.length; at++) {
      this.#accumulator.observer.refused(this.#entries[at]!.topic, refusal, false)
    }
  }

  #end(refusal: KafkaError | undefined): void {
    // A partitioner may abort the call whose record it places.
    if (this.#ended) return
    this.#ended = true
    if (refusal !== undefined) this.#reportRest(refusal)
    const call = this.#call
    if (!(call instanceof SendOne)) call.allAccepted(refusal)
    else if (refusal !== undefined) call.reject(refusal)
    if (this.#held === undefined) return
    this.#accumulator.space.unhold(this.#held)
    this.#held = undefined
    this.#entries = []
    this.#release()
    this.#accumulator.barrier.leave(this.#generation)
  }
}
