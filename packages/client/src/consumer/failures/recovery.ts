import type { Runtime } from '@ottla/runtime'
import { KafkaError } from '../../errors.ts'
import type { Message } from '../message.ts'
import type { FailedItem, Recovery } from '../reading/recovery-port.ts'
import { type FailedRecord, placeOf } from './failure.ts'
import { deadLetterHeaders, keptHeaders, ownHeaders, ownNames } from './failure-headers.ts'
import type { FailureOptions, RetryTopic } from './failure-options.ts'
import { type FailureSender, unsentError } from './failure-sender.ts'
import { mostAttempts, readRetryState } from './original.ts'
import type { OutgoingRecord, StoredRecord } from './record-sender.ts'

/** A failed record was stored elsewhere; its offset may be committed now. */
export interface ForwardedNotice {
  readonly failed: FailedRecord
  readonly stored: StoredRecord
  /** When it is due, in ms since the epoch; undefined: it is a dead letter. */
  readonly dueMs: number | undefined
}

export interface RecoveryHost {
  readonly runtime: Runtime
  readonly groupId: string | undefined
  readonly sender: FailureSender
  /** Whether the consumer, or one of its retry consumers, reads the topic: a dead letter there would be read as a new record. */
  isRead(topic: string): boolean
  onForwarded(notice: ForwardedNotice): void
}

/**
 * What happens to records whose attempts have all failed: they are sent to the next retry topic, or to the dead letter topic. `stage`
 * is the index of the retry topic that is read, -1 for the topics of the consumer itself: it alone decides where a record is sent
 * next, so that no header can send one in circles.
 */
export class TopicRecovery implements Recovery {
  readonly #host: RecoveryHost
  readonly #options: FailureOptions
  readonly #stage: number

  constructor(host: RecoveryHost, options: FailureOptions, stage: number) {
    this.#host = host
    this.#options = options
    this.#stage = stage
  }

  canRecover(isRetriable: boolean): boolean {
    return this.#options.deadLetter !== undefined || (isRetriable && this.#nextTopic !== undefined)
  }

  /** Sent in their order, up to a limit at a time. Of a batch those that are stored count as processed, also when another one fails. */
  async recover({ messages, ...item }: FailedItem): Promise<void> {
    for (let start = 0; start < messages.length; start += mostInFlight) {
      const sent = messages.slice(start, start + mostInFlight).map(async (message) => {
        await this.#recoverOne(message, item)
        item.onStored(message)
      })
      for (const result of await Promise.allSettled(sent)) if (result.status === 'rejected') throw result.reason
    }
  }

  get #nextTopic(): RetryTopic | undefined {
    return this.#options.retryTopics[this.#stage + 1]
  }

  #recoverOne(message: Message, item: Omit<FailedItem, 'messages'>): Promise<void> {
    const { error, attempts, isRetriable, signal, field } = item
    const before = this.#stage < 0 ? undefined : readRetryState(message)
    const failed: FailedRecord = {
      message,
      original: before?.original ?? placeOf(message),
      attempts: Math.min(mostAttempts, attempts + (before?.attempts ?? 0)),
      error,
      field,
      groupId: this.#host.groupId,
    }
    const next = isRetriable ? this.#nextTopic : undefined
    return next === undefined ? this.#bury(failed, signal) : this.#delay(failed, next, signal)
  }

  async #delay(failed: FailedRecord, { topic, delayMs }: RetryTopic, signal: AbortSignal): Promise<void> {
    const { runtime, sender } = this.#host
    const what = 'record for its next attempt'
    let dueMs = 0
    const build = (): OutgoingRecord => {
      // At each attempt to send it: the delay begins when it is stored.
      dueMs = Math.round(runtime.wallNow()) + delayMs
      const { key, value } = failed.message
      const headers = [...keptHeaders(failed.message), ...ownHeaders(failed, 'short')]
      headers.push({ key: ownNames.due, value: String(dueMs) })
      return { topic, key, value, headers }
    }
    const { producer, timeoutMs } = this.#options.deadLetter ?? { producer: undefined, timeoutMs: defaultTimeoutMs }
    try {
      const stored = await sender.send(build, { producer, timeoutMs, signal }, what)
      this.#host.onForwarded({ failed, stored, dueMs })
    } catch (error) {
      throw unsentError(what, topic, error)
    }
  }

  async #bury(failed: FailedRecord, signal: AbortSignal): Promise<void> {
    const { deadLetter } = this.#options
    const what = 'dead letter'
    let topic: string | undefined
    try {
      if (deadLetter === undefined) throw new KafkaError('INVALID_STATE', "There is no option 'deadLetter'")
      const target = typeof deadLetter.topic === 'function' ? deadLetter.topic(failed) : deadLetter.topic
      const place = typeof target === 'string' ? { topic: target } : target
      topic = place?.topic
      if (typeof topic === 'string' && this.#host.isRead(topic)) throw readTopic(topic)
      const { key, value, timestamp } = failed.message
      const build = (detail: 'full' | 'short'): OutgoingRecord => ({
        ...place,
        key,
        value,
        headers: deadLetterHeaders(deadLetter.headers, failed, detail),
        // As Connect does. The others get the time of the dead letter: an old record would soon be deleted by the retention.
        ...(deadLetter.headers === 'connect' && timestamp >= 0 && { timestamp }),
      })
      const { producer, timeoutMs } = deadLetter
      const stored = await this.#host.sender.send(build, { producer, timeoutMs, signal }, what)
      this.#host.onForwarded({ failed, stored, dueMs: undefined })
    } catch (error) {
      throw unsentError(what, typeof topic === 'string' ? topic : undefined, error)
    }
  }
}

const defaultTimeoutMs = 60_000
/** Of the messages of a failed batch. */
const mostInFlight = 100

function readTopic(topic: string): KafkaError {
  return new KafkaError('INVALID_ARGUMENT', 'The dead letter topic is one that this consumer reads', {
    topic,
    hint: 'Choose another topic for dead letters: this consumer would read the dead letter again.',
  })
}
