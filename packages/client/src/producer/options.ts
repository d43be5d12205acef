import { type CompressionName, compressionNames } from '@ottla/codec/records'
import { asKafkaError, optionError } from '../errors.ts'
import {
  describe,
  flag,
  integer,
  milliseconds,
  type OptionRule,
  type OptionTable,
  oneOf,
  optionalValue,
  orNothing,
  type ResolvedFrom,
  resolveOptions,
} from '../option-table.ts'
import type { ProducerInterceptor } from './interceptors.ts'
import { type PartitionerName, partitionerNames } from './partition-rules.ts'
import type { Partitioner } from './partitioner.ts'

export type Acks = 'all' | 1 | 0

/** Options of `kafka.producer(…)`. All times are in milliseconds, all sizes in bytes. */
export interface ProducerOptions {
  /** Which replicas must have a record before it is acknowledged: all in-sync ones, the leader, or none. Default 'all'. */
  readonly acks?: Acks | undefined
  /**
   * Stores each record exactly once and in order per partition, also after retries. Default true with `acks: 'all'`, which it
   * requires. Without it a retry may store records twice, and the order is kept only with `maxInFlight: 1`.
   */
  readonly idempotent?: boolean | undefined
  /**
   * How long a batch waits for more records; less than `deliveryTimeoutMs`. Default 0: it is sent as soon as its broker is free.
   * Records collect while the broker is busy, so batches grow with the load.
   */
  readonly lingerMs?: number | undefined
  /** A batch of this size takes no more records. A larger record is sent in a separate batch. Default 256 KiB. */
  readonly maxBatchBytes?: number | undefined
  /** The largest record, and the largest request. Default 1 MiB, as Java's max.request.size. */
  readonly maxRequestBytes?: number | undefined
  /**
   * Size of all records accepted and not settled, and beyond 1 MiB of the objects around them. Above it `send` waits and `enqueue`
   * returns false. Records of another `maxBufferedBytes` may wait; then `send` rejects. Default 32 MiB.
   */
  readonly maxBufferedBytes?: number | undefined
  /** From the acceptance of a record to its settlement, retries included. Default 120 000. */
  readonly deliveryTimeoutMs?: number | undefined
  /** Time limit of one attempt of a request. Default: that of the client. */
  readonly requestTimeoutMs?: number | undefined
  /** Maximum number of requests in flight to one broker; at most 5 with idempotence. Default 5. */
  readonly maxInFlight?: number | undefined
  /** 'gzip', 'snappy', 'lz4' or 'zstd'. Default 'none'. */
  readonly compression?: ProducerCompression | undefined
  /** gzip: 1 to 9; zstd: 1 to 22; the others have no levels. Default: that of the codec, 6 for gzip and 3 for zstd. */
  readonly compressionLevel?: number | undefined
  /** Compression of single topics, by name: `{ orders: { compression: 'zstd', compressionLevel: 3 } }`. */
  readonly topics?: Readonly<Record<string, ProducerTopicOptions>> | undefined
  /**
   * Chooses the partition of a record without `partition`: 'murmur2', 'round-robin', 'consistent-random', 'murmur2-random',
   * 'kafkajs-legacy', or a function. Default 'murmur2', as in Java: by the key; without a key sticky, weighted by load.
   */
  readonly partitioner?: PartitionerName | Partitioner | undefined
  /** See and change records before they are serialised, and see the results of batches. Called in their order. Default: none. */
  readonly interceptors?: readonly ProducerInterceptor[] | undefined
}

export type ProducerCompression = CompressionName

/** What differs for one topic from the options of the producer. */
export interface ProducerTopicOptions {
  /** Default: that of the producer, with its level. */
  readonly compression?: ProducerCompression | undefined
  /** Default: that of the producer, or that of the codec if the topic has a `compression`. */
  readonly compressionLevel?: number | undefined
}

const interceptorsMust = "must be a list of objects with the methods 'onSend' or 'onSettled'"

