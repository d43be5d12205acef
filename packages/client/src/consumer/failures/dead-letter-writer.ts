import type { Message } from '../message.ts'
import type { TopicRecovery } from './recovery.ts'

/** A record that cannot be decoded: its key and value are sent as they are. */
export interface UndecodedRecord {
  readonly message: Message
  readonly field: 'key' | 'value'
  readonly error: unknown
}

/** Writes records to the dead letter topic of the consumer that never reach a handler. */
export class DeadLetterWriter {
  readonly #recovery: TopicRecovery

  constructor(recovery: TopicRecovery) {
    this.#recovery = recovery
  }

  /** Resolves when the dead letter is acknowledged. Rejects when it may not be stored, and when the partition is given up. */
  write({ message, field, error }: UndecodedRecord): Promise<void> {
    const { signal } = message
    const item = { messages: [message], attempts: 0, isRetriable: false, onStored: () => {} }
    return this.#recovery.recover({ ...item, error, field, signal })
  }
}
