import { zeroUuid } from '@ottla/codec'

/** The topic id of brokers without topic ids (before 2.8), and in requests with topic names. */
export const noTopicId = zeroUuid

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** Entries by topic, in the order in which the topics first occur: Kafka's messages list each topic once. */
export function groupByTopic<T extends { readonly topic: string }, V>(
  entries: Iterable<T>,
  toPartition: (entry: T) => V,
): { topic: string; partitions: V[] }[] {
  const byTopic = new Map<string, V[]>()
  for (const entry of entries) {
    const partitions = byTopic.get(entry.topic)
    if (partitions === undefined) byTopic.set(entry.topic, [toPartition(entry)])
    else partitions.push(toPartition(entry))
  }
  return Array.from(byTopic, ([topic, partitions]) => ({ topic, partitions }))
}

/** A partition in the metadata cache. Objects are replaced, never changed: compare them by identity. */
export interface PartitionInfo {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  /** Broker id; -1: none at the moment. */
  readonly leader: number
  /** -1: the broker does not report it. */
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
  readonly offlineReplicas: readonly number[]
  readonly errorCode: number
}

export interface TopicInfo {
  readonly name: string
  /** In base64, as in the codec; `noTopicId` where the broker has none. */
  readonly topicId: string
  /** Index = partition. */
  readonly partitions: readonly PartitionInfo[]
  readonly errorCode: number
  readonly isInternal: boolean
}
