import { type ErrorName, errorOf } from '@ottla/codec'
import { clonableCause, jsonOfError, textOf } from './error-data.ts'
import { hintOf } from './error-hints.ts'
import type { SchemaIssue } from './schema-issue.ts'

/** The codes that the client itself reports, beside the names of Kafka's error codes. */
export const clientErrorCodes = [
  'ABORTED', // the caller's AbortSignal fired
  'ASSIGNOR_FAILED', // an assignor of the application threw, or returned no assignment
  'BUFFER_FULL',
  'CLOSED',
  'CONNECTION_FAILED', // no connection could be opened: nothing was sent
  'CONNECTION_LOST', // an open connection ended before the response
  'CONSUMER_BUSY',
  'DELIVERY_TIMED_OUT',
  'DESERIALIZE_FAILED',
  'HANDLER_FAILED',
  'INTERCEPTOR_FAILED',
  'INTERNAL_ERROR', // a bug in ottla, or in a callback that has no code of its own
  'INVALID_ARGUMENT',
  'INVALID_OPTION',
  'INVALID_STATE',
  'NO_BROKER_REACHABLE',
  'PARTITIONER_FAILED',
  'PROCESSING_TIMED_OUT',
  'PROTOCOL_ERROR', // bytes that no Kafka broker sends
  'SASL_REQUIRED',
  'SEND_FAILED', // some records of an array
  'SERIALIZE_FAILED',
  'TIMED_OUT', // the total deadline of a call passed; `cause` is the last failure
  'TLS_FAILED',
  'TLS_MISMATCH', // one side uses TLS, the other does not
  'TRANSACTION_ABORTED', // the record belonged to a transaction that the application aborted
  'UNSUPPORTED_BROKER',
] as const

export type ClientErrorCode = (typeof clientErrorCodes)[number]

/** The name of an error as in Kafka's documentation, or one of the client's own. */
export type ErrorCode = ErrorName | ClientErrorCode

/** `not-written`: the broker did not act. `unknown`: it may have acted, for bytes were written and no response arrived. */
export type Outcome = 'not-written' | 'unknown'

/** The address of a broker. `id` is negative for a bootstrap address, whose broker id is not known yet. */
export interface BrokerAddress {
  readonly id: number
  readonly host: string
  readonly port: number
}

export interface KafkaErrorDetails {
  /** The same call may succeed later. Default false. */
  readonly retriable?: boolean | undefined
  /** The client, producer or consumer cannot continue after it. Default false. */
  readonly fatal?: boolean | undefined
  readonly outcome?: Outcome | undefined
  /** Copied: an object with more properties, such as a broker of the cluster, is fine. */
  readonly broker?: BrokerAddress | undefined
  readonly topic?: string | undefined
  readonly partition?: number | undefined
  readonly offset?: bigint | undefined
  /** What to do about it, in one imperative sentence. */
  readonly hint?: string | undefined
  /** Kept as it is where `structuredClone` accepts it, else replaced by an Error with its text. */
  readonly cause?: unknown
  /** What a schema found wrong with a key or a value. */
  readonly issues?: readonly SchemaIssue[] | undefined
  /** The cached metadata was wrong: refresh it before the next attempt. */
  readonly refreshMetadata?: boolean | undefined
}

/** What `KafkaError.with` can change. */
export interface KafkaErrorChanges extends KafkaErrorDetails {
  readonly code?: ErrorCode | undefined
  readonly message?: string | undefined
}

const brand: unique symbol = Symbol.for('ottla.KafkaError')

/**
 * Every failure that reaches the user. Test `code`, never `message`; use `KafkaError.is(error)` in place of `instanceof`,
 * which fails when the ESM and the CJS build are loaded together.
 *
 * Its fields are plain data. `JSON.stringify` writes all of them; `structuredClone` keeps what it keeps of any Error (message,
 * stack, cause), so send `error.toJSON()` to a worker that needs the code.
 */
