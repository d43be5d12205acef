import { optionalPackage } from '../wire/optional-package.ts'
import { hasBlocks } from './blocks.ts'
import { type Codec, UnsupportedCompression } from './codec.ts'
import { compressLz4, decompressLz4, lz4Bound } from './lz4.ts'
import { compressSnappy, decompressSnappy, plainSnappy, xerialOf } from './snappy.ts'

/**
 * From this size on the native packages do the work on the thread pool, if they are there. They are not faster than the
 * WebAssembly, but the event loop is free meanwhile.
 */
const backgroundBytes = 256 << 10

/** What is used of https://www.npmjs.com/package/lz4-napi */
export interface NativeLz4 {
  compressFrame(bytes: Uint8Array): Promise<Buffer>
  decompressFrame(bytes: Uint8Array): Promise<Buffer>
}

/** What is used of https://www.npmjs.com/package/snappy: blocks, without xerial's framing. */
export interface NativeSnappy {
  compress(bytes: Uint8Array): Promise<Buffer>
  uncompress(bytes: Uint8Array, options: { readonly asBuffer: true }): Promise<Buffer>
}

/** LZ4 frames. Levels make no difference. */
export function lz4Codec(findNative: () => NativeLz4 | undefined): Codec {
  const native = once(findNative)
  return {
    name: 'lz4',
    id: 3,
    compress(bytes) {
      const library = bytes.length < backgroundBytes ? undefined : native()
      if (library !== undefined) return library.compressFrame(bytes)
      needWebAssembly('lz4')
      return compressLz4(bytes)
    },
    decompress(bytes, maxBytes) {
      // The package has no limit: it gets only what cannot go beyond ours, and what has all its parts.
      const library = bytes.length < backgroundBytes || lz4Bound(bytes) > maxBytes ? undefined : native()
      needWebAssembly('lz4')
      // What it refuses is tried again for an error that says where.
      return library === undefined
        ? decompressLz4(bytes, maxBytes)
        : library.decompressFrame(bytes).catch(() => decompressLz4(bytes, maxBytes))
    },
  }
}

/** Snappy in xerial's framing; reads blocks without it too. Levels make no difference. */
export function snappyCodec(findNative: () => NativeSnappy | undefined): Codec {
  const native = once(findNative)
  return {
    name: 'snappy',
    id: 2,
    compress(bytes) {
      const library = bytes.length < backgroundBytes ? undefined : native()
      if (library !== undefined) return library.compress(bytes).then(xerialOf)
      needWebAssembly('snappy')
      return compressSnappy(bytes)
    },
    decompress(bytes, maxBytes) {
      needWebAssembly('snappy')
      const block = bytes.length < backgroundBytes ? undefined : plainSnappy(bytes, maxBytes)
      const library = block === undefined ? undefined : native()
      if (block === undefined || library === undefined) return decompressSnappy(bytes, maxBytes)
      return library.uncompress(block, { asBuffer: true }).catch(() => decompressSnappy(bytes, maxBytes))
    },
  }
}

function needWebAssembly(name: string): void {
  if (!hasBlocks())
    throw new UnsupportedCompression(`${name} (it needs WebAssembly, which this Node was started without)`)
}

function once<T>(find: () => T | undefined): () => T | undefined {
  let found: { readonly value: T | undefined } | undefined
  return () => {
    found ??= { value: find() }
    return found.value
  }
}

export const lz4: Codec = lz4Codec(() => optionalPackage<NativeLz4>('lz4-napi', ['compressFrame', 'decompressFrame']))
export const snappy: Codec = snappyCodec(() => optionalPackage<NativeSnappy>('snappy', ['compress', 'uncompress']))
