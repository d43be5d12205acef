import { textOf } from '../error-data.ts'
import { KafkaError } from '../errors.ts'
import { handledResult } from '../runtime/deferred.ts'
import type { HeadersInput, ProducerRecord, RecordData } from './record-input.ts'

/** Records with the same result. */
export interface SettledRecords {
  readonly topic: string
  /** Undefined: the partition was not determined. */
  readonly partition: number | undefined
  /** How many. */
  readonly records: number
  /** Of the first record; the others follow it. Undefined where they failed, and where the broker returned none (acks=0). */
  readonly baseOffset: bigint | undefined
  /** Undefined: the records are acknowledged. */
  readonly error: KafkaError | undefined
}

/**
 * Sees each record before it is serialised, and the result of each batch, as Java's ProducerInterceptor. Several are called in the order
 * of the option `interceptors`.
 */
export interface ProducerInterceptor {
  /**
   * Called in the call of `send` or `enqueue`, with what the previous interceptor returned. Returns the record to send: the same, or a
   * changed copy, such as one of `withHeaders`. If it throws, the call fails with INTERCEPTOR_FAILED, and no record of the call is
   * accepted.
   */
  onSend?(record: ProducerRecord): ProducerRecord
  /**
   * Called once for the records of a batch, before their promises and callbacks are settled; also for records that failed before
   * they were in a batch. Over all calls each accepted record is counted once. An exception is logged, and has no other effect.
   */
  onSettled?(settled: SettledRecords): void
}

/** Applies the `onSend` of each interceptor in turn. Throws INTERCEPTOR_FAILED. */
export function intercept(interceptors: readonly ProducerInterceptor[], record: ProducerRecord): ProducerRecord {
  // What is no record is refused when it is read.
  if (typeof record !== 'object' || record === null) return record
  let current = record
  for (const interceptor of interceptors) {
    if (interceptor.onSend === undefined) continue
    current = resultOf(interceptor, current)
  }
  return current
}

function resultOf(interceptor: ProducerInterceptor, record: ProducerRecord): ProducerRecord {
  let next: ProducerRecord | undefined
  let isPromise = false
  try {
    next = interceptor.onSend?.(record)
    isPromise = typeof next === 'object' && next !== null && 'then' in next
  } catch (cause) {
    throw refused(`threw: ${textOf(cause)}`, cause)
  }
  if (typeof next !== 'object' || next === null) throw refused(`returned ${next === null ? 'null' : typeof next}`)
  if (!isPromise) return next
  handledResult(next)
  throw refused('returned a promise')
}

function refused(what: string, cause?: unknown): KafkaError {
  const hint = 'Return the record to send, synchronously.'
  return new KafkaError('INTERCEPTOR_FAILED', `The 'onSend' of an interceptor ${what}`, {
    cause,
    outcome: 'not-written',
    ...(cause === undefined && { hint }),
  })
}

/** A copy of a record with more headers, whatever the form of those that it has. */
export function withHeaders(record: ProducerRecord, added: Readonly<Record<string, RecordData>>): ProducerRecord {
  return { ...record, headers: [...pairsOf(record.headers), ...Object.entries(added)] }
}

type Pair = readonly [key: string, value: RecordData]

function pairsOf(headers: HeadersInput | undefined): readonly Pair[] {
  if (headers === undefined) return []
  if (isListed(headers))
    return headers.map((header) => (isPair(header) ? header : ([header.key, header.value] as const)))
  return Object.entries(headers).flatMap(([name, value]) => valuesOf(value).map((each): Pair => [name, each]))
}

type Listed = readonly (Pair | { readonly key: string; readonly value: RecordData })[]

function isListed(headers: HeadersInput): headers is Extract<HeadersInput, Listed> {
  return Array.isArray(headers)
}

function isPair(header: Listed[number]): header is Pair {
  return Array.isArray(header)
}

function valuesOf(value: RecordData | readonly RecordData[]): readonly RecordData[] {
  return Array.isArray(value) ? value : [value as RecordData]
}
