import { meaningOf } from '../../error-meaning.ts'
import { KafkaError, type Outcome } from '../../errors.ts'

const abortHint = 'Abort the transaction. A new one may send the records again.'

/** For what belongs to a transaction in which something else failed. */
export function abortableError(cause: KafkaError, outcome: Outcome = 'not-written'): KafkaError {
  const message = `The transaction can only be aborted: ${cause.message}`
  const { topic, partition, broker, retriable } = cause
  return new KafkaError('TRANSACTION_ABORTABLE', message, {
    ...{ topic, partition, broker, retriable, outcome, cause },
    hint: abortHint,
  })
}

/** Within a transaction, a partition cannot continue with other sequence numbers. */
export function numbersLostError(): KafkaError {
  const message = 'A partition of the transaction lost its sequence numbers, as when its topic is created again'
  return new KafkaError('TRANSACTION_ABORTABLE', message, { retriable: true, outcome: 'not-written', hint: abortHint })
}

/** For records that were not acknowledged when the application aborted their transaction. */
export function abortedRecordError(outcome: Outcome): KafkaError {
  const message = 'The transaction was aborted before the record was acknowledged'
  return new KafkaError('TRANSACTION_ABORTED', message, { retriable: true, outcome })
}

interface Named {
  readonly transactionalId: string
  readonly transactionTimeoutMs: number
}

const shorterHint = 'Make transactions shorter, or raise transactionTimeoutMs.'

/** The coordinator has aborted the transaction, and accepts the producer for the next one. */
export function expiredError({ transactionTimeoutMs }: Named, cause: KafkaError): KafkaError {
  const message = `The transaction took longer than transactionTimeoutMs (${transactionTimeoutMs}), so the coordinator aborted it`
  return cause.with({ message, cause, hint: shorterHint })
}

/**
 * The coordinator accepts nothing more from this producer. Another instance uses its transactionalId, or, `isExpired`, the coordinator
 * aborted a transaction that took too long, which without KIP-890 raises the epoch in the same way.
 */
export function fencedError(
  { transactionalId, transactionTimeoutMs }: Named,
  isExpired: boolean,
  cause: KafkaError,
): KafkaError {
  const other = 'another instance uses this transactionalId'
  const late = `the transaction took longer than transactionTimeoutMs (${transactionTimeoutMs}), so the coordinator aborted it`
  const why = isExpired ? `${late}; or ${other}` : other
  return new KafkaError('PRODUCER_FENCED', `The producer '${transactionalId}' was fenced: ${why}`, {
    fatal: true,
    outcome: 'not-written',
    broker: cause.broker,
    cause,
    hint: isExpired
      ? `Create another producer. ${shorterHint}`
      : 'Close this producer. Give each instance a transactionalId of its own.',
  })
}

/** An end of a transaction that is neither known to have happened nor certain not to. */
export function unresolvedError(transactionalId: string, cause: KafkaError): KafkaError {
  const message = `It is unknown whether the transaction of '${transactionalId}' was committed: ${cause.message}`
  return new KafkaError(cause.code, message, {
    fatal: true,
    outcome: 'unknown',
    broker: cause.broker,
    cause,
    hint: 'Close this producer. The next one with this transactionalId starts from the outcome, which `isolation: read_committed` shows.',
  })
}

export function stateError(message: string, hint?: string): KafkaError {
  return new KafkaError('INVALID_STATE', message, { outcome: 'not-written', hint })
}

/** Whether no later transaction of this producer can succeed after this error. */
export function endsProducer(error: KafkaError): boolean {
  const { transaction, unsupportedVersion, sasl } = meaningOf(error.code)
  if (error.fatal || unsupportedVersion || sasl !== undefined) return true
  return transaction === 'fenced' || transaction === 'forbidden'
}
