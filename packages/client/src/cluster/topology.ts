import { zeroUuid } from '@ottla/codec'

/** The topic id of brokers that have none (before 2.8), and of requests that name topics. */
export const noTopicId = zeroUuid

/** A partition as the metadata cache knows it. Objects are replaced, never changed: compare them by identity. */
export interface PartitionInfo {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  /** Broker id; -1: none at the moment. */
  readonly leader: number
  /** -1: the broker does not tell. */
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
  readonly offlineReplicas: readonly number[]
  readonly errorCode: number
}

export interface TopicInfo {
  readonly name: string
  /** Base64 as the codec gives it; `noTopicId` where the broker has none. */
  readonly topicId: string
  /** Index = partition. */
  readonly partitions: readonly PartitionInfo[]
  readonly errorCode: number
  readonly isInternal: boolean
}
