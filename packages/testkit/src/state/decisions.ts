import type { MetadataDelta, MetadataView, PartitionImage, TopicImage } from './metadata-view.ts'

/** The number of records of a decision in the metadata log. */
export function recordsOf(delta: MetadataDelta): number {
  const { topics, deletedTopics, brokers, brokerConfigs, removedBrokers, features } = delta
  const lists = [topics, deletedTopics, brokers, removedBrokers]
  const single = (brokerConfigs === undefined ? 0 : 1) + (features === undefined ? 0 : 1)
  const count = lists.reduce((sum, list) => sum + (list?.length ?? 0), single)
  return Math.max(1, count)
}

export function withPartition(topic: TopicImage, image: PartitionImage): TopicImage {
  return { ...topic, partitions: topic.partitions.map((old) => (old.partition === image.partition ? image : old)) }
}

/** Partitions whose preferred replica is not the leader, but alive and in sync. */
export function returnable(state: MetadataView): [topic: string, partition: number][] {
  const found: [string, number][] = []
  for (const { name, partitions } of state.topics()) {
    for (const { partition, replicas, isr, leader } of partitions) {
      const first = replicas[0] as number
      if (leader !== first && isr.includes(first) && state.isAlive(first)) found.push([name, partition])
    }
  }
  return found
}
