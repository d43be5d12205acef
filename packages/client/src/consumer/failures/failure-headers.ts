import type { Message } from '../message.ts'
import { describeError, type FailedRecord } from './failure.ts'
import type { OutgoingHeader } from './record-sender.ts'

/** How much of the failure the headers describe: a record may be too large with its stack, or with any text. */
export type Detail = 'full' | 'short'

/** Headers by name, or as a list. */
export type FailureHeaders =
  | { readonly [name: string]: string | Uint8Array | null }
  | readonly OutgoingHeader[]
  | undefined

/**
 * The headers that describe a failure. 'ottla': `ottla-*`, as text. 'spring': those of Spring Kafka's DeadLetterPublishingRecoverer,
 * `kafka_dlt-*`. 'connect': those of Kafka Connect's dead letter queues, `__connect.errors.*` (KIP-298). A function returns its own.
 */
export type FailureHeaderFormat = 'ottla' | 'spring' | 'connect' | ((failed: FailedRecord) => FailureHeaders)

/** ottla's own headers. All values are text; numbers are decimal. */
export const ownNames = Object.freeze({
  topic: 'ottla-original-topic',
  partition: 'ottla-original-partition',
  offset: 'ottla-original-offset',
  timestamp: 'ottla-original-timestamp',
  timestampType: 'ottla-original-timestamp-type',
  group: 'ottla-group',
  attempts: 'ottla-attempts',
  errorName: 'ottla-error-name',
  errorMessage: 'ottla-error-message',
  errorStack: 'ottla-error-stack',
  /** In retry topics: when the record is due, in ms since the epoch. */
  due: 'ottla-retry-due',
  /** The record describes a batch that could not be read: its last offset. */
  unreadable: 'ottla-unreadable-last-offset',
})

export const springNames = Object.freeze({
  topic: 'kafka_dlt-original-topic',
  partition: 'kafka_dlt-original-partition',
  offset: 'kafka_dlt-original-offset',
  timestamp: 'kafka_dlt-original-timestamp',
  timestampType: 'kafka_dlt-original-timestamp-type',
  group: 'kafka_dlt-original-consumer-group',
  errorName: 'kafka_dlt-exception-fqcn',
  causeName: 'kafka_dlt-exception-cause-fqcn',
  errorMessage: 'kafka_dlt-exception-message',
  errorStack: 'kafka_dlt-exception-stacktrace',
  keyErrorName: 'kafka_dlt-key-exception-fqcn',
  keyErrorMessage: 'kafka_dlt-key-exception-message',
  keyErrorStack: 'kafka_dlt-key-exception-stacktrace',
})

export const connectNames = Object.freeze({
  topic: '__connect.errors.topic',
  partition: '__connect.errors.partition',
  offset: '__connect.errors.offset',
  connector: '__connect.errors.connector.name',
  task: '__connect.errors.task.id',
  stage: '__connect.errors.stage',
  executingClass: '__connect.errors.class.name',
  errorName: '__connect.errors.exception.class.name',
  errorMessage: '__connect.errors.exception.message',
  errorStack: '__connect.errors.exception.stacktrace',
})

const ownSet: ReadonlySet<string> = new Set(Object.values(ownNames))
/** Spring removes an earlier description of the exception, and appends the place. */
const springReplaced: ReadonlySet<string> = new Set([
  springNames.errorName,
  springNames.causeName,
  springNames.errorMessage,
  springNames.errorStack,
  springNames.keyErrorName,
  springNames.keyErrorMessage,
  springNames.keyErrorStack,
])
/** Of Spring's retry topics and dead letters, beside `springNames`. */
const springPrefixes = ['kafka_dlt-', 'kafka_original-', 'kafka_exception-', 'kafka_key-exception-', 'retry_topic-']

/** Whether a header describes a failure, in any of the formats: a record that is processed again must not have it. */
export function isFailureHeader(name: string): boolean {
  return (
    ownSet.has(name) || name.startsWith('__connect.errors.') || springPrefixes.some((prefix) => name.startsWith(prefix))
  )
}

/** The headers of a record as they were written, without what ottla added for a retry topic or an earlier dead letter. */
export function keptHeaders({ headers }: Pick<Message, 'headers'>): OutgoingHeader[] {
  return headers.filter(({ key }) => !ownSet.has(key))
}

/** All headers of a dead letter: those of the original, and the description of the failure. */
export function deadLetterHeaders(format: FailureHeaderFormat, failed: FailedRecord, detail: Detail): OutgoingHeader[] {
  const kept = keptHeaders(failed.message)
  if (typeof format === 'function') return [...kept, ...listed(format(failed))]
  const described = describedHeaders(format, failed, detail)
  if (format !== 'spring') return [...kept, ...described]
  return [...kept.filter(({ key }) => !springReplaced.has(key)), ...described]
}

