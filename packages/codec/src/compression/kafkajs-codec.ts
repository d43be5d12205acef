import { DecodeError } from '../wire/decode-error.ts'
import { asBuffer } from '../wire/reader.ts'
import type { Codec } from './codec.ts'
import { tooMany } from './limit.ts'

/** A codec as KafkaJS takes it; what its packages export is a function that makes one. */
export interface KafkaJsCodec {
  /** `encoder.buffer` are the bytes to compress. */
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer> | Buffer
  decompress(buffer: Buffer): Promise<Buffer> | Buffer
}

/**
 * What the user gave in place of `shipped`. The limit of a KafkaJS codec can only be checked when it is done. Throws
 * TypeError.
 */
export function asCodec(shipped: Codec, given: Codec | KafkaJsCodec | (() => KafkaJsCodec)): Codec {
  const codec = typeof given === 'function' ? given() : given
  const complete =
    typeof codec === 'object' &&
    codec !== null &&
    typeof codec.compress === 'function' &&
    typeof codec.decompress === 'function'
  if (!complete) throw new TypeError(`the codec for ${shipped.name} must have the functions compress and decompress`)
  if (!('id' in codec)) return adapt(shipped, codec)
  if (codec.id !== shipped.id) throw new TypeError(`the codec for ${shipped.name} must have the id ${shipped.id}`)
  return codec
}

function adapt({ name, id }: Codec, codec: KafkaJsCodec): Codec {
  return {
    name,
    id,
    compress: (bytes) => codec.compress({ buffer: asBuffer(bytes) }),
    async decompress(bytes, maxBytes) {
      const decompressed = await attempt(name, () => codec.decompress(asBuffer(bytes)))
      if (!(decompressed instanceof Uint8Array)) throw new DecodeError('the codec gave no bytes', { what: name })
      if (decompressed.length > maxBytes) throw tooMany(name, maxBytes)
      return decompressed
    },
  }
}

async function attempt(what: string, work: () => Promise<Buffer> | Buffer): Promise<Buffer> {
  try {
    return await work()
  } catch (cause) {
    throw new DecodeError(cause instanceof Error ? cause.message : String(cause), { what, cause })
  }
}
