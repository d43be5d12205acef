import type { ProduceRequest } from '@ottla/codec'
import type { ResolvedProducerOptions } from './options.ts'
import type { BatchPartition, ProducerBatch } from './producer-batch.ts'

/** From this version on topics are sent by their id (KIP-516). */
const topicIdVersion = 13

/** Brokers without topic ids need topic names; undefined: the highest common version. */
export function highestVersion(batches: readonly ProducerBatch[]): number | undefined {
  return batches.every(({ partition }) => partition.topic.topicId !== undefined) ? undefined : topicIdVersion - 1
}

/** One request with these batches, at most one per partition. */
export function produceBody(
  batches: readonly ProducerBatch[],
  options: ResolvedProducerOptions,
  version: number,
  transactionalId: string | null = null,
): ProduceRequest {
  const topics = new Map<BatchPartition['topic'], { index: number; records: Uint8Array }[]>()
  for (const batch of batches) {
    const { topic, index } = batch.partition
    if (version < topicIdVersion) batch.sentByName = true
    const partitions = topics.get(topic)
    const entry = { index, records: batch.bytes! }
    if (partitions === undefined) topics.set(topic, [entry])
    else partitions.push(entry)
  }
  return {
    transactionalId,
    acks: options.acks === 'all' ? -1 : options.acks,
    timeoutMs: options.requestTimeoutMs,
    topicData: Array.from(topics, ([topic, partitionData]) =>
      version >= topicIdVersion ? { topicId: topic.topicId, partitionData } : { name: topic.name, partitionData },
    ),
  }
}
