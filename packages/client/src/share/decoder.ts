import type { Cluster } from '../cluster/cluster.ts'
import { RecordDecoder } from '../consumer/decoding/record-decoder.ts'
import type { ResolvedShareOptions } from './options.ts'
import type { SharePlace } from './share-partition.ts'

/** The decoder of a partition; undefined for a topic without serdes. */
export function decoderOf(
  cluster: Cluster,
  { serdes }: ResolvedShareOptions,
  ended: AbortSignal,
  { topic, partition }: SharePlace,
): RecordDecoder | undefined {
  const typed = serdes.get(topic)
  if (typed === undefined) return undefined
  return new RecordDecoder(typed, partition, {
    retry: (operation, signal, attempt) =>
      cluster.retry({ operation, signal, closing: ended, isTransient: () => true }, attempt),
    onFailed: (_place, error) =>
      cluster.logger.warn('preparing to read failed', { topic, partition, error: error.message }),
    onRecovered: () => {},
  })
}
