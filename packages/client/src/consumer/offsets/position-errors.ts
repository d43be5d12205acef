import type { TopicPartition } from '../../cluster/topology.ts'
import { describePartition, KafkaError } from '../../errors.ts'

// Why a partition has no position under `offsetReset: 'none'`.

const hint = "Seek to an offset, or choose offsetReset 'earliest' or 'latest'."

export function noCommitError(place: TopicPartition): KafkaError {
  return noPosition(place, 'it has no committed offset')
}

export function notInLogError(place: TopicPartition, offset: number): KafkaError {
  return noPosition(place, `its log does not have offset ${offset}`, offset)
}

/** `end`: undefined where the leader has nothing of the epochs that were read. */
export function truncatedError(place: TopicPartition, offset: number, end: number | undefined): KafkaError {
  const where = end === undefined ? '' : ` to offset ${end}`
  return noPosition(place, `its log was truncated${where}, and records before offset ${offset} are gone`, offset)
}

export function recreatedError({ topic, partition }: TopicPartition): KafkaError {
  const message = messageOf({ topic, partition }, 'the topic was deleted and created again')
  return new KafkaError('UNKNOWN_TOPIC_ID', message, { topic, partition, hint })
}

function noPosition({ topic, partition }: TopicPartition, why: string, offset?: number): KafkaError {
  const message = messageOf({ topic, partition }, why)
  return new KafkaError('OFFSET_OUT_OF_RANGE', message, {
    ...{ topic, partition, hint },
    offset: offset === undefined ? undefined : BigInt(offset),
  })
}

function messageOf(place: TopicPartition, why: string): string {
  return `No position for ${describePartition(place)}: ${why}, and offsetReset is 'none'`
}
