import { KafkaError } from '../errors.ts'

/** Not retriable by themselves, but they say no more than that a broker could not be asked: it may be another one by now. */
const unreachable = new Set<string>(['TIMED_OUT', 'NO_BROKER_REACHABLE', 'CLOSED', 'UNKNOWN_SERVER_ERROR'])

/**
 * Whether a failure may be over at the next attempt. What it does not cover (a wrong password, a missing right, a mistake in this
 * client) stays as it is: waiting in silence would hide it.
 */
export function isTransient(error: unknown): boolean {
  return KafkaError.is(error) && (error.retriable || unreachable.has(error.code))
}
