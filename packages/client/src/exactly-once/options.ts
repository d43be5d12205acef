import type { AnyMessage, BatchOf, Message } from '../consumer/message.ts'
import {
  type ConsumerOptions,
  consumerOptions,
  type MessageOf,
  type ResolvedConsumerOptions,
  resolveConsumerOptions,
  type TopicSelector,
} from '../consumer/options.ts'
import {
  type HandlerContext,
  type ResolvedRunOptions,
  type RetryPolicy,
  type RunOptions,
  resolveRunOptions,
} from '../consumer/reading/run-options.ts'
import type { UntypedSelector } from '../consumer/topic-selector.ts'
import { optionError } from '../errors.ts'
import { checkNames, integer, milliseconds, orNothing, requiredValue, resolveOptions } from '../option-table.ts'
import { type ProducerOptions, producerOptions } from '../producer/options.ts'
import { type ResolvedTransactionalOptions, resolveTransactionalOptions } from '../producer/transactions/options.ts'
import type { HandlerTransaction } from './handler-transaction.ts'

/** What a transactional processor decides itself. */
type OwnedByProcessor = 'groupId' | 'topics' | 'assign' | 'commit' | 'commitStart' | 'deadLetter'

/**
 * Options of `kafka.processTransactionally(…)`: those of the consumer that reads, those of the transactions, and what is done with
 * each message.
 */
export interface TransactionalProcessorOptions<S extends TopicSelector = UntypedSelector>
  extends Omit<ConsumerOptions<S>, OwnedByProcessor> {
  /** All instances of the processor: they share the partitions. */
  readonly groupId: string
  /** What is read: names, patterns and typed topics, as for `kafka.consumer`. */
  readonly topics: S | readonly S[]
  /**
   * Names this instance across restarts: a new one with the same name ends what the former has left open, and fences it. Each instance
   * that runs at the same time needs one of its own.
   */
  readonly transactionalId: string
  /**
   * Called with each message, in order within a partition, and the transaction to which its outputs belong. A returned promise is
   * awaited.
   */
  readonly each?: ((message: MessageOf<S>, tx: HandlerTransaction, context: HandlerContext) => unknown) | undefined
  /** Called with each record batch, instead of `each`. */
  readonly eachBatch?:
    | ((batch: BatchOf<MessageOf<S>>, tx: HandlerTransaction, context: HandlerContext) => unknown)
    | undefined
  /** How many handlers run at the same time, each for another partition. Default 1. */
  readonly concurrency?:
    | number
    | { readonly by?: 'partition' | undefined; readonly limit?: number | undefined }
    | undefined
  /**
   * Attempts of a handler that throws; each one is part of another transaction, in which everything of the aborted one is processed
   * again. Default: one attempt.
   */
  readonly retry?: RetryPolicy | undefined
  /** How long a transaction is open before it is committed; running handlers are awaited. Default 100. */
  readonly commitIntervalMs?: number | undefined
  /** A transaction with this many messages is committed before that. Default 10 000. */
  readonly maxRecords?: number | undefined
  /** For how long transactions may fail in sequence, for reasons that may heal, before the processor fails. Default 120 000. */
  readonly retryTimeoutMs?: number | undefined
  /**
   * The coordinator aborts a transaction that takes longer. Until then the partitions of an instance that died cannot be read by the
   * others. Default 60 000.
   */
  readonly transactionTimeoutMs?: number | undefined
  /** Options of the producer that sends: `compression`, `lingerMs`, … */
  readonly producer?: Omit<ProducerOptions, 'acks' | 'idempotent'> | undefined
}

/** When transactions are committed, and repeated. */
export interface RoundPolicy {
  readonly commitIntervalMs: number
  readonly maxRecords: number
  readonly retryTimeoutMs: number
  readonly transactionTimeoutMs: number
  readonly retry: Pick<ResolvedRunOptions, 'attempts' | 'backoff' | 'retryIf'>
}

export interface ProcessorHandlers {
  readonly each: ((message: Message, tx: HandlerTransaction, context: HandlerContext) => unknown) | undefined
  readonly eachBatch:
    | ((batch: BatchOf<AnyMessage>, tx: HandlerTransaction, context: HandlerContext) => unknown)
    | undefined
  /** How many of them run at the same time. */
  readonly limit: number
}

