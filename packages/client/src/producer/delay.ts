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
  reason: string,
  outcome: Outcome,
): KafkaError {
  const place = { topic: batch.partition.topic.name, partition: batch.partition.index }
  const message = `Records were not acknowledged within ${deliveryTimeoutMs} ms (${describePartition(place)}): ${reason}`
  const cause = batch.lastError
  return new KafkaError('DELIVERY_TIMED_OUT', message, { ...place, retriable: true, outcome, cause, hint: cause?.hint })
}
