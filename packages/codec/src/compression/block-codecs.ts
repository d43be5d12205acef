import { optionalPackage } from '../wire/optional-package.ts'
import { hasBlocks } from './blocks.ts'
import { type Codec, UnsupportedCompression } from './codec.ts'
import { compressLz4, decompressLz4, lz4Bound } from './lz4.ts'
import { compressSnappy, decompressSnappy, plainSnappy, xerialOf } from './snappy.ts'

/**
 * From this size on, installed native packages do the work on the thread pool. They are not faster than WebAssembly,
 * but they keep the event loop free.
 */
const backgroundBytes = 256 << 10

/** The part of the npm package lz4-napi that is used. */
export interface NativeLz4 {
  compressFrame(bytes: Uint8Array): Promise<Buffer>
  decompressFrame(bytes: Uint8Array): Promise<Buffer>
}

/** The part of the npm package snappy that is used: blocks, without xerial's framing. */
export interface NativeSnappy {
  compress(bytes: Uint8Array): Promise<Buffer>
  uncompress(bytes: Uint8Array, options: { readonly asBuffer: true }): Promise<Buffer>
}

type Found<T> = Promise<T | undefined> | T | undefined

/** LZ4 frames. The level is ignored. */
export function lz4Codec(findNative: () => Found<NativeLz4>): Codec {
  const withNative = finder(findNative)
  return {
    name: 'lz4',
    id: 3,
    compress(bytes) {
      needWebAssembly('lz4')
      if (bytes.length < backgroundBytes) return compressLz4(bytes)
      return withNative((native) => native?.compressFrame(bytes) ?? compressLz4(bytes))
    },
    decompress(bytes, maxBytes) {
      needWebAssembly('lz4')
      // The package has no size limit, so it gets only complete frames whose headers bound the output.
      if (bytes.length < backgroundBytes || lz4Bound(bytes) > maxBytes) return decompressLz4(bytes, maxBytes)
      // What the package rejects is decoded again, for an error with the position.
      const ours = () => decompressLz4(bytes, maxBytes)
      return withNative((native) => native?.decompressFrame(bytes).catch(ours) ?? ours())
    },
  }
}

/** Snappy in xerial's framing; also reads plain blocks. The level is ignored. */
export function snappyCodec(findNative: () => Found<NativeSnappy>): Codec {
  const withNative = finder(findNative)
  return {
    name: 'snappy',
    id: 2,
    compress(bytes) {
      needWebAssembly('snappy')
      if (bytes.length < backgroundBytes) return compressSnappy(bytes)
      return withNative((native) => native?.compress(bytes).then(xerialOf) ?? compressSnappy(bytes))
    },
    decompress(bytes, maxBytes) {
      needWebAssembly('snappy')
      const block = bytes.length < backgroundBytes ? undefined : plainSnappy(bytes, maxBytes)
      const ours = () => decompressSnappy(bytes, maxBytes)
      if (block === undefined) return ours()
      return withNative((native) => native?.uncompress(block, { asBuffer: true }).catch(ours) ?? ours())
    },
  }
}

function needWebAssembly(name: string): void {
  if (!hasBlocks())
    throw new UnsupportedCompression(`${name} (it needs WebAssembly, which this Node was started without)`)
}

/** Loads a package on first use. Once the outcome is known, it is returned synchronously. */
function finder<T>(find: () => Found<T>) {
  let search: { readonly found: Found<T> } | undefined
  return <R>(work: (native: T | undefined) => Promise<R> | R): Promise<R> | R => {
    search ??= { found: find() }
    const { found } = search
    if (!(found instanceof Promise)) return work(found)
    return found.then((native) => {
      search = { found: native }
      return work(native)
    })
  }
}

export const lz4: Codec = lz4Codec(() => optionalPackage<NativeLz4>('lz4-napi', ['compressFrame', 'decompressFrame']))
export const snappy: Codec = snappyCodec(() => optionalPackage<NativeSnappy>('snappy', ['compress', 'uncompress']))
