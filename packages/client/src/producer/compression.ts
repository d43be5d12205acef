import type { Codec, CodecSet } from '@ottla/codec/records'
import type { ResolvedProducerOptions } from './options.ts'

/** How the batches of a topic are compressed. */
export interface Compression {
  readonly codec: Codec
  readonly level: number | undefined
}

/** The compression of a topic: its own, or that of the producer; undefined: none. */
export function compressionOf(
  topic: string,
  options: ResolvedProducerOptions,
  codecs: CodecSet,
): Compression | undefined {
  const { compression, compressionLevel: level } = options.topics.get(topic) ?? options
  return compression === 'none' ? undefined : { codec: codecs.of(compression), level }
}