const isMethod = (value: unknown) => value === undefined || typeof value === 'function'

function isInterceptors(value: unknown): boolean {
  return Array.isArray(value) && value.every(isInterceptor)
}

function isInterceptor(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { onSend, onSettled } = value as Readonly<Record<string, unknown>>
  return isMethod(onSend) && isMethod(onSettled) && (onSend ?? onSettled) !== undefined
}

const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value)

const partitioner: OptionRule<PartitionerName | Partitioner> = {
  default: 'murmur2',
  check: (value) => {
    if (typeof value === 'function' || partitionerNames.includes(value as PartitionerName)) return undefined
    return `must be a function or one of ${partitionerNames.map((name) => `'${name}'`).join(', ')}`
  },
}

/** Every option of the producer with its default. */
export const producerOptions = Object.freeze({
  acks: oneOf<Acks>(['all', 1, 0], 'all'),
  idempotent: orNothing(flag(true)),
  lingerMs: milliseconds(0),
  // Java's 16 KiB suits lingering. Here a batch grows only while its broker is busy, so a large limit adds no latency: five
  // such batches in flight carry 100 MB/s at 10 ms. Larger ones save no CPU, and approach the broker's default limit of 1 MiB.
  maxBatchBytes: integer(256 << 10, 1 << 10, 1 << 30),
  maxRequestBytes: integer(1 << 20, 1 << 12, 1 << 30),
  maxBufferedBytes: integer(32 << 20, 1),
  deliveryTimeoutMs: milliseconds(120_000, 1),
  requestTimeoutMs: orNothing(integer(1, 1, 0x7fffffff)),
  maxInFlight: integer(5, 1, 1000),
  compression: oneOf<ProducerCompression>(compressionNames, 'none'),
  compressionLevel: orNothing(integer(-1, -1, 22)),
  topics: optionalValue<Readonly<Record<string, ProducerTopicOptions>>>(
    isObject,
    'must be an object: options by topic',
  ),
  partitioner,
  interceptors: optionalValue<readonly ProducerInterceptor[]>(isInterceptors, interceptorsMust),
})

const topicOptions = Object.freeze({
  compression: orNothing(producerOptions.compression),
  compressionLevel: producerOptions.compressionLevel,
})

/** The options of a topic, with those of the producer that it leaves out. */
export interface ResolvedProducerTopicOptions {
  readonly compression: ProducerCompression
  readonly compressionLevel: number | undefined
}

export interface ResolvedProducerOptions extends ResolvedProducerTopicOptions {
  readonly acks: Acks
  readonly idempotent: boolean
  readonly lingerMs: number
  readonly maxBatchBytes: number
  readonly maxRequestBytes: number
  readonly maxBufferedBytes: number
  readonly deliveryTimeoutMs: number
  readonly requestTimeoutMs: number
  /** After a request without a response for this long its connection is closed: those sent again would wait behind it. */
  readonly silentMs: number
  readonly maxInFlight: number
  /** Topics with a compression that differs. */
  readonly topics: ReadonlyMap<string, ResolvedProducerTopicOptions>
  readonly partitioner: PartitionerName | Partitioner
  /** Records are written in transactions only. */
  readonly transactional: boolean
  readonly interceptors: readonly ProducerInterceptor[]
}

/** The broker remembers this many batches of a producer: it could not recognise duplicates among more in flight. */
const maxInFlightIdempotent = 5

const maxGzipLevel = 9

const owner = 'kafka.producer()'

/** Validates; throws INVALID_OPTION. */
export function resolveProducerOptions(
  given: ProducerOptions | undefined,
  requestTimeoutMs: number,
): ResolvedProducerOptions {
  return resolveValues(owner, resolveOptions(owner, producerOptions, given), requestTimeoutMs)
}

