import { abortedError, asKafkaError, type KafkaError } from '../errors.ts'
import { onAbort } from '../runtime/wait.ts'
import type { Accumulator } from './accumulator.ts'
import { type SendMany, SendOne } from './calls.ts'
import type { Generation } from './flush-barrier.ts'
import type { ProducerRecord } from './record-input.ts'
import type { RoomWaiter } from './room.ts'

/** The records of one `send` on their way into the buffer, as far as there is room; the rest waits in line. */
export class Admission implements RoomWaiter {
  readonly deadlineMs: number
  readonly #accumulator: Accumulator
  readonly #records: readonly ProducerRecord[]
  readonly #call: SendOne | SendMany
  readonly #generation: Generation
  readonly #signal: AbortSignal | undefined
  #release = () => {}
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

  /** Takes what there is room for, and queues for the rest. */
  begin(): void {
    const accumulator = this.#accumulator
    if (!accumulator.room.isUnderBackpressure && this.proceed()) return
    this.#waits = true
    accumulator.barrier.enter(this.#generation)
    accumulator.room.wait(this)
    this.#release = onAbort(this.#signal, () => this.#abort())
    accumulator.wakeBy(this.deadlineMs)
    accumulator.hurry()
  }

  proceed(): boolean {
    const accumulator = this.#accumulator
    const records = this.#records
    const call = this.#call
    const generation = this.#generation
    while (this.#next < records.length) {
      if (!accumulator.hasRoom) return false
      const position = this.#next++
      const record = records[position]!
      try {
        accumulator.add(record, call, position, generation)
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
    this.#accumulator.room.leave(this)
    this.#end(abortedError('Sending', this.#signal!, 'not-written'))
    // Behind it there may be somebody for whom there is room.
    this.#accumulator.room.release()
  }

  #end(refusal: KafkaError | undefined): void {
    const call = this.#call
    if (!(call instanceof SendOne)) call.admitted(refusal)
    else if (refusal !== undefined) call.refused(refusal)
    if (!this.#waits) return
    this.#waits = false
    this.#release()
    this.#accumulator.barrier.leave(this.#generation)
  }
}
