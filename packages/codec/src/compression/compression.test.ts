import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { bytesOf, seeded } from '../../test/samples.ts'
import { DecodeError } from '../wire/decode-error.ts'
import { type Codec, type CompressionName, UnsupportedCompression } from './codec.ts'
import { codecOf, codecSet } from './compression.ts'

const random = seeded(1)
const names: readonly CompressionName[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

/** Text with repetitions, near and far. */
function textOf(length: number): Buffer {
  const words = Array.from({ length: 50 }, () => bytesOf(1 + random(12), random).toString('base64'))
  let text = ''
  while (text.length < length) text += `${words[random(words.length)]} ${random(1000)},`
  return Buffer.from(text.slice(0, length))
}

const lengths = [0, 1, 5, 12, 13, 16, 17, 1000, 32_768, 32_769, 65_536, 65_537, 300_000]

describe.each(names)('%s', (name) => {
  const codec = codecOf(name)

  test.each(lengths)('round-trips %i bytes', async (length) => {
    for (const bytes of [bytesOf(length, random), textOf(length), Buffer.alloc(length, 'ab')]) {
      const compressed = await codec.compress(bytes)
      const decompressed = await codec.decompress(compressed, length)
      expect(Buffer.from(decompressed).equals(bytes)).toBe(true)
    }
  })

  test.each([2000, 300_000])('rejects more than the limit: %i bytes', async (length) => {
    for (const bytes of [bytesOf(length, random), textOf(length)]) {
      const compressed = await codec.compress(bytes)
      const decompress = async () => codec.decompress(compressed, length - 1)
      await expect(decompress()).rejects.toThrow(DecodeError)
      await expect(decompress()).rejects.toThrow(`more than ${length - 1} bytes`)
    }
  })

  test('the output does not share memory', async () => {
    const decompressed = await codec.decompress(await codec.compress(textOf(500)), 500)
    if (name !== 'none') expect(decompressed.buffer.byteLength).toBeLessThan(100_000)
    const before = Buffer.from(decompressed)
    for (let i = 0; i < 3; i++) await codec.decompress(await codec.compress(textOf(500)), 500)
    expect(before.equals(decompressed)).toBe(true)
  })
})

describe.each(names.slice(1))('%s: damage', (name) => {
  const codec = codecOf(name)
  const attempt = async (bytes: Uint8Array, maxBytes: number): Promise<Uint8Array | undefined> => {
    try {
      return await codec.decompress(bytes, maxBytes)
    } catch (error) {
      expect(error).toBeInstanceOf(DecodeError)
      return undefined
    }
  }

  test('cut off anywhere', async () => {
    const bytes = textOf(3000)
    const compressed = await codec.compress(bytes)
    for (let end = 0; end < compressed.length; end++) {
      const found = await attempt(compressed.subarray(0, end), 10_000)
      // A frame of xerial's ends with its last chunk, and says nowhere that there is no more.
      if (name === 'snappy' && end === 16) expect(found?.length).toBe(0)
      else expect(found, `${end} of ${compressed.length} bytes`).toBeUndefined()
    }
  })

  test('flipped bits are rejected or undetected, but never exceed the limit', async () => {
    const compressed = Buffer.from(await codec.compress(textOf(1000)))
    for (let round = 0; round < 1500; round++) {
      const damaged = Buffer.from(compressed)
      for (let i = 0; i <= random(3); i++) damaged[random(damaged.length)]! ^= 1 << random(8)
      const found = await attempt(damaged, 2000)
      expect(found?.length ?? 0).toBeLessThanOrEqual(2000)
    }
  })

  test('random bytes', async () => {
    for (let round = 0; round < 300; round++) await attempt(bytesOf(random(200), random), 10_000)
    await attempt(bytesOf(100_000, random), 10_000)
  })

  test('stops a decompression bomb at the limit', async () => {
    const bomb = await codec.compress(Buffer.alloc(20_000_000))
    const before = process.memoryUsage().arrayBuffers
    expect(await attempt(bomb, 1_000_000)).toBeUndefined()
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4_000_000)
  })
})

test('reads concatenated gzip members, as some producers write', async () => {
  const bytes = Buffer.concat([gzipSync('abc'), gzipSync('def')])
  expect(String(await codecOf('gzip').decompress(bytes, 100))).toBe('abcdef')
})

test.each(['gzip', 'zstd'] as const)('levels of %s', async (name) => {
  const bytes = Buffer.from(`${textOf(50_000)}${bytesOf(500, random).toString('hex')}`)
  const [fast, best] = [await codecOf(name).compress(bytes, 1), await codecOf(name).compress(bytes, 9)]
  expect(best.length).toBeLessThan(fast.length)
})

test('finds codecs by id, and rejects an unknown id', () => {
  names.forEach((name, id) => {
    expect(codecOf(id)).toBe(codecOf(name))
    expect(codecOf(id)).toMatchObject({ name, id })
  })
  expect(() => codecOf(7)).toThrow(UnsupportedCompression)
  expect(() => codecOf(7)).toThrow('an unknown codec (id 7)')
})

describe('custom codecs', () => {
  const reversed = {
    compress: (encoder: { buffer: Buffer }) => Promise.resolve(Buffer.from(encoder.buffer).reverse()),
    decompress: (buffer: Buffer) => Promise.resolve(Buffer.from(buffer).reverse()),
  }

  test.each([
    ['an object', reversed],
    ['a function, as KafkaJS’s packages export it', () => reversed],
  ])('of KafkaJS: %s', async (_, given) => {
    const codec = codecSet({ lz4: given }).of('lz4')
    expect(codec).toMatchObject({ name: 'lz4', id: 3 })
    expect(String(await codec.compress(Buffer.from('abc')))).toBe('cba')
    expect(String(await codec.decompress(Buffer.from('cba'), 3))).toBe('abc')
    await expect(codec.decompress(Buffer.from('cba'), 2)).rejects.toThrow('lz4: more than 2 bytes')
  })

  test('wraps their errors, and rejects results that are not bytes', async () => {
    const failing = (work: () => never) => codecSet({ zstd: { ...reversed, decompress: work } }).of(4)
    const decompress = async (codec: Codec) => codec.decompress(Buffer.from('x'), 10)
    const thrown = decompress(
      failing(() => {
        throw new Error('no such luck')
      }),
    )
    await expect(thrown).rejects.toThrow(DecodeError)
    await expect(thrown).rejects.toThrow('zstd: no such luck')
    await expect(decompress(failing(() => null as never))).rejects.toThrow('the codec returned no bytes')
  })

  test('keeps the other built-in codecs', () => {
    const set = codecSet({ snappy: reversed, gzip: undefined })
    for (const name of ['none', 'gzip', 'lz4', 'zstd'] as const) expect(set.of(name)).toBe(codecOf(name))
    expect(set.of(2)).not.toBe(codecOf('snappy'))
    expect(codecSet({ lz4: codecOf('lz4') }).of('lz4')).toBe(codecOf('lz4'))
  })

  test('rejects a value that is not a codec immediately', () => {
    expect(() => codecSet({ lz4: { compress: () => Buffer.alloc(0) } as never })).toThrow(TypeError)
    expect(() => codecSet({ lz4: 'lz4' as never })).toThrow('the codec for lz4')
    expect(() => codecSet({ lz4: codecOf('gzip') })).toThrow('must have the id 3')
  })
})
