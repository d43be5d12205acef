import { textOf } from '../../error-data.ts'
import type { Message } from '../message.ts'

/** Where a record was read first, before any retry topic. */
export interface OriginalPlace {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  /** In ms since the epoch; -1: it has none. */
  readonly timestamp: number
  readonly timestampType: 'create' | 'append'
}

/** A record whose handler failed for good, as `headers` and `topic` of a dead letter receive it. */
export interface FailedRecord {
  /** As it was read, here or from a retry topic. Its key and value are raw bytes. */
  readonly message: Message
  readonly original: OriginalPlace
  /** How many calls of the handler have failed, those for the records of retry topics included. */
  readonly attempts: number
  /** What the last call threw. */
  readonly error: unknown
  /** The group of the consumer. Undefined without one. */
  readonly groupId: string | undefined
  /** What of the record could not be decoded. Undefined: its handler failed. */
  readonly field?: 'key' | 'value' | undefined
}

/** A batch that cannot be read: `onUnreadable` receives it. */
export interface UnreadableBatch {
  readonly topic: string
  readonly partition: number
  /** The first offset that cannot be read. */
  readonly firstOffset: bigint
  /** The last offset of the batch as written. */
  readonly lastOffset: bigint
  /** Why. */
  readonly error: unknown
}

export function placeOf(message: Message): OriginalPlace {
  const { topic, partition, offset, timestamp, timestampType } = message
  return { topic, partition, offset, timestamp, timestampType }
}

// ---- the description of an error, in headers

/** Headers count towards the size of a record: a long text could make it too large to be stored. */
const longestMessage = 2_000
const longestStack = 8_000

/** What an error is, as text. An application may throw anything, also an object whose properties throw. */
export interface ErrorText {
  /** The name of its class. */
  readonly name: string
  readonly message: string
  readonly stack: string
}

export function describeError(error: unknown): ErrorText {
  const message = textOf(error)
  const name = nameOf(error)
  return {
    name,
    message: cut(message, longestMessage),
    stack: cut(stackOf(error) ?? `${name}: ${message}`, longestStack),
  }
}

function nameOf(error: unknown): string {
  try {
    if (error instanceof Error && typeof error.name === 'string' && error.name !== '') return cut(error.name, 200)
    if (typeof error === 'object' && error !== null) return cut(String(error.constructor?.name ?? 'Object'), 200)
  } catch {
    return 'Error'
  }
  return typeof error
}

function stackOf(error: unknown): string | undefined {
  try {
    return error instanceof Error && typeof error.stack === 'string' ? error.stack : undefined
  } catch {
    return undefined
  }
}

/** The beginning of a text, without half of a surrogate pair at its end. */
function cut(text: string, longest: number): string {
  return text.length <= longest ? text : text.slice(0, longest).replace(/[\uD800-\uDBFF]$/, '')
}
