import { KafkaError } from '../errors.ts'

export type Outcome = 'not-written' | 'unknown'

/** The same error with what is known of the records' fate. */
export function withOutcome(error: KafkaError, outcome: Outcome): KafkaError {
  if (error.outcome === outcome) return error
  const { code, message, retriable, fatal, broker, topic, partition, hint, cause, refreshMetadata } = error
  const place = { broker, topic, partition }
  return new KafkaError(code, message, { ...place, retriable, fatal, hint, cause, refreshMetadata, outcome })
}
