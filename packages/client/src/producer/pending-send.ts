import { abortedError, asKafkaError, type KafkaError } from '../errors.ts'
import { onAbort } from '../runtime/wait.ts'
import type { Accumulator } from './accumulator.ts'
import type { SpaceWaiter } from './buffer-space.ts'
import { type SendMany, SendOne } from './calls.ts'
import type { Generation } from './flush-barrier.ts'
import type { ProducerRecord } from './record-input.ts'

/** The records of one `send` that are appended as buffer space allows; those that do not fit wait in the order of the calls. */
export class PendingSend implements SpaceWaiter {
  readonly deadlineMs: number
  readonly #accumulator: Accumulator
  readonly #records: readonly ProducerRecord[]
  readonly #call: SendOne | SendMany
  readonly #generation: Generation
  readonly #signal: AbortSignal | undefined
  #release = () => {}
  /** Of the records that wait for space, on `monoNow`. */
  #acceptedMs: number | undefined
  #next = 0
  #waits = false

  constructor(
    accumulator: Accumulator,
    records: readonly ProducerRecord[],
    call: SendOne | SendMany,
    signal: AbortSignal | undefined,
  ) {
    this.#accumulator = accumulator
    this.#records = records
    this.#call = call
    this.#generation = accumulator.barrier.current
    this.#signal = signal
    this.deadlineMs = accumulator.runtime.monoNow() + accumulator.options.deliveryTimeoutMs
  }

  /** Appends what fits, and waits with the rest. */
  begin(): void {
    const accumulator = this.#accumulator
    if (!accumulator.space.isUnderBackpressure && this.proceed()) return
    this.#waits = true
    this.#acceptedMs = this.deadlineMs - accumulator.options.deliveryTimeoutMs
    accumulator.barrier.enter(this.#generation)
    accumulator.space.wait(this)
    this.#release = onAbort(this.#signal, () => this.#abort())
    accumulator.wakeBy(this.deadlineMs)
    accumulator.endLingers()
  }

  proceed(): boolean {
    const accumulator = this.#accumulator
    const records = this.#records
    const call = this.#call
    const generation = this.#generation
    while (this.#next < records.length) {
      if (!accumulator.hasSpace) return false
      const position = this.#next++
      const record = records[position]!
      try {
        accumulator.add(record, call, position, generation, this.#acceptedMs)
      } catch (error) {
        accumulator.refuse(record.topic, asKafkaError(error, 'Producing'), call, position)
      }
    }
    this.#end(undefined)
    return true
  }

  refuse(error: KafkaError): void {
    this.#end(error)
  }

  #abort(): void {
    this.#accumulator.space.leave(this)
    this.#end(abortedError('Sending', this.#signal!, 'not-written'))
    // A smaller call may have waited behind it.
    this.#accumulator.space.release()
  }

  #end(refusal: KafkaError | undefined): void {
    const call = this.#call
    if (!(call instanceof SendOne)) call.allAccepted(refusal)
    else if (refusal !== undefined) call.reject(refusal)
    if (!this.#waits) return
    this.#waits = false
    this.#release()
    this.#accumulator.barrier.leave(this.#generation)
  }
}
