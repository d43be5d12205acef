import type { TopicPartition } from '../cluster/topology.ts'
import { describePartition, KafkaError } from '../errors.ts'

/**
 * A place in the log of a partition, looked up when it is needed. `timestamp`: the first record of that time (ms since the epoch) or
 * later; `durationMs`: the same, that long ago (KIP-1106); without such a record the end. `last`: that many offsets before the end.
 */
export type StartPlace =
  | 'earliest'
  | 'latest'
  | { readonly timestamp: number }
  | { readonly durationMs: number }
  | { readonly last: number }

export type TimestampPlace = Extract<StartPlace, { readonly timestamp: number }>

/** Where to read from: an offset, or a place. */
export type StartOffset = bigint | number | StartPlace

/** The next offset to read of a partition. */
export interface PartitionOffset extends TopicPartition {
  readonly offset: bigint | number
  readonly metadata?: string | null | undefined
  /** The leader epoch of the record before the offset; -1 or missing: unknown. */
  readonly leaderEpoch?: number | undefined
}

const longestTopicChars = 249

/** Whether a value is an offset: a bigint or a safe integer, 0 or more. Text and -1 are none. */
export function isOffset(value: unknown): value is bigint | number {
  if (typeof value === 'bigint') return value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER)
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** An offset, or a place in the log. */
export function isStartOffset(value: unknown): value is StartOffset {
  return isStartPlace(value) || isOffset(value)
}

export function isStartPlace(value: unknown): value is StartPlace {
  if (value === 'earliest' || value === 'latest') return true
  if (typeof value !== 'object' || value === null) return false
  const [[name, amount] = ['', undefined], ...more] = Object.entries(value)
  if (more.length > 0) return false
  return (
    (name === 'timestamp' || name === 'durationMs' || name === 'last') && typeof amount === 'number' && isOffset(amount)
  )
}

/** What `isStartPlace` accepts, for messages. */
export const startPlaces = "'earliest', 'latest', { timestamp }, { durationMs } or { last }"

/** Checks `{ topic, partition, … }` as a caller passed it. `caller` is the call, 'consumer.seek()'. */
export function checkPlace(
  value: unknown,
  caller: string,
  ...more: readonly string[]
): asserts value is TopicPartition {
  if (typeof value !== 'object' || value === null) throw invalid(`${caller} needs { ${shapeOf(more)} }`)
  const { topic, partition } = value as Record<string, unknown>
  if (typeof topic !== 'string' || topic === '' || topic.length > longestTopicChars) {
    throw invalid(`The topic in ${caller} must be the name of a topic`)
  }
  if (!Number.isInteger(partition) || (partition as number) < 0 || (partition as number) > 0x7fffffff) {
    throw invalid(`The partition in ${caller} must be the number of a partition, 0 or more`, { topic })
  }
  // A call for each of thousands of partitions: no array and no function for each.
  for (const key of Object.keys(value)) {
    if (key === 'topic' || key === 'partition' || more.includes(key)) continue
    throw invalid(`${caller} does not have '${key}': it takes { ${shapeOf(more)} }`, value as TopicPartition)
  }
}

/** Checks a list of places. */
export function checkPlaces(values: unknown, caller: string): asserts values is readonly TopicPartition[] {
  if (!Array.isArray(values)) throw invalid(`${caller} needs a list: [{ topic, partition }]`)
  for (const value of values) checkPlace(value, caller)
}

/** Checks that the options of a call are an object with these names only. */
export function checkOptions(value: unknown, caller: string, names: readonly string[]): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid(`The options of ${caller} must be an object`)
  }
  const unknown = Object.keys(value).find((key) => !names.includes(key))
  if (unknown === undefined) return
  throw invalid(`Option '${unknown}' of ${caller} does not exist`, {}, `Choose one of the options ${names.join(', ')}.`)
}

/** Checks the argument of `consumer.seek`. */
export function checkSeek(value: unknown): asserts value is TopicPartition & { readonly offset: StartOffset } {
  const caller = 'consumer.seek()'
  checkPlace(value, caller, 'offset')
  const { offset } = value as { offset?: unknown } & TopicPartition
  if (isStartOffset(offset)) return
  throw invalid(`Cannot seek to ${shown(offset)}: it is not an offset`, value, offsetHint)
}

/** Checks an offset to commit. `caller` is the call: 'consumer.commit()'. */
export function checkCommit(value: unknown, caller: string): asserts value is PartitionOffset {
  checkPlace(value, caller, 'offset', 'metadata', 'leaderEpoch')
  const { offset, metadata } = value as { offset?: unknown; metadata?: unknown } & TopicPartition
  if (!isOffset(offset)) throw invalid(`Cannot commit ${shown(offset)}: it is not an offset`, value, commitHint)
  if (metadata === undefined || metadata === null) return
  if (typeof metadata !== 'string') throw invalid(`The metadata of ${describePartition(value)} must be a string`, value)
}

const offsetHint = `Pass a bigint or an integer of at least 0, or ${startPlaces}.`
const commitHint = 'Pass the next offset to read as a bigint or an integer of at least 0.'

function shapeOf(more: readonly string[]): string {
  return ['topic', 'partition', ...more].join(', ')
}

function shown(value: unknown): string {
  if (typeof value === 'bigint' || typeof value === 'number') return String(value)
  return typeof value === 'string' && /^[\w-]{0,30}$/.test(value) ? `'${value}'` : `a value of type ${typeof value}`
}

function invalid(message: string, place: { topic?: string; partition?: number } = {}, hint?: string): KafkaError {
  const { topic, partition } = place
  return new KafkaError('INVALID_ARGUMENT', message, { topic, partition, hint })
}
