import type { ProduceRequest } from '@ottla/codec'
import type { ResolvedProducerOptions } from './options.ts'
import type { BatchPartition, ProducerBatch } from './producer-batch.ts'

/** From this version on topics are sent by their id (KIP-516). */
const topicIdVersion = 13

/** Brokers without topic ids need topic names; undefined: the highest common version. */
export function highestVersion(batches: readonly ProducerBatch[]): number | undefined {
  return batches.every(({ topicId }) => topicId !== undefined) ? undefined : topicIdVersion - 1
}

/** The batches of one topic: all were taken at the same time, with the same id. */
interface Sent {
  readonly topicId: string | undefined
  readonly partitionData: { readonly index: number; readonly records: Uint8Array }[]
}

/** One request with these batches, at most one per partition. */
export function produceBody(
  batches: readonly ProducerBatch[],
  options: ResolvedProducerOptions,
  version: number,
  transactionalId: string | null = null,
): ProduceRequest {
  const topics = new Map<BatchPartition['topic'], Sent>()
  for (const { partition, topicId, bytes } of batches) {
    const sent = topics.get(partition.topic) ?? { topicId, partitionData: [] }
    topics.set(partition.topic, sent)
    sent.partitionData.push({ index: partition.index, records: bytes! })
  }
  const isById = version >= topicIdVersion
  for (const batch of batches) {
    batch.sentById = isById
    if (!isById) batch.sentByName = true
  }
  return {
    transactionalId,
    acks: options.acks === 'all' ? -1 : options.acks,
    timeoutMs: options.requestTimeoutMs,
    topicData: Array.from(topics, ([{ name }, { topicId, partitionData }]) =>
      isById ? { topicId, partitionData } : { name, partitionData },
    ),
  }
}
