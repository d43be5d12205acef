// What Kafka's own classes compressed, read without Java.
import { describe, expect, test } from 'vitest'
import { goldenBytes } from '../../test/golden.ts'
import { DecodeError } from '../wire/decode-error.ts'
import { codecOf } from './compression.ts'

const golden = goldenBytes('compressed.tsv.gz')
const lines = Array.from({ length: 1500 }, (_, i) => `line ${i} says ${(i * 7919) % 127}\n`)
const text = lines.join('') + 'x'.repeat(70_000)

const forms = [
  ['gzip', ['gzip', 'gzip-9']],
  ['snappy', ['snappy', 'snappy-raw']],
  ['lz4', ['lz4', 'lz4-hc', 'lz4-4M-block-checksums', 'lz4-magic-0', 'lz4-content-checksum']],
  ['zstd', ['zstd', 'zstd-19', 'zstd-content-size', 'zstd-checksum']],
] as const

describe.each(forms)('%s', (name, written) => {
  test.each(written)('%s', async (form) => {
    const bytes = await codecOf(name).decompress(golden(form), text.length)
    expect(Buffer.from(bytes).toString() === text).toBe(true)
    await expect((async () => codecOf(name).decompress(golden(form), text.length - 1))()).rejects.toThrow('more than')
  })
})

test.each(['zstd', 'lz4'] as const)('nothing, as %s', async (name) => {
  expect((await codecOf(name).decompress(golden(`${name}-empty`), 0)).length).toBe(0)
})

test.each(['lz4-4M-block-checksums', 'lz4-content-checksum', 'zstd-checksum'])('%s: damage is seen', async (form) => {
  const codec = codecOf(form.startsWith('lz4') ? 'lz4' : 'zstd')
  const bytes = golden(form)
  for (const place of [100, bytes.length >> 1, bytes.length - 30]) {
    const damaged = Buffer.from(bytes)
    damaged[place]! ^= 1
    await expect((async () => codec.decompress(damaged, text.length))()).rejects.toThrow(DecodeError)
  }
})

test('lz4 has the header and block size of Kafka', async () => {
  const ours = Buffer.from(await codecOf('lz4').compress(Buffer.from(text)))
  const theirs = golden('lz4')
  expect(ours.subarray(0, 7)).toEqual(theirs.subarray(0, 7))
  expect(ours.subarray(-4)).toEqual(theirs.subarray(-4))
  expect(ours.length).toBeLessThan(theirs.length * 1.1)
})

test('snappy has the header and chunk size of Kafka', async () => {
  const madeBy = (bytes: Buffer) => {
    const sizes: number[] = []
    for (let at = 16; at < bytes.length; at += 4 + bytes.readUInt32BE(at)) {
      sizes.push((bytes[at + 4]! & 0x7f) | ((bytes[at + 5]! & 0x7f) << 7) | (bytes[at + 6]! << 14))
    }
    return sizes
  }
  const ours = Buffer.from(await codecOf('snappy').compress(Buffer.from(text)))
  const theirs = golden('snappy')
  expect(ours.subarray(0, 16)).toEqual(theirs.subarray(0, 16))
  expect(madeBy(ours).map((size, i, all) => (i < all.length - 1 ? size : 0))).toEqual(
    madeBy(theirs).map((size, i, all) => (i < all.length - 1 ? size : 0)),
  )
  expect(ours.length).toBeLessThan(theirs.length * 1.1)
})