export class KafkaError extends Error {
  /** Bundlers may rename the class; loggers and monitors show this. */
  static override readonly name: string = 'KafkaError'
  readonly code: ErrorCode
  readonly retriable: boolean
  readonly fatal: boolean
  // Only defined when known, so that a printed error has no empty fields.
  declare readonly outcome: Outcome | undefined
  declare readonly broker: BrokerAddress | undefined
  declare readonly topic: string | undefined
  declare readonly partition: number | undefined
  declare readonly offset: bigint | undefined
  declare readonly hint: string | undefined
  /**
   * What the schema of a topic found wrong with a key or a value. Their messages may contain the value, so no message, log, JSON or
   * inspection shows them.
   */
  declare readonly issues: readonly SchemaIssue[] | undefined
  readonly #refreshMetadata: boolean

  constructor(code: ErrorCode, message: string, details: KafkaErrorDetails = {}) {
    super(printable(message), details.cause === undefined ? undefined : { cause: clonableCause(details.cause) })
    this.code = code
    this.retriable = details.retriable ?? false
    this.fatal = details.fatal ?? false
    if (details.outcome !== undefined) this.outcome = details.outcome
    if (details.broker !== undefined) this.broker = addressOf(details.broker)
    if (details.topic !== undefined) this.topic = details.topic
    if (details.partition !== undefined) this.partition = details.partition
    if (details.offset !== undefined) this.offset = details.offset
    if (details.hint !== undefined) this.hint = details.hint
    if (details.issues !== undefined) Object.defineProperty(this, 'issues', { value: details.issues })
    this.#refreshMetadata = details.refreshMetadata ?? false
  }

  get [brand](): true {
    return true
  }

  /** Whether a value is a KafkaError, of any build of this package. */
  static is(value: unknown): value is KafkaError {
    return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[brand] === true
  }

  /** Whether the cached metadata was wrong, so that it must be refreshed before the next attempt. */
  get refreshMetadata(): boolean {
    return this.#refreshMetadata
  }

  /**
   * A copy with these changes; the error itself where they change nothing. Everything else is kept, the stack too. A change to
   * undefined changes nothing.
   */
  with(changes: KafkaErrorChanges): KafkaError {
    if (!differs(this, changes)) return this
    const { code = this.code, message = this.message, ...details } = changed(this, changes)
    return withStackOf(this, new KafkaError(code, message, details))
  }

  /** For JSON.stringify: offsets as strings, and every cause with its name, code and message. */
  toJSON(): Record<string, unknown> {
    return jsonOfError(this)
  }
}

Object.defineProperty(KafkaError.prototype, 'name', { value: 'KafkaError', configurable: true, writable: true })

const changeable = [
  'code',
  'message',
  'retriable',
  'fatal',
  'outcome',
  'broker',
  'topic',
  'partition',
  'offset',
  'hint',
  'cause',
  'issues',
  'refreshMetadata',
] as const satisfies readonly (keyof KafkaErrorChanges)[]

export function differs(error: KafkaError, changes: KafkaErrorChanges): boolean {
  return changeable.some((name) => changes[name] !== undefined && changes[name] !== error[name])
}

/** What a changed copy is made of. A class that holds more than a KafkaError overrides `with`, and needs it for that. */
export function changed(error: KafkaError, changes: KafkaErrorChanges): KafkaErrorChanges {
  return Object.fromEntries(changeable.map((name) => [name, changes[name] ?? error[name]]))
}

/** The stack of a copy is that of the failure, not of the place where the copy was made. */
export function withStackOf<E extends KafkaError>(original: KafkaError, copy: E): E {
  if (original.stack === undefined) return copy
  copy.stack = original.stack.replace(original.message, () => copy.message)
  return copy
}

function addressOf({ id, host, port }: BrokerAddress): BrokerAddress {
  return { id, host, port }
}