/** The checks of values that depend on each other. */
export function resolveValues(
  owner: string,
  values: ResolvedFrom<typeof producerOptions>,
  requestTimeoutMs: number,
): ResolvedProducerOptions {
  const idempotent = values.idempotent ?? values.acks === 'all'
  if (idempotent && values.acks !== 'all') {
    throw optionError(
      'idempotent',
      owner,
      `requires acks: 'all', not ${values.acks}`,
      "Leave out 'idempotent', or set acks: 'all'.",
    )
  }
  if (idempotent && values.maxInFlight > maxInFlightIdempotent) {
    throw optionError(
      'maxInFlight',
      owner,
      `must be at most ${maxInFlightIdempotent} with idempotence, not ${values.maxInFlight}`,
      'Set idempotent: false to have more requests in flight: brokers recognise only the last 5 batches of a producer.',
    )
  }
  checkLevel(values, '')
  if (values.lingerMs >= values.deliveryTimeoutMs) {
    throw optionError(
      'lingerMs',
      owner,
      `must be less than 'deliveryTimeoutMs' (${values.deliveryTimeoutMs}), not ${values.lingerMs}`,
      "Lower 'lingerMs': a record that lingers as long as it may live is never sent.",
    )
  }
  const resolved: ResolvedProducerOptions = {
    ...values,
    idempotent,
    transactional: false,
    interceptors: Object.freeze([...(values.interceptors ?? [])]),
    topics: topicsOf(values.topics ?? {}, values),
    maxBatchBytes: Math.min(values.maxBatchBytes, values.maxRequestBytes),
    requestTimeoutMs: Math.min(values.requestTimeoutMs ?? requestTimeoutMs, values.deliveryTimeoutMs),
    silentMs: values.requestTimeoutMs ?? requestTimeoutMs,
  }
  return Object.freeze(resolved)
}

function checkLevel({ compression, compressionLevel }: ResolvedProducerTopicOptions, prefix: string): void {
  if (compression !== 'gzip' || compressionLevel === undefined || compressionLevel <= maxGzipLevel) return
  const problem = `must be at most ${maxGzipLevel} for gzip, not ${compressionLevel}`
  throw optionError(`${prefix}compressionLevel`, owner, problem)
}

/** A copy, with what a topic leaves out. A level belongs to the compression next to it. */
function topicsOf(
  given: Readonly<Record<string, unknown>>,
  producer: ResolvedProducerTopicOptions,
): ReadonlyMap<string, ResolvedProducerTopicOptions> {
  const topics = new Map<string, ResolvedProducerTopicOptions>()
  for (const [topic, options] of Object.entries(given)) {
    if (!isObject(options)) throw optionError(`topics.${topic}`, owner, `must be an object, not ${describe(options)}`)
    const prefix = `topics.${topic}.`
    const { compression, compressionLevel } = resolveOptions(owner, topicOptions, options, prefix)
    const resolved: ResolvedProducerTopicOptions = {
      compression: compression ?? producer.compression,
      compressionLevel: compressionLevel ?? (compression === undefined ? producer.compressionLevel : undefined),
    }
    checkLevel(resolved, prefix)
    topics.set(topic, Object.freeze(resolved))
  }
  return topics
}

const isSignal = (value: unknown) =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as AbortSignal).aborted === 'boolean' &&
  typeof (value as AbortSignal).addEventListener === 'function'

export const signalOptions = Object.freeze({ signal: optionalValue<AbortSignal>(isSignal, 'must be an AbortSignal') })

/** The signal of a call of the producer. Throws INVALID_OPTION, also for any other option. */
export function signalOf(call: string, given: unknown): AbortSignal | undefined {
  return given === undefined ? undefined : resolveCallOptions(call, signalOptions, given).signal
}

/** The options of one call. Throws INVALID_OPTION, which does not end the producer. */
export function resolveCallOptions<T extends OptionTable>(call: string, table: T, given: unknown): ResolvedFrom<T> {
  try {
    return resolveOptions(call, table, given)
  } catch (error) {
    throw asKafkaError(error, call).with({ fatal: false, outcome: 'not-written' })
  }
}
