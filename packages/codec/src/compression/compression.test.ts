import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { bytesOf, seeded } from '../../test/samples.ts'
import { DecodeError } from '../wire/decode-error.ts'
import { codecOf, UnsupportedCompression } from './compression.ts'

const random = seeded(1)

describe.each(['none', 'gzip'] as const)('%s', (name) => {
  const codec = codecOf(name)

  test.each([0, 1, 1000, 70_000, 300_000])('%i bytes come back', async (length) => {
    const bytes = bytesOf(length, random)
    const compressed = await codec.compress(bytes)
    const decompressed = await codec.decompress(compressed, length)
    expect(Buffer.from(decompressed).equals(bytes)).toBe(true)
  })

  test.each([2000, 300_000])('more than is allowed is refused: %i bytes', async (length) => {
    const compressed = await codec.compress(bytesOf(length, random))
    const decompress = async () => codec.decompress(compressed, length - 1)
    await expect(decompress()).rejects.toThrow(DecodeError)
    await expect(decompress()).rejects.toThrow(`more than ${length - 1} bytes`)
  })
})

test('a small bomb does not get far', async () => {
  const bomb = gzipSync(Buffer.alloc(5_000_000))
  expect(bomb.length).toBeLessThan(64 * 1024)
  expect(() => codecOf('gzip').decompress(bomb, 1_000_000)).toThrow('more than 1000000 bytes')
})

test('what is not gzip is refused', async () => {
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.from('plain text'),
    bytesOf(100_000, random),
    gzipSync('abc').subarray(0, 15),
  ]) {
    await expect((async () => codecOf('gzip').decompress(bytes, 1000))()).rejects.toThrow(DecodeError)
  }
})

test('members of gzip one after the other, as some producers write them', async () => {
  const bytes = Buffer.concat([gzipSync('abc'), gzipSync('def')])
  expect(String(await codecOf('gzip').decompress(bytes, 100))).toBe('abcdef')
})

test('levels', async () => {
  const bytes = Buffer.from('abcdefgh'.repeat(500) + bytesOf(500, random).toString('hex'))
  const [fast, best] = [await codecOf('gzip').compress(bytes, 1), await codecOf('gzip').compress(bytes, 9)]
  expect(best.length).toBeLessThan(fast.length)
})

test('codecs that are not there', () => {
  expect(codecOf(1)).toBe(codecOf('gzip'))
  expect(codecOf(0)).toBe(codecOf('none'))
  expect(() => codecOf('zstd')).toThrow(UnsupportedCompression)
  expect(() => codecOf(7)).toThrow('an unknown codec (id 7)')
})
