import type { Runtime } from '@ottla/runtime'
import { meaningOf } from '../../error-meaning.ts'
import { KafkaError, optionError } from '../../errors.ts'
import { checkNames } from '../../option-table.ts'
import { within } from '../../runtime/wait.ts'
import type { AnyMessage } from '../message.ts'
import type { DeliveredBatch } from './delivery.ts'
import type { HandOut, Reader } from './hand-out.ts'
import { HeldMessages } from './held-messages.ts'

export interface PollOptions {
  /** Maximum number of messages. Default 500. */
  readonly maxRecords?: number | undefined
  /** How long to wait for the first message, in ms; resolves to [] on timeout. Default 1000. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

const known = ['maxRecords', 'timeoutMs', 'signal']
const owner = 'consumer.poll()'

/** Reads by polling. The messages of a poll are in hand until the next one, which marks them as processed. */
export class Poll {
  readonly #runtime: Runtime
  readonly #handOut: HandOut
  readonly #inHand: HeldMessages

  constructor(runtime: Runtime, handOut: HandOut) {
    this.#runtime = runtime
    this.#handOut = handOut
    this.#inHand = new HeldMessages(handOut, 'poll')
  }

  async poll<M extends AnyMessage>(options: PollOptions): Promise<M[]> {
    const { maxRecords, timeoutMs, signal } = resolve(options)
    const handOut = this.#handOut
    return within(this.#runtime, { operation: 'Polling', timeoutMs, signals: [signal] }, async (bounded) => {
      const reader: Reader = { isEnded: false, signal: bounded }
      try {
        handOut.acquire(reader)
        this.#inHand.settle()
        for (;;) {
          const batch = handOut.take(reader) ?? (await handOut.next(reader))
          if (batch === undefined) return []
          const messages = this.#take<M>(batch, reader, maxRecords)
          // There is none where the batch was revoked meanwhile, or where all its records are bad.
          if (messages.length > 0) return messages
        }
      } catch (error) {
        const isLate = bounded.aborted && signal?.aborted !== true
        if (isLate && KafkaError.is(error) && meaningOf(error.code).ended === 'aborted') return []
        throw error
      } finally {
        handOut.release(reader)
      }
    })
  }

  /** What of the last poll was not marked is delivered again. */
  undo(): void {
    this.#inHand.undo()
  }

  /** At most `maxRecords` of what is buffered. */
  #take<M extends AnyMessage>(first: DeliveredBatch, reader: Reader, maxRecords: number): M[] {
    const handOut = this.#handOut
    const messages: M[] = []
    for (let batch: DeliveredBatch | undefined = first; batch !== undefined; batch = handOut.take(reader)) {
      this.#inHand.take(batch, messages, maxRecords)
      if (messages.length >= maxRecords) break
    }
    return messages
  }
}

function resolve(options: PollOptions): { maxRecords: number; timeoutMs: number; signal: AbortSignal | undefined } {
  if (typeof options !== 'object' || options === null) throw optionError('options', owner, 'must be an object')
  checkNames(owner, known, options)
  const { maxRecords = 500, timeoutMs = 1_000, signal } = options
  if (!Number.isSafeInteger(maxRecords) || maxRecords < 1)
    throw optionError('maxRecords', owner, 'must be an integer of at least 1')
  if (!(typeof timeoutMs === 'number' && timeoutMs >= 0))
    throw optionError('timeoutMs', owner, 'must be milliseconds, 0 or more')
  return { maxRecords, timeoutMs, signal }
}
