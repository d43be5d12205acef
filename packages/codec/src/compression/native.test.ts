// The packages that a user may install do large batches; what they write and read is the same.
import { describe, expect, test } from 'vitest'
import { bytesOf, seeded } from '../../test/samples.ts'
import { DecodeError } from '../wire/decode-error.ts'
import { optionalPackage } from '../wire/optional-package.ts'
import { lz4Codec, type NativeLz4, type NativeSnappy, snappyCodec } from './block-codecs.ts'
import { compressSnappy, xerialOf } from './snappy.ts'

const random = seeded(5)
const text = Buffer.from(
  `${bytesOf(3000, random).toString('base64').repeat(80)}${bytesOf(200_000, random).toString('hex')}`,
)

const nativeLz4 = await optionalPackage<NativeLz4>('lz4-napi', ['compressFrame', 'decompressFrame'])
const nativeSnappy = await optionalPackage<NativeSnappy>('snappy', ['compress', 'uncompress'])

/** Counts the calls of a package. */
function counted<T extends object>(library: T | undefined): { readonly library: T; readonly calls: string[] } {
  if (library === undefined) throw new Error('the native packages are needed for this test')
  const calls: string[] = []
  const watched = new Proxy(library, {
    get(target, name) {
      calls.push(String(name))
      return Reflect.get(target, name)
    },
  })
  return { library: watched, calls }
}

describe('lz4-napi', () => {
  const { library, calls } = counted(nativeLz4)
  const [native, plain] = [lz4Codec(() => library), lz4Codec(async () => undefined)]

  test('is compatible with our own implementation in both directions', async () => {
    calls.length = 0
    const [theirs, ours] = [await native.compress(text), await plain.compress(text)]
    expect(calls).toEqual(['compressFrame'])
    for (const bytes of [theirs, ours]) {
      expect(text.equals(await native.decompress(bytes, 16 << 20))).toBe(true)
      expect(text.equals(await plain.decompress(bytes, text.length))).toBe(true)
    }
    expect(calls).toEqual(['compressFrame', 'decompressFrame', 'decompressFrame'])
  })

  test('processes small batches on this thread', async () => {
    calls.length = 0
    const small = await native.compress(text.subarray(0, 1000))
    expect(await native.decompress(small, 1000)).toEqual(text.subarray(0, 1000))
    expect(calls).toEqual([])
  })

  test('receives nothing that might exceed the limit, and nothing truncated', async () => {
    const compressed = await plain.compress(text)
    calls.length = 0
    const decompress = async (bytes: Uint8Array, maxBytes: number) => native.decompress(bytes, maxBytes)
    await expect(decompress(compressed, text.length - 1)).rejects.toThrow('more than')
    await expect(decompress(compressed.subarray(0, -1), text.length)).rejects.toThrow(DecodeError)
    expect(calls).toEqual([])
    // The checksum of the header.
    const damaged = Buffer.from(compressed)
    damaged[6]! ^= 0xff
    await expect(decompress(damaged, text.length * 2)).rejects.toThrow('the checksum of the header')
    expect(calls).toEqual(['decompressFrame'])
  })
})

describe('snappy', () => {
  const { library, calls } = counted(nativeSnappy)
  const [native, plain] = [snappyCodec(() => library), snappyCodec(() => undefined)]

  test('is compatible with our own implementation in both directions', async () => {
    calls.length = 0
    const [theirs, ours] = [await native.compress(text), await plain.compress(text)]
    expect(calls).toEqual(['compress'])
    const block = Buffer.from(theirs).subarray(20)
    for (const bytes of [theirs, ours, block]) {
      expect(text.equals(await native.decompress(bytes, text.length))).toBe(true)
      expect(text.equals(await plain.decompress(bytes, text.length))).toBe(true)
    }
    // Many small chunks would cost one call each.
    expect(calls).toEqual(['compress', 'uncompress', 'uncompress'])
    expect(Buffer.from(theirs).equals(xerialOf(block))).toBe(true)
  })

  test('receives nothing beyond the limit', async () => {
    const compressed = await native.compress(text)
    calls.length = 0
    await expect((async () => native.decompress(compressed, text.length - 1))()).rejects.toThrow('more than')
    expect(calls).toEqual([])
    const damaged = Buffer.from(compressed)
    // The length it announces.
    damaged[20]! ^= 1
    await expect((async () => native.decompress(damaged, text.length + 1))()).rejects.toThrow(DecodeError)
    expect(calls).toEqual(['uncompress'])
  })

  test('processes small batches on this thread', async () => {
    calls.length = 0
    const small = await native.compress(text.subarray(0, 1000))
    expect(small).toEqual(compressSnappy(text.subarray(0, 1000)))
    expect(await native.decompress(small, 1000)).toEqual(text.subarray(0, 1000))
    expect(calls).toEqual([])
  })
})

test('ignores a package that is missing or incomplete', async () => {
  expect(await optionalPackage('no-such-package-anywhere', [])).toBeUndefined()
  expect(await optionalPackage<{ flate(): void }>('snappy', ['flate'])).toBeUndefined()
})
