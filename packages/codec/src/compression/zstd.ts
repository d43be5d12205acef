import { promisify } from 'node:util'
import zlib from 'node:zlib'
import { DecodeError } from '../wire/decode-error.ts'
import { hasWebAssembly } from '../wire/web-assembly.ts'
import { type Codec, UnsupportedCompression } from './codec.ts'
import { tooMany } from './limit.ts'
import { type ZstdFrame, zstdFrames } from './zstd-frame.ts'

/** What a zstd library must provide. Both functions may throw anything. */
export interface ZstdLibrary {
  compress(bytes: Uint8Array, level: number): Promise<Uint8Array> | Uint8Array
  /** Decompresses one frame; undefined if the output exceeds `maxBytes`. */
  decompress(frame: ZstdFrame, maxBytes: number): Promise<Uint8Array | undefined> | Uint8Array | undefined
}

/** The default of zstd and of Kafka. */
const defaultLevel = 3

/** Smaller payloads are processed synchronously: the thread pool would cost more than the work. */
const backgroundBytes = 64 * 1024

const maxLengthCode = 'ERR_BUFFER_TOO_LARGE'

interface ZstdOptions {
  readonly maxOutputLength?: number
  readonly params?: Readonly<Record<number, number>>
}

type ZstdSync = (bytes: Uint8Array, options: ZstdOptions) => Buffer
type ZstdLater = (bytes: Uint8Array, options: ZstdOptions, done: (error: Error | null, result: Buffer) => void) => void

/** Available since Node 22.15 and 23.8. @types/node for Node 20 does not declare them. */
interface NodeZstd {
  readonly zstdCompressSync: ZstdSync
  readonly zstdDecompressSync: ZstdSync
  readonly zstdCompress: ZstdLater
  readonly zstdDecompress: ZstdLater
  readonly constants: { readonly ZSTD_c_compressionLevel: number; readonly ZSTD_d_windowLogMax: number }
}

/** zstd by Node's zlib; undefined where Node lacks it. */
export function nodeZstd(): ZstdLibrary | undefined {
  const node = zlib as unknown as NodeZstd
  if (typeof node.zstdDecompressSync !== 'function') return undefined
  const compressLater = promisify(node.zstdCompress)
  const decompressLater = promisify(node.zstdDecompress)
  const { ZSTD_c_compressionLevel, ZSTD_d_windowLogMax } = node.constants
  // The window was checked with the headers; 2^30 is the largest value that the library allows on all platforms.
  const params = { [ZSTD_d_windowLogMax]: 30 }
  const refused = (error: unknown): undefined => {
    if ((error as NodeJS.ErrnoException).code !== maxLengthCode) throw error
  }
  return {
    compress(bytes, level) {
      const options = { params: { [ZSTD_c_compressionLevel]: level } }
      return bytes.length > backgroundBytes ? compressLater(bytes, options) : node.zstdCompressSync(bytes, options)
    },
    decompress({ bytes }, maxBytes) {
      // zlib requires a limit of at least 1.
      const options = { maxOutputLength: Math.max(1, maxBytes), params }
      if (bytes.length > backgroundBytes) return decompressLater(bytes, options).catch(refused)
      try {
        return node.zstdDecompressSync(bytes, options)
      } catch (error) {
        return refused(error)
      }
    },
  }
}

async function loadWasmZstd(): Promise<ZstdLibrary> {
  if (!hasWebAssembly()) {
    throw new UnsupportedCompression(
      'zstd (it needs Node.js 22.15, or WebAssembly, which this Node was started without)',
    )
  }
  const { wasmZstd } = await import('./zstd-wasm.ts')
  return wasmZstd()
}

/** The codec on top of a library that is loaded on first use. */
export function zstdCodec(load: () => Promise<ZstdLibrary> | ZstdLibrary): Codec {
  let library: Promise<ZstdLibrary> | ZstdLibrary | undefined
  const use = <T>(work: (library: ZstdLibrary) => T): T | Promise<Awaited<T>> => {
    library ??= load()
    if (!(library instanceof Promise)) return work(library)
    return library.then((loaded) => {
      library = loaded
      return work(loaded)
    }) as Promise<Awaited<T>>
  }
  return {
    name: 'zstd',
    id: 4,
    compress: (bytes, level = defaultLevel) => use((zstd) => zstd.compress(bytes, level)),
    decompress(bytes, maxBytes) {
      const frames = zstdFrames(bytes, maxBytes)
      return use((zstd) => {
        const [first] = frames
        if (first === undefined) return Buffer.alloc(0)
        return frames.length === 1 ? decompressOne(zstd, first, maxBytes) : decompressAll(zstd, frames, maxBytes)
      })
    },
  }
}

function decompressOne(zstd: ZstdLibrary, frame: ZstdFrame, maxBytes: number): Promise<Uint8Array> | Uint8Array {
  const check = (found: Uint8Array | undefined): Uint8Array => {
    if (found === undefined || found.length > maxBytes) throw tooMany('zstd', maxBytes)
    return found
  }
  try {
    const found = zstd.decompress(frame, maxBytes)
    if (!(found instanceof Promise)) return check(found)
    return found.then(check).catch((cause: unknown) => {
      throw refusal(cause)
    })
  } catch (cause) {
    throw refusal(cause)
  }
}

async function decompressAll(zstd: ZstdLibrary, frames: readonly ZstdFrame[], maxBytes: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let left = maxBytes
  for (const frame of frames) {
    const part = await decompressOne(zstd, frame, left)
    left -= part.length
    parts.push(part)
  }
  return Buffer.concat(parts)
}

function refusal(cause: unknown): DecodeError {
  if (cause instanceof DecodeError) return cause
  return new DecodeError(cause instanceof Error ? cause.message : String(cause), { what: 'zstd', cause })
}

export const zstd: Codec = zstdCodec(() => nodeZstd() ?? loadWasmZstd())