export interface ResolvedProcessorOptions {
  readonly consumer: ResolvedConsumerOptions
  readonly producer: ResolvedTransactionalOptions
  readonly policy: RoundPolicy
  readonly handlers: ProcessorHandlers
}

const owner = 'kafka.processTransactionally()'

const isText = (value: unknown) => typeof value === 'string' && value !== ''

/** Every option of its own with its default. */
const processorOptions = Object.freeze({
  transactionalId: requiredValue<string>(isText, 'must be a string that is not empty'),
  commitIntervalMs: milliseconds(100, 1),
  maxRecords: integer(10_000, 1),
  retryTimeoutMs: milliseconds(120_000, 1),
  transactionTimeoutMs: milliseconds(60_000, 1_000),
  maxProcessingMs: orNothing(milliseconds(1, 1)),
})

const { assign: _assign, commit: _commit, commitStart: _start, deadLetter: _letter, ...reading } = consumerOptions
const handlerNames = ['each', 'eachBatch', 'concurrency', 'retry', 'producer'] as const
const { acks: _acks, idempotent: _idempotent, ...sending } = producerOptions

/** Validates; throws INVALID_OPTION. */
export function resolveProcessorOptions<S extends TopicSelector>(
  given: TransactionalProcessorOptions<S>,
  requestTimeoutMs: number,
): ResolvedProcessorOptions {
  checkNames(owner, [...Object.keys(processorOptions), ...Object.keys(reading), ...handlerNames], given ?? {})
  const { each, eachBatch, concurrency, retry, producer, ...rest } = given
  const own = resolveOptions(owner, processorOptions, pick(rest, processorOptions))
  const run = resolveRunOptions({ each, eachBatch, concurrency, retry } as RunOptions, owner)
  if (run.by !== 'partition') {
    throw optionError('concurrency.by', owner, "must be 'partition': a transaction has one offset for each partition")
  }
  const { transactionalId, transactionTimeoutMs, commitIntervalMs, maxRecords, retryTimeoutMs } = own
  checkTimes(own)
  checkProducer(producer)
  const { attempts, backoff, retryIf, limit } = run
  return {
    consumer: consumerOf(rest, own.maxProcessingMs ?? Math.floor(transactionTimeoutMs / 2)),
    producer: resolveTransactionalOptions({ ...producer, transactionalId, transactionTimeoutMs }, requestTimeoutMs),
    policy: {
      commitIntervalMs,
      maxRecords,
      retryTimeoutMs,
      transactionTimeoutMs,
      retry: { attempts, backoff, retryIf },
    },
    handlers: {
      each: each as ProcessorHandlers['each'],
      eachBatch: eachBatch as ProcessorHandlers['eachBatch'],
      limit,
    },
  }
}

function checkTimes(own: {
  commitIntervalMs: number
  transactionTimeoutMs: number
  maxProcessingMs?: number | undefined
}) {
  const { transactionTimeoutMs } = own
  const hint = 'Raise transactionTimeoutMs; it may be at most the transaction.max.timeout.ms of the brokers.'
  for (const name of ['commitIntervalMs', 'maxProcessingMs'] as const) {
    const value = own[name]
    if (value === undefined || value <= transactionTimeoutMs / 2) continue
    throw optionError(name, owner, `must be at most half of 'transactionTimeoutMs' (${transactionTimeoutMs})`, hint)
  }
}

function checkProducer(producer: unknown): void {
  if (producer === undefined) return
  if (typeof producer !== 'object' || producer === null || Array.isArray(producer)) {
    throw optionError('producer', owner, 'must be an object with options of the producer')
  }
  checkNames(owner, Object.keys(sending), producer, 'producer.')
}

function consumerOf(rest: object, maxProcessingMs: number): ResolvedConsumerOptions {
  const given: Partial<ConsumerOptions<TopicSelector>> = pick(rest, reading)
  for (const name of ['onBadRecord', 'onUnreadable'] as const) {
    if (given[name] !== 'dead-letter') continue
    throw optionError(name, owner, "must not be 'dead-letter': that would be written outside of the transaction")
  }
  // Here for the name of the caller in the message.
  resolveOptions(owner, reading, given)
  return resolveConsumerOptions({ ...given, maxProcessingMs, commit: 'auto' })
}

function pick(given: object, table: object): object {
  return Object.fromEntries(Object.entries(given).filter(([name]) => Object.hasOwn(table, name)))
}
