import type { CallOptions } from '../../call-options.ts'
import { integer, milliseconds, orNothing, requiredValue, resolveOptions } from '../../option-table.ts'
import {
  type ProducerOptions,
  producerOptions,
  type ResolvedProducerOptions,
  resolveCallOptions,
  resolveValues,
  signalOptions,
} from '../options.ts'

/** Options of `kafka.transactionalProducer(…)`: those of a producer, which always has acks 'all' and idempotence. */
export interface TransactionalProducerOptions extends Omit<ProducerOptions, 'acks' | 'idempotent'> {
  /**
   * Names the producer across restarts: a new instance ends what an earlier one with the same name has left open, and fences it. Each
   * instance that runs at the same time needs one of its own.
   */
  readonly transactionalId: string
  /**
   * The coordinator aborts a transaction that takes longer, and fences the producer. At most the broker's
   * `transaction.max.timeout.ms` (15 minutes). Limits `deliveryTimeoutMs`. Default 60 000, as in Java.
   */
  readonly transactionTimeoutMs?: number | undefined
}

const { acks: _acks, idempotent: _idempotent, ...shared } = producerOptions

const isText = (value: unknown) => typeof value === 'string' && value !== ''

/** Every option of the transactional producer with its default. */
const transactionalProducerOptions = Object.freeze({
  transactionalId: requiredValue<string>(isText, 'must be a string that is not empty'),
  transactionTimeoutMs: milliseconds(60_000, 1),
  ...shared,
})

export interface ResolvedTransactionalOptions {
  readonly transactionalId: string
  readonly transactionTimeoutMs: number
  readonly producer: ResolvedProducerOptions
}

const owner = 'kafka.transactionalProducer()'

/** Validates; throws INVALID_OPTION. */
export function resolveTransactionalOptions(
  given: TransactionalProducerOptions,
  requestTimeoutMs: number,
): ResolvedTransactionalOptions {
  const { transactionalId, transactionTimeoutMs, ...values } = resolveOptions(
    owner,
    transactionalProducerOptions,
    given,
  )
  // A record that is delivered later than that cannot be committed.
  const deliveryTimeoutMs = Math.min(values.deliveryTimeoutMs, transactionTimeoutMs)
  const resolved = resolveValues(
    owner,
    { ...values, deliveryTimeoutMs, acks: 'all', idempotent: true },
    requestTimeoutMs,
  )
  return { transactionalId, transactionTimeoutMs, producer: Object.freeze({ ...resolved, transactional: true }) }
}

const callOptions = Object.freeze({ timeoutMs: orNothing(integer(1, 1, 0x7fffffff)), ...signalOptions })

/** The limits of one call. Throws INVALID_OPTION, which does not end the producer. */
export function callLimitsOf(caller: string, given: CallOptions | undefined): CallOptions {
  return given === undefined ? {} : resolveCallOptions(caller, callOptions, given)
}
