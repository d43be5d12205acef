import { DecodeError } from '../wire/decode-error.ts'
import { asBuffer } from '../wire/reader.ts'
import type { Codec } from './codec.ts'
import { tooMany } from './limit.ts'

/** A KafkaJS codec. The packages for KafkaJS export a function that returns one. */
export interface KafkaJsCodec {
  /** `encoder.buffer` holds the bytes to compress. */
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer> | Buffer
  decompress(buffer: Buffer): Promise<Buffer> | Buffer
}

/**
 * Turns the user's replacement for `shipped` into a codec. The output limit of a KafkaJS codec can only be checked
 * afterwards. Throws TypeError.
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
  return codec === shipped ? shipped : checked(codec)
}

/** The codec of an application may return something else than bytes. */
function checked(codec: Codec): Codec {
  const { name, id } = codec
  return {
    name,
    id,
    compress: (bytes, level) => asBytes(name, codec.compress(bytes, level)),
    decompress: (bytes, maxBytes) => asBytes(name, codec.decompress(bytes, maxBytes)),
  }
}

function asBytes(name: string, result: unknown): Uint8Array | Promise<Uint8Array> {
  if (result instanceof Uint8Array) return result
  if (typeof (result as { then?: unknown } | null | undefined)?.then !== 'function') throw noBytes(name)
  return Promise.resolve(result).then((bytes) => {
    if (bytes instanceof Uint8Array) return bytes
    throw noBytes(name)
  })
}

function noBytes(what: string): DecodeError {
  return new DecodeError('the codec returned no bytes', { what })
}

function adapt({ name, id }: Codec, codec: KafkaJsCodec): Codec {
  return {
    name,
    id,
    compress: (bytes) => asBytes(name, codec.compress({ buffer: asBuffer(bytes) })),
    async decompress(bytes, maxBytes) {
      const decompressed = await attempt(name, () => codec.decompress(asBuffer(bytes)))
      if (!(decompressed instanceof Uint8Array)) throw noBytes(name)
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
