import type { Runtime } from '@ottla/runtime'
import { textOf } from '../../error-data.ts'
import { meaningOf } from '../../error-meaning.ts'
import { KafkaError } from '../../errors.ts'
import { within, withSignal } from '../../runtime/wait.ts'
import type { Detail } from './failure-headers.ts'
import type { OutgoingRecord, OwnSender, RecordSender, StoredRecord } from './record-sender.ts'

export interface SendLimits {
  readonly producer: RecordSender | undefined
  readonly timeoutMs: number
  /** The partition was given up: another member reads the record again. */
  readonly signal: AbortSignal
}

/**
 * Sends failed records and waits for their acknowledgement. The default producer is created with the first `prepare`, so that a client
 * that is closing meanwhile still has one.
 */
export class FailureSender {
  readonly #runtime: Runtime
  readonly #create: (() => OwnSender) | undefined
  #own: OwnSender | undefined

  constructor(runtime: Runtime, create: (() => OwnSender) | undefined) {
    this.#runtime = runtime
    this.#create = create
  }

  prepare(): RecordSender {
    if (this.#own !== undefined) return this.#own
    if (this.#create === undefined) {
      throw new KafkaError('INVALID_STATE', 'This consumer has no producer for failed records', {
        hint: "Create the consumer with kafka.consumer(), or set 'deadLetter.producer'.",
      })
    }
    this.#own = this.#create()
    return this.#own
  }

  /**
   * Resolves when the record is acknowledged. A record that is too large with a full description is sent with a short one. Rejects at
   * the deadline and with the signal, unless that has aborted before: the record may be stored nevertheless, and is sent again later.
   */
  async send(build: (detail: Detail) => OutgoingRecord, limits: SendLimits, what: string): Promise<StoredRecord> {
    const { timeoutMs, producer, signal } = limits
    const signals = signal.aborted ? [] : [signal]
    const sender = producer ?? this.prepare()
    return within(
      this.#runtime,
      { operation: `Sending the ${what}`, timeoutMs, signals, outcome: 'unknown' },
      (bounded) => {
        const send = (detail: Detail) => withSignal(start(sender, build(detail), bounded), bounded)
        return send('full').catch((error: unknown) => {
          if (KafkaError.is(error) && meaningOf(error.code).tooLarge) return send('short')
          throw error
        })
      },
    )
  }

  async close(timeoutMs: number): Promise<void> {
    await this.#own?.close({ timeoutMs })
  }
}

/** A producer of the application may throw, or settle after nothing waits for it. */
async function start(sender: RecordSender, record: OutgoingRecord, signal: AbortSignal): Promise<StoredRecord> {
  return await sender.send(record, { signal })
}

/** The error of a record that could not be sent, which ends the run. */
export function unsentError(what: string, topic: string | undefined, cause: unknown): KafkaError {
  const where = topic === undefined ? '' : ` to topic '${topic}'`
  const isMissing = KafkaError.is(cause) && meaningOf(cause.code).missingTopic
  const isLarge = KafkaError.is(cause) && meaningOf(cause.code).tooLarge
  const hint = isMissing
    ? `Create the topic '${topic}' first (admin.createTopics).`
    : isLarge
      ? `Raise max.message.bytes of the topic above that of the topic that is read, and maxRequestBytes of the producer.`
      : KafkaError.is(cause)
        ? cause.hint
        : undefined
  const code = KafkaError.is(cause) ? cause.code : 'SEND_FAILED'
  return new KafkaError(code, `Sending the ${what}${where} failed: ${textOf(cause)}`, {
    topic,
    cause,
    hint,
    retriable: KafkaError.is(cause) && cause.retriable,
  })
}
