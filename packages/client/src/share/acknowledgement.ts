import { KafkaError } from '../errors.ts'
import type { SharePartition } from './share-partition.ts'

/** What a member says about records that it has acquired, as on the wire. */
export const ackType = { gap: 0, accept: 1, release: 2, reject: 3, renew: 4 } as const

export type AckKind = 'accept' | 'release' | 'reject'

/** What the broker responded to an acknowledgement. */
export interface AckResult {
  readonly error?: KafkaError | undefined
  /** Of a renewal: when the lock ends now, on `monoNow`. */
  readonly lockEndsMs?: number | undefined
}

/** One type for a range of offsets, on its way to the leader from which they were acquired. */
export interface Acknowledgement {
  readonly partition: SharePartition
  readonly firstOffset: number
  readonly lastOffset: number
  readonly type: number
  /** Why it is not sent any more: the lock is lost. */
  refusal(nowMs: number): KafkaError | undefined
  /** A request that contains it is about to be sent. */
  sent(): void
  settled(result: AckResult): void
}

/** For offsets that no record stands for: the result is not awaited. After a failure the lock ends, and they are acquired again. */
export function silentAck(
  partition: SharePartition,
  firstOffset: number,
  lastOffset: number,
  type: number,
): Acknowledgement {
  return { partition, firstOffset, lastOffset, type, refusal: () => undefined, sent: () => {}, settled: () => {} }
}

interface WireBatch {
  readonly firstOffset: bigint
  lastOffset: bigint
  readonly acknowledgeTypes: number[]
}

interface WireTopic {
  readonly topicId: string
  readonly partitions: { readonly partitionIndex: number; readonly acknowledgementBatches: WireBatch[] }[]
}

/** The topics of a request: partitions to add to the session, and acknowledgements. Neighbours of the same type become one range. */
export function wireTopics(added: Iterable<SharePartition>, acks: readonly Acknowledgement[]): WireTopic[] {
  const topics = new Map<string, Map<number, Acknowledgement[]>>()
  const listOf = ({ topicId, partition }: SharePartition): Acknowledgement[] => {
    const partitions = topics.get(topicId) ?? new Map<number, Acknowledgement[]>()
    topics.set(topicId, partitions)
    const list = partitions.get(partition) ?? []
    partitions.set(partition, list)
    return list
  }
  for (const partition of added) listOf(partition)
  for (const ack of acks) listOf(ack.partition).push(ack)
  return Array.from(topics, ([topicId, partitions]) => ({
    topicId,
    partitions: Array.from(partitions, ([partitionIndex, list]) => ({
      partitionIndex,
      acknowledgementBatches: joined(list),
    })),
  }))
}

function joined(list: readonly Acknowledgement[]): WireBatch[] {
  const batches: WireBatch[] = []
  for (const { firstOffset, lastOffset, type } of list.toSorted((a, b) => a.firstOffset - b.firstOffset)) {
    const last = batches.at(-1)
    if (last !== undefined && last.lastOffset + 1n === BigInt(firstOffset) && last.acknowledgeTypes[0] === type)
      last.lastOffset = BigInt(lastOffset)
    else batches.push({ firstOffset: BigInt(firstOffset), lastOffset: BigInt(lastOffset), acknowledgeTypes: [type] })
  }
  return batches
}

/** The partitions of a topic in a request. */
export function wirePartitions(list: Iterable<SharePartition>): { topicId: string; partitions: number[] }[] {
  const topics = new Map<string, number[]>()
  for (const { topicId, partition } of list) {
    const partitions = topics.get(topicId)
    if (partitions === undefined) topics.set(topicId, [partition])
    else partitions.push(partition)
  }
  return Array.from(topics, ([topicId, partitions]) => ({ topicId, partitions }))
}

/** The response lacks the result of an acknowledgement: it is not known to have been applied. */
export function noResultError({ topic, partition }: SharePartition): KafkaError {
  const message = 'The response to an acknowledgement contains no result for the partition'
  return new KafkaError('PROTOCOL_ERROR', message, { topic, partition, outcome: 'unknown' })
}
