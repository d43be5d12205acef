import { type ErrorName, errorOf } from '@ottla/codec'

/** What the client itself reports, beside the names of Kafka's own error codes. */
export type ClientErrorCode =
  | 'ABORTED' // the caller's AbortSignal fired
  | 'BUFFER_FULL'
  | 'CLOSED'
  | 'CONNECTION_FAILED' // no connection could be opened: nothing was sent
  | 'CONNECTION_LOST' // an open connection ended before the answer
  | 'CONSUMER_BUSY'
  | 'DELIVERY_TIMED_OUT'
  | 'DESERIALIZE_FAILED'
  | 'HANDLER_FAILED'
  | 'INVALID_ARGUMENT'
  | 'INVALID_OPTION'
  | 'INVALID_STATE'
  | 'NO_BROKER_REACHABLE'
  | 'PARTITIONER_FAILED'
  | 'PROCESSING_TIMED_OUT'
  | 'PROTOCOL_ERROR' // bytes that no Kafka broker sends
  | 'SASL_REQUIRED'
  | 'SEND_FAILED' // some records of an array
  | 'SERIALIZE_FAILED'
  | 'TIMED_OUT' // the total deadline of a call passed; `cause` is the last failure
  | 'TLS_FAILED'
  | 'TLS_MISMATCH' // one side speaks TLS, the other does not
  | 'UNSUPPORTED_BROKER'

/** The name of an error as Kafka's documents give it, or one of the client's own. */
export type ErrorCode = ErrorName | ClientErrorCode

/** Where a request went. `id` is -1 for a bootstrap address whose broker id is not known yet. */
export interface BrokerAddress {
  readonly id: number
  readonly host: string
  readonly port: number
}

export interface KafkaErrorDetails {
  /** The same call may succeed later. Default false. */
  readonly retriable?: boolean | undefined
  /** The client, producer or consumer cannot go on after it. Default false. */
  readonly fatal?: boolean | undefined
  /** Whether the broker may have acted: `unknown` once bytes were written and no answer came. */
  readonly outcome?: 'not-written' | 'unknown' | undefined
  readonly broker?: BrokerAddress | undefined
  readonly topic?: string | undefined
  readonly partition?: number | undefined
  readonly offset?: bigint | undefined
  /** What to do about it. */
  readonly hint?: string | undefined
  readonly cause?: unknown
  /** The cached metadata was wrong: look it up before the next attempt. */
  readonly refreshMetadata?: boolean | undefined
}

const brand: unique symbol = Symbol.for('ottla.KafkaError')

/**
 * Every failure that reaches the user. Test `code`, never `message`; use `KafkaError.is(error)` in place of `instanceof`,
 * which fails when the ESM and the CJS build are loaded together.
 */
export class KafkaError extends Error {
  readonly code: ErrorCode
  readonly retriable: boolean
  readonly fatal: boolean
  // Only there when known, so that a printed error shows no empty ones.
  declare readonly outcome: 'not-written' | 'unknown' | undefined
  declare readonly broker: BrokerAddress | undefined
  declare readonly topic: string | undefined
  declare readonly partition: number | undefined
  declare readonly offset: bigint | undefined
  declare readonly hint: string | undefined
  readonly #refreshMetadata: boolean

