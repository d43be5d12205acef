import { lz4, snappy } from './block-codecs.ts'
import { type Codec, type CompressionName, compressionNames, UnsupportedCompression } from './codec.ts'
import { gzip } from './gzip.ts'
import { asCodec, type KafkaJsCodec } from './kafkajs-codec.ts'
import { tooMany } from './limit.ts'
import { zstd } from './zstd.ts'

const none: Codec = {
  name: 'none',
  id: 0,
  compress: (bytes) => bytes,
  decompress(bytes, maxBytes) {
    if (bytes.length > maxBytes) throw tooMany('none', maxBytes)
    return bytes
  },
}

const shipped: readonly Codec[] = [none, gzip, snappy, lz4, zstd]

/** The built-in codec of an id or name. Throws UnsupportedCompression. */
export function codecOf(compression: CompressionName | number): Codec {
  return find(shipped, compression)
}

/** Codecs that replace the built-in ones. */
export type CustomCodecs = {
  readonly [name in Exclude<CompressionName, 'none'>]?: Codec | KafkaJsCodec | (() => KafkaJsCodec) | undefined
}

/** The codecs of one client, by compression. */
export interface CodecSet {
  /** The codec of an id or name. Throws UnsupportedCompression. */
  of(compression: CompressionName | number): Codec
}

/** The built-in codecs, replaced by those of `custom`. Throws TypeError for a value that is not a codec. */
export function codecSet(custom: CustomCodecs = {}): CodecSet {
  const codecs = shipped.map((codec) => {
    const own = codec.name === 'none' ? undefined : custom[codec.name]
    return own === undefined ? codec : asCodec(codec, own)
  })
  return { of: (compression) => find(codecs, compression) }
}

function find(codecs: readonly Codec[], compression: CompressionName | number): Codec {
  const codec = codecs.find(({ id, name }) => id === compression || name === compression)
  if (codec !== undefined) return codec
  const name = typeof compression === 'number' ? compressionNames[compression] : compression
  throw new UnsupportedCompression(name ?? `an unknown codec (id ${compression})`)
}
