import { meaningOf } from '../error-meaning.ts'
import { describePartition, KafkaError, type Outcome } from '../errors.ts'
import type { ProducerBatch } from './producer-batch.ts'

/** Why a batch has not been acknowledged yet, for the message of its error. */
export function delayOf({ partition, lastError }: ProducerBatch, nowMs: number): string {
  return partition.delay(nowMs) ?? reasonOf(lastError) ?? 'it waited behind earlier batches'
}

function reasonOf(error: KafkaError | undefined): string | undefined {
  if (error === undefined) return undefined
  const { noLeader, fewReplicas, connection } = meaningOf(error.code)
  if (fewReplicas) return 'too few replicas are in sync'
  if (noLeader) return 'the partition has no leader'
  if (connection !== undefined) return `the broker was not reached: ${error.message}`
  return error.message
}

export function timedOutError(
  batch: ProducerBatch,
  deliveryTimeoutMs: number,
  why: { readonly reason: string; readonly outcome: Outcome; readonly identityError: KafkaError | undefined },
): KafkaError {
  const { reason, outcome, identityError } = why
  const place = { topic: batch.partition.topic.name, partition: batch.partition.index }
  const details = { ...place, outcome, cause: identityError ?? batch.lastError }
  return deliveryTimedOut(describePartition(place), deliveryTimeoutMs, reason, details)
}

/** `where` names the topic, and the partition if it is known. */
export function deliveryTimedOut(
  where: string,
  deliveryTimeoutMs: number,
  reason: string,
  details: {
    readonly topic: string
    readonly partition?: number
    readonly outcome: Outcome
    readonly cause: KafkaError | undefined
  },
): KafkaError {
  const message = `Records were not acknowledged within ${deliveryTimeoutMs} ms (${where}): ${reason}`
  return new KafkaError('DELIVERY_TIMED_OUT', message, { ...details, retriable: true, hint: details.cause?.hint })
}