  constructor(code: ErrorCode, message: string, details: KafkaErrorDetails = {}) {
    super(printable(message), details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.retriable = details.retriable ?? false
    this.fatal = details.fatal ?? false
    if (details.outcome !== undefined) this.outcome = details.outcome
    if (details.broker !== undefined) this.broker = details.broker
    if (details.topic !== undefined) this.topic = details.topic
    if (details.partition !== undefined) this.partition = details.partition
    if (details.offset !== undefined) this.offset = details.offset
    if (details.hint !== undefined) this.hint = details.hint
    this.#refreshMetadata = details.refreshMetadata ?? false
  }

  get [brand](): true {
    return true
  }

  /** Whether a value is a KafkaError, of whichever build of this package. */
  static is(value: unknown): value is KafkaError {
    return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[brand] === true
  }

  /** Whether the cached metadata was wrong, so that it must be looked up before the next attempt. */
  get refreshMetadata(): boolean {
    return this.#refreshMetadata
  }

  toJSON(): Record<string, unknown> {
    return {
      name: this.name,
      code: this.code,
      message: this.message,
      retriable: this.retriable,
      fatal: this.fatal,
      outcome: this.outcome,
      broker: this.broker,
      topic: this.topic,
      partition: this.partition,
      offset: this.offset?.toString(),
      hint: this.hint,
      cause: this.cause instanceof Error ? { name: this.cause.name, message: this.cause.message } : undefined,
    }
  }
}

Object.defineProperty(KafkaError.prototype, 'name', { value: 'KafkaError', configurable: true, writable: true })

/** What an error of the broker was about. */
export interface ErrorPlace {
  readonly broker?: BrokerAddress | undefined
  readonly topic?: string | undefined
  readonly partition?: number | undefined
  readonly group?: string | undefined
  /** The broker's own words. */
  readonly message?: string | null | undefined
  readonly hint?: string | undefined
  readonly fatal?: boolean | undefined
}

/** The KafkaError for an error code of the protocol. `operation` reads as a subject: 'Produce', 'Joining the group'. */
export function kafkaErrorOf(errorCode: number, operation: string, where: ErrorPlace = {}): KafkaError {
  const known = errorOf(errorCode)
  const reason = where.message || known.message
  return new KafkaError(known.name, `${operation} failed${placeOf(where)}: ${known.name}, ${reason}`, {
    retriable: known.retriable,
    refreshMetadata: known.refreshMetadata,
    fatal: where.fatal,
    broker: where.broker,
    topic: where.topic,
    partition: where.partition,
    hint: where.hint ?? hints.get(known.name),
  })
}

function placeOf({ broker, topic, partition, group }: ErrorPlace): string {
  const parts: string[] = []
  if (topic !== undefined) parts.push(`topic '${topic}'`)
  if (partition !== undefined) parts.push(`partition ${partition}`)
  if (group !== undefined) parts.push(`group '${group}'`)
  if (broker !== undefined) parts.push(describeBroker(broker))
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`
}

export function describeBroker({ id, host, port }: BrokerAddress): string {
  return id < 0 ? `broker ${host}:${port}` : `broker ${id} at ${host}:${port}`
}

const hints = new Map<string, string>([
  [
    'UNKNOWN_TOPIC_OR_PARTITION',
    'Create the topic first (admin.createTopics) or check its spelling: the client does not create topics on its own.',
  ],
  ['TOPIC_AUTHORIZATION_FAILED', 'Ask for an ACL that allows this principal to use the topic.'],
  ['GROUP_AUTHORIZATION_FAILED', 'Ask for an ACL that allows this principal to READ the group.'],
  ['CLUSTER_AUTHORIZATION_FAILED', 'Ask for an ACL on the cluster resource for this principal.'],
  ['TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'Ask for an ACL that allows this principal to WRITE the transactionalId.'],
  ['MESSAGE_TOO_LARGE', "Send smaller records, or raise the topic's max.message.bytes."],
  ['RECORD_LIST_TOO_LARGE', "Send smaller batches, or raise the broker's message.max.bytes."],
  [
    'NOT_ENOUGH_REPLICAS',
    'Fewer replicas are in sync than min.insync.replicas asks for: look for a broker that is down.',
  ],
  ['INVALID_REPLICATION_FACTOR', 'The replication factor must be between 1 and the number of brokers.'],
  ['TOPIC_ALREADY_EXISTS', 'The topic is there already: it was not changed.'],
  ['INVALID_TOPIC_EXCEPTION', "A topic name has 1 to 249 characters of A-Z a-z 0-9 . _ and -, and is not '.' or '..'."],
  ['SASL_AUTHENTICATION_FAILED', 'Check user name, password and mechanism of the `sasl` option.'],
  ['PRODUCER_FENCED', 'Another instance uses this transactionalId: each instance needs its own.'],
  ['FENCED_INSTANCE_ID', 'Another consumer uses this instanceId: each member needs its own.'],
])

// Line breaks and control characters in what a peer sent could forge lines of a log.
function printable(text: string): string {
  return text
    .replace(/[\t\r\n]+/g, ' ')
    .replace(/[\p{Cc}\u2028\u2029]/gu, '\ufffd')
    .trimEnd()
}

/** Any thrown value as a KafkaError; a foreign error becomes the `cause` of one that cannot be retried. */
export function asKafkaError(error: unknown, operation: string): KafkaError {
  if (KafkaError.is(error)) return error
  const reason = error instanceof Error ? error.message : String(error)
  return new KafkaError('PROTOCOL_ERROR', `${operation} failed: ${reason}`, { cause: error })
}

/** The same failure for a request of which nothing was sent. */
export function notWritten(error: KafkaError): KafkaError {
  if (error.outcome === 'not-written') return error
  const lost = error.code === 'CONNECTION_LOST' || error.code === 'REQUEST_TIMED_OUT'
  const { message, retriable, fatal, broker, topic, partition, hint, refreshMetadata } = error
  const details = { retriable, fatal, broker, topic, partition, hint, refreshMetadata, cause: error.cause ?? error }
  return new KafkaError(lost ? 'CONNECTION_FAILED' : error.code, message, { ...details, outcome: 'not-written' })
}

export function closedError(what: string, outcome?: 'not-written' | 'unknown'): KafkaError {
  return new KafkaError('CLOSED', `${what} is closed`, { outcome })
}

export function abortedError(operation: string, signal: AbortSignal, outcome?: 'not-written' | 'unknown'): KafkaError {
  return new KafkaError('ABORTED', `${operation} was aborted by its signal`, { cause: signal.reason, outcome })
}

export function invalidOption(message: string, hint?: string): KafkaError {
  return new KafkaError('INVALID_OPTION', message, { hint, fatal: true })
}
