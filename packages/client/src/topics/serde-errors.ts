import { KafkaError } from '../errors.ts'

/** A value that cannot be written. `problem` completes 'The value …', and never shows it. */
export function unwritable(problem: string, hint?: string): KafkaError {
  return new KafkaError('SERIALIZE_FAILED', `The value ${problem}`, { hint, outcome: 'not-written' })
}

/** Bytes that cannot be read. `problem` completes 'The data …', and never shows them. */
export function unreadable(problem: string, hint?: string): KafkaError {
  return new KafkaError('DESERIALIZE_FAILED', `The data ${problem}`, { hint })
}

const asyncHint = 'Use a schema without asynchronous checks, and do in `prepare` of a Serde what takes time.'

/**
 * A serde or a schema returned a promise. Fatal, and no bad record: a policy must not skip records because of it. `or`: what else may be
 * the reason.
 */
export function asynchronous(what: string, promise: unknown, or = ''): KafkaError {
  // No other code handles its rejection.
  Promise.resolve(promise).catch(() => {})
  const reason = or === '' ? 'is asynchronous' : `is asynchronous, ${or}`
  return new KafkaError('INVALID_OPTION', `${what} ${reason}: it returned a promise`, {
    fatal: true,
    hint: asyncHint,
  })
}

export function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

/** The name of a type, for a message: the value may be a secret. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

/** Why a serde failed, for a message. The text of an error that is not ours may contain the record: it is in `cause` only. */
export function reasonOf(cause: unknown, what: string): string {
  if (!KafkaError.is(cause)) return `the ${what} threw`
  return cause.message.charAt(0).toLowerCase() + cause.message.slice(1)
}