/** What describes a failure, without the record. */
export type Described = Omit<FailedRecord, 'message'>

export function describedHeaders(
  format: Exclude<FailureHeaderFormat, (failed: FailedRecord) => FailureHeaders>,
  failed: Described,
  detail: Detail,
): OutgoingHeader[] {
  if (format === 'spring') return springHeaders(failed, detail)
  return format === 'connect' ? connectHeaders(failed, detail) : ownHeaders(failed, detail)
}

/** ottla's own description, also of a record that is sent to a retry topic. */
export function ownHeaders(failed: Described, detail: Detail): OutgoingHeader[] {
  const { original, groupId, attempts } = failed
  const error = describeError(failed.error)
  const headers: OutgoingHeader[] = [
    { key: ownNames.topic, value: original.topic },
    { key: ownNames.partition, value: String(original.partition) },
    { key: ownNames.offset, value: String(original.offset) },
    { key: ownNames.timestamp, value: String(original.timestamp) },
    { key: ownNames.timestampType, value: timestampTypes[original.timestampType] },
  ]
  if (groupId !== undefined) headers.push({ key: ownNames.group, value: groupId })
  headers.push({ key: ownNames.attempts, value: String(attempts) }, { key: ownNames.errorName, value: error.name })
  if (detail === 'short') return headers
  headers.push({ key: ownNames.errorMessage, value: error.message }, { key: ownNames.errorStack, value: error.stack })
  return headers
}

/** As in Java's `TimestampType.toString()`. */
const timestampTypes = { create: 'CreateTime', append: 'LogAppendTime' } as const

/** Spring Kafka's `DeadLetterRecordManager`: numbers are big-endian, `int` for the partition and `long` for offset and timestamp. */
function springHeaders({ original, groupId, error, field }: Described, detail: Detail): OutgoingHeader[] {
  const { name, message, stack } = describeError(error)
  const isKey = field === 'key'
  const headers: OutgoingHeader[] = [
    { key: isKey ? springNames.keyErrorName : springNames.errorName, value: name },
    { key: springNames.causeName, value: name },
  ]
  if (detail === 'full') {
    headers.push(
      { key: isKey ? springNames.keyErrorMessage : springNames.errorMessage, value: message },
      { key: isKey ? springNames.keyErrorStack : springNames.errorStack, value: stack },
    )
  }
  headers.push(
    { key: springNames.topic, value: original.topic },
    { key: springNames.partition, value: int32(original.partition) },
    { key: springNames.offset, value: int64(original.offset) },
    { key: springNames.timestamp, value: int64(BigInt(Math.trunc(original.timestamp))) },
    { key: springNames.timestampType, value: timestampTypes[original.timestampType] },
  )
  if (groupId !== undefined) headers.push({ key: springNames.group, value: groupId })
  return headers
}

/** The names of Connect's `Stage`. Of a handler it is that of a sink task. */
function connectStage(field: Described['field']): string {
  if (field === undefined) return 'TASK_PUT'
  return field === 'key' ? 'KEY_CONVERTER' : 'VALUE_CONVERTER'
}

/** Kafka Connect's `DeadLetterQueueReporter`: everything is text. */
function connectHeaders({ original, groupId, error, field }: Described, detail: Detail): OutgoingHeader[] {
  const { name, message, stack } = describeError(error)
  const headers: OutgoingHeader[] = [
    { key: connectNames.topic, value: original.topic },
    { key: connectNames.partition, value: String(original.partition) },
    { key: connectNames.offset, value: String(original.offset) },
    { key: connectNames.connector, value: groupId ?? '' },
    { key: connectNames.task, value: '0' },
    { key: connectNames.stage, value: connectStage(field) },
    { key: connectNames.executingClass, value: 'ottla.Consumer' },
    { key: connectNames.errorName, value: name },
  ]
  if (detail === 'short') return headers
  headers.push({ key: connectNames.errorMessage, value: message }, { key: connectNames.errorStack, value: stack })
  return headers
}

/** What a function returned; the producer checks the values. */
function listed(headers: FailureHeaders): OutgoingHeader[] {
  if (headers === undefined || headers === null) return []
  if (typeof headers !== 'object') throw new TypeError("the function 'headers' returned neither an object nor a list")
  if (Array.isArray(headers)) return [...headers]
  return Object.entries(headers).map(([key, value]) => ({ key, value }))
}

function int32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

function int64(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt.asIntN(64, value))
  return bytes
}