/** What an error of the broker concerns. */
export interface ErrorPlace {
  readonly broker?: BrokerAddress | undefined
  readonly topic?: string | undefined
  readonly partition?: number | undefined
  readonly group?: string | undefined
  /** The broker's own words. */
  readonly message?: string | null | undefined
  readonly hint?: string | undefined
  readonly fatal?: boolean | undefined
  readonly outcome?: Outcome | undefined
}

/** The KafkaError for an error code of the protocol. `operation` is a subject: 'Producing', 'Joining the group'. */
export function kafkaErrorOf(errorCode: number, operation: string, where: ErrorPlace = {}): KafkaError {
  const known = errorOf(errorCode)
  const { broker, topic, partition, fatal, outcome } = where
  const reason = where.message || known.message
  return new KafkaError(known.name, `${operation} failed${describePlace(where)}: ${known.name}, ${reason}`, {
    ...{ broker, topic, partition, fatal, outcome },
    retriable: known.retriable,
    refreshMetadata: known.refreshMetadata,
    hint: where.hint ?? hintOf(known.name),
  })
}

function describePlace({ broker, topic, partition, group }: ErrorPlace): string {
  const parts: string[] = []
  if (topic !== undefined)
    parts.push(partition === undefined ? `topic '${topic}'` : describePartition({ topic, partition }))
  if (group !== undefined) parts.push(`group '${group}'`)
  if (broker !== undefined) parts.push(describeBroker(broker))
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`
}

export function describeBroker({ id, host, port }: BrokerAddress): string {
  return id < 0 ? `broker ${host}:${port}` : `broker ${id} at ${host}:${port}`
}

/** The form of a partition in messages and logs, `topic 'orders', partition 3`, with the offset of a record where there is one. */
export function describePartition(place: {
  readonly topic: string
  readonly partition: number
  readonly offset?: bigint | number | undefined
}): string {
  const { topic, partition, offset } = place
  return `topic '${topic}', partition ${partition}${offset === undefined ? '' : `, offset ${offset}`}`
}

/** What is wrong with a partition that a topic with `count` partitions does not have. */
export function noSuchPartition(place: { readonly topic: string; readonly partition: number }, count: number): string {
  return `${capitalized(describePartition(place))} does not exist: the topic has partitions 0 to ${count - 1}`
}

/** For a description at the beginning of a message. */
export function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

// Line breaks and control characters in what a peer sent could forge lines of a log.
function printable(text: string): string {
  return text
    .replace(/[\t\r\n]+/g, ' ')
    .replace(/[\p{Cc}\u2028\u2029]/gu, '\ufffd')
    .trimEnd()
}

const internalHint =
  'Please report this as a bug of ottla, with the stack of `cause`, unless it comes from a function that you passed in.'

/** Any thrown value as a KafkaError. One that is none comes from a bug: it becomes the `cause` of an INTERNAL_ERROR. */
export function asKafkaError(error: unknown, operation: string): KafkaError {
  if (KafkaError.is(error)) return error
  return new KafkaError('INTERNAL_ERROR', `${operation} failed: ${textOf(error)}`, { cause: error, hint: internalHint })
}

/** Whose life ended: the words of `The producer is closed`. */
export type ClosablePart = 'client' | 'producer' | 'consumer' | 'processor' | 'admin client' | 'connection'

export function closedError(what: ClosablePart, outcome?: Outcome): KafkaError {
  return new KafkaError('CLOSED', `The ${what} is closed`, { outcome })
}

export function abortedError(operation: string, signal: AbortSignal, outcome?: Outcome): KafkaError {
  return new KafkaError('ABORTED', `${operation} was aborted by its signal`, { cause: signal.reason, outcome })
}

/** `owner` is the call that takes the option: 'kafka.producer()'. */
export function optionError(name: string, owner: string, problem: string, hint?: string): KafkaError {
  return invalidOption(`Option '${name}' of ${owner} ${problem}`, hint)
}

export function invalidOption(message: string, hint?: string): KafkaError {
  return new KafkaError('INVALID_OPTION', message, { hint, fatal: true })
}
