import type { Message } from '../message.ts'
import { type OriginalPlace, placeOf } from './failure.ts'
import { connectNames, ownNames, springNames } from './failure-headers.ts'

/** A client that may write to a retry topic or a dead letter topic chooses these values: each is checked before it is used. */
type Header = Pick<Message, 'header'>

const maxInt32 = 2n ** 31n - 1n
const maxInt64 = 2n ** 63n - 1n
/** More attempts than any policy makes. */
export const mostAttempts = 1_000_000

/** What a record of a retry topic says of itself. */
export interface RetryState {
  readonly original: OriginalPlace
  /** Calls of the handler so far; 0: unknown. */
  readonly attempts: number
  /** In ms since the epoch, as the header says; undefined: without a header that can be read. */
  readonly dueMs: number | undefined
}

/** A record without a complete and valid description has its own place as the original one, and no attempts. */
export function readRetryState(message: Message): RetryState {
  const attempts = numberIn(message, ownNames.attempts, BigInt(mostAttempts))
  const due = numberIn(message, ownNames.due, BigInt(Number.MAX_SAFE_INTEGER))
  return {
    original: ownOriginal(message) ?? placeOf(message),
    attempts: attempts === undefined ? 0 : Number(attempts),
    dueMs: due === undefined ? undefined : Number(due),
  }
}

/** The place that the headers of a dead letter name, in any of the three formats; undefined: none, or one that cannot exist. */
export function readOriginal(message: Message): Pick<OriginalPlace, 'topic' | 'partition' | 'offset'> | undefined {
  return (
    ownOriginal(message) ??
    checked(
      textIn(message, springNames.topic, 249),
      bigEndianIn(message, springNames.partition, 4),
      bigEndianIn(message, springNames.offset, 8),
    ) ??
    checked(
      textIn(message, connectNames.topic, 249),
      numberIn(message, connectNames.partition, maxInt32),
      numberIn(message, connectNames.offset, maxInt64),
    )
  )
}

/** The rules for topic names (Kafka's `Topic.validate`). */
export function isTopicName(name: unknown): name is string {
  return typeof name === 'string' && /^[a-zA-Z0-9._-]{1,249}$/.test(name) && name !== '.' && name !== '..'
}

/** Topics whose names begin with two underscores belong to Kafka or to its tools. */
export function isInternalName(name: string): boolean {
  return name.startsWith('__')
}

function ownOriginal(message: Message): OriginalPlace | undefined {
  const place = checked(
    textIn(message, ownNames.topic, 249),
    numberIn(message, ownNames.partition, maxInt32),
    numberIn(message, ownNames.offset, maxInt64),
  )
  if (place === undefined) return undefined
  const timestamp = numberIn(message, ownNames.timestamp, BigInt(Number.MAX_SAFE_INTEGER))
  const isAppend = textIn(message, ownNames.timestampType, 20) === 'LogAppendTime'
  return {
    ...place,
    timestamp: timestamp === undefined ? -1 : Number(timestamp),
    timestampType: isAppend ? 'append' : 'create',
  }
}

function checked(
  topic: string | undefined,
  partition: bigint | undefined,
  offset: bigint | undefined,
): Pick<OriginalPlace, 'topic' | 'partition' | 'offset'> | undefined {
  if (topic === undefined || partition === undefined || offset === undefined) return undefined
  if (!isTopicName(topic)) return undefined
  return { topic, partition: Number(partition), offset }
}

function textIn(message: Header, name: string, longest: number): string | undefined {
  const value = message.header(name)
  return value === undefined || value === null || value.length > longest ? undefined : value.toString('utf8')
}

/** A decimal number from 0 to `most`. */
function numberIn(message: Header, name: string, most: bigint): bigint | undefined {
  const text = textIn(message, name, 19)
  if (text === undefined || !/^\d{1,19}$/.test(text)) return undefined
  const value = BigInt(text)
  return value <= most ? value : undefined
}

function bigEndianIn(message: Header, name: string, bytes: 4 | 8): bigint | undefined {
  const value = message.header(name)
  if (value === undefined || value === null || value.length !== bytes) return undefined
  const number = bytes === 4 ? BigInt(value.readInt32BE()) : value.readBigInt64BE()
  return number < 0n ? undefined : number
}
