// Frames made by hand: what formats allow but no library here writes, and what they forbid.
import { describe, expect, test } from 'vitest'
import { bytesOf, seeded } from '../../test/samples.ts'
import { DecodeError } from '../wire/decode-error.ts'
import { withBlocks } from './blocks.ts'
import { compressLz4, decompressLz4, lz4Bound } from './lz4.ts'
import { compressSnappy, decompressSnappy, plainSnappy } from './snappy.ts'
import { zstdFrames } from './zstd-frame.ts'

const mebibyte = 1 << 20

function xxh32(bytes: Uint8Array): number {
  return withBlocks((blocks) => {
    blocks.reserve(16_384 + bytes.length)
    blocks.bytes.set(bytes, 16_384)
    return blocks.functions.xxh32(16_384, bytes.length) >>> 0
  })
}

const uint32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

/** An LZ4 frame; `flags` beside version 1. Blocks of at most `2 ** (8 + 2 * code)` bytes. */
function lz4Frame(blocks: readonly (readonly number[] | Buffer)[], flags = 0x20, extra = Buffer.alloc(0), code = 4) {
  const descriptor = Buffer.concat([Buffer.from([0x40 | flags, code << 4]), extra])
  const check = Buffer.from([(xxh32(descriptor) >>> 8) & 0xff])
  const parts = blocks.map((block) => Buffer.concat([uint32(block.length), Buffer.from(block)]))
  return Buffer.concat([uint32(0x184d2204), descriptor, check, ...parts, uint32(0)])
}

const abcdefgh = [0x80, ...Buffer.from('abcdefgh')]

test.each([
  ['', 0x02cc5d05],
  ['a', 0x550d7456],
  ['abc', 0x32d153ff],
  ['Nobody inspects the spammish repetition', 0xe2293b2f],
])('xxHash32 of %j', (text, expected) => {
  expect(xxh32(Buffer.from(text))).toBe(expected)
})

describe('lz4', () => {
  // Four bytes from eight before, then five literals.
  const referring = [0x00, 8, 0, 0x50, ...Buffer.from('12345')]

  test('linked blocks refer to those before them, independent ones may not', () => {
    expect(String(decompressLz4(lz4Frame([abcdefgh, referring], 0), 100))).toBe('abcdefghabcd12345')
    expect(() => decompressLz4(lz4Frame([abcdefgh, referring]), 100)).toThrow('lz4: a malformed block')
  })

  test('no frame refers to the previous one', () => {
    const frames = Buffer.concat([lz4Frame([abcdefgh], 0), lz4Frame([referring], 0)])
    expect(() => decompressLz4(frames, 100)).toThrow('a malformed block')
  })

  test('reads concatenated frames, with one to be skipped', () => {
    const skipped = Buffer.concat([uint32(0x184d2a53), uint32(5), Buffer.from('12345')])
    const frames = Buffer.concat([lz4Frame([abcdefgh]), skipped, lz4Frame([abcdefgh])])
    expect(String(decompressLz4(frames, 16))).toBe('abcdefghabcdefgh')
    expect(() => decompressLz4(frames, 15)).toThrow('lz4: more than 15 bytes')
  })

  test('patterns of each distance', () => {
    for (let distance = 1; distance <= 20; distance++) {
      const pattern = Buffer.from(Array.from({ length: distance }, (_, i) => 97 + i))
      const literals = distance < 15 ? [distance << 4] : [0xf0, distance - 15]
      for (const length of [4, 5, 18, 19, 40, 273, 274, 700]) {
        const rest = length - 4 < 15 ? [] : [...Array(Math.floor((length - 19) / 255)).fill(255), (length - 19) % 255]
        const token = literals[0]! | Math.min(15, length - 4)
        const block = [token, ...literals.slice(1), ...pattern, distance, 0, ...rest, 0x10, 0x21]
        const expected = pattern
          .toString()
          .repeat(800)
          .slice(0, distance + length)
        expect(String(decompressLz4(lz4Frame([block]), 1000))).toBe(`${expected}!`)
      }
    }
  })

  const announcing = (size: bigint) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64LE(size)
    return lz4Frame([abcdefgh], 0x28, bytes)
  }

  test('rejects a wrong content size', () => {
    expect(String(decompressLz4(announcing(8n), 8))).toBe('abcdefgh')
    expect(() => decompressLz4(announcing(9n), 100)).toThrow('8 bytes where the frame announces 9')
    expect(() => decompressLz4(announcing(0n), 100)).toThrow('8 bytes where the frame announces 0')
    expect(() => decompressLz4(announcing(2n ** 63n), mebibyte)).toThrow(`more than ${mebibyte} bytes`)
  })

  test.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['another magic number', Buffer.concat([uint32(0x184c2102), Buffer.alloc(20)])],
    ['version 2', lz4Frame([abcdefgh], 0xc0)],
    ['a reserved flag', lz4Frame([abcdefgh], 0x22)],
    ['a reserved block size', lz4Frame([abcdefgh], 0x20, Buffer.alloc(0), 3)],
    ['a dictionary', lz4Frame([abcdefgh], 0x21, uint32(7))],
    ['a block larger than blocks may be', lz4Frame([Buffer.alloc(65_537)])],
    ['a block that makes more than blocks may', lz4Frame([[0x1f, 97, 1, 0, ...Array(300).fill(255), 0, 0x10, 98]])],
    ['a distance of 0', lz4Frame([[0x10, 97, 0, 0, 0x10, 98]])],
    ['a distance beyond the start', lz4Frame([[0x10, 97, 2, 0, 0x10, 98]])],
    ['a length that does not end', lz4Frame([[0xff, 255, 255, 255]])],
    ['literals beyond the end', lz4Frame([[0x50, 97]])],
    ['half a distance', lz4Frame([[0x10, 97, 1]])],
    ['a header that does not match its checksum', lz4Frame([abcdefgh]).fill(0, 6, 7)],
    ['no end mark', lz4Frame([abcdefgh]).subarray(0, -4)],
    ['bytes after the end', Buffer.concat([lz4Frame([abcdefgh]), Buffer.from('x')])],
  ])('%s is refused', (_, frame) => {
    expect(() => decompressLz4(frame, mebibyte)).toThrow(DecodeError)
  })

  test('bounds the output by the headers', () => {
    const bytes = bytesOf(100_000, seeded(3))
    const frame = compressLz4(bytes)
    expect(lz4Bound(frame)).toBe(100_000)
    expect(lz4Bound(compressLz4(Buffer.alloc(100_000)))).toBeGreaterThanOrEqual(100_000)
    expect(lz4Bound(frame.subarray(0, -1))).toBe(Number.POSITIVE_INFINITY)
    expect(lz4Bound(Buffer.concat([frame, frame]))).toBe(Number.POSITIVE_INFINITY)
    expect(lz4Bound(Buffer.alloc(3))).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('snappy', () => {
  const xerial = (...chunks: readonly (readonly number[])[]) =>
    Buffer.concat([
      compressSnappy(Buffer.alloc(0)),
      ...chunks.map((chunk) => Buffer.from([0, 0, chunk.length >> 8, chunk.length & 0xff, ...chunk])),
    ])
  const abc = [3, 2 << 2, 97, 98, 99]

  test('reads chunks, concatenated streams and a single block', () => {
    expect(String(decompressSnappy(xerial(abc, abc), 6))).toBe('abcabc')
    expect(String(decompressSnappy(Buffer.concat([xerial(abc), xerial(abc)]), 6))).toBe('abcabc')
    expect(String(decompressSnappy(Buffer.from(abc), 3))).toBe('abc')
    expect(decompressSnappy(Buffer.from([0]), 0).length).toBe(0)
    expect(() => decompressSnappy(xerial(abc, abc), 5)).toThrow('snappy: more than 5 bytes')
  })

  test('each kind of element', () => {
    const literals = (length: number) => bytesOf(length, seeded(length))
    for (const [head, length] of [
      [[59 << 2], 60],
      [[60 << 2, 60], 61],
      [[60 << 2, 255], 256],
      [[61 << 2, 0, 1], 257],
      [[62 << 2, 0, 0, 1], 65_537],
      [[63 << 2, 0, 0, 1, 0], 65_537],
    ] as const) {
      const block = [(length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, length >> 14, ...head, ...literals(length)]
      expect(decompressSnappy(Buffer.from(block), length).equals(literals(length)), `${head}`).toBe(true)
    }
    const copies: [number[], string][] = [
      [[(4 - 4) * 4 + 1, 3], 'abcabca'],
      [[(11 - 4) * 4 + 1, 1], 'abcccccccccccc'],
      [[(64 - 1) * 4 + 2, 2, 0], `abc${'bc'.repeat(32)}`],
      [[(1 - 1) * 4 + 3, 3, 0, 0, 0], 'abca'],
    ]
    for (const [copy, expected] of copies) {
      const block = Buffer.from([expected.length, ...abc.slice(1), ...copy])
      expect(String(decompressSnappy(block, 100))).toBe(expected)
    }
  })

  test.each<[string, readonly number[]]>([
    ['nothing', []],
    ['a length that does not end', [0x80, 0x80, 0x80, 0x80, 0x80, 0x01]],
    ['a length that cannot be', [0xff, 0xff, 0x03, 0, 97]],
    ['more than it announces', [2, 2 << 2, 97, 98, 99]],
    ['less than it announces', [4, 2 << 2, 97, 98, 99]],
    ['literals beyond the end', [3, 2 << 2, 97]],
    ['a literal length beyond the end', [3, 61 << 2, 1]],
    ['a literal of 4 GiB', [3, 63 << 2, 0xff, 0xff, 0xff, 0xff]],
    ['a distance of 0', [7, 2 << 2, 97, 98, 99, 1, 0]],
    ['a distance beyond the start', [7, 2 << 2, 97, 98, 99, 1, 4]],
    ['a distance of more than 31 bits', [7, 2 << 2, 97, 98, 99, 3 * 4 + 3, 1, 0, 0, 0x80]],
    ['half a distance', [7, 2 << 2, 97, 98, 99, 3 * 4 + 2, 1]],
    ['half a long distance', [7, 2 << 2, 97, 98, 99, 3 * 4 + 3, 1, 0, 0]],
    ['a copy beyond what is announced', [4, 2 << 2, 97, 98, 99, 1, 1]],
  ])('%s is refused', (_, block) => {
    expect(() => decompressSnappy(Buffer.from(block), mebibyte)).toThrow(DecodeError)
    expect(() => decompressSnappy(xerial(block), mebibyte)).toThrow(DecodeError)
  })

  test.each<[string, Buffer]>([
    ['a chunk longer than there is', Buffer.concat([xerial(), Buffer.from([0, 0, 0, 9, 1])])],
    ['a chunk of negative length', Buffer.concat([xerial(), Buffer.from([0xff, 0, 0, 9, 1])])],
    ['half a length', Buffer.concat([xerial(), Buffer.from([0, 0])])],
  ])('%s is refused', (_, bytes) => {
    expect(() => decompressSnappy(bytes, mebibyte)).toThrow(DecodeError)
  })

  test('a wrong length allocates no memory', () => {
    const lie = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x07, 0, 97])
    expect(() => decompressSnappy(lie, 2 ** 31 - 1)).toThrow('cannot be in 7')
    expect(() => decompressSnappy(lie, mebibyte)).toThrow(`more than ${mebibyte} bytes`)
  })

  test('decides what a library without limits may receive', () => {
    expect(plainSnappy(xerial(abc), 3)).toEqual(Buffer.from(abc))
    expect(plainSnappy(Buffer.from(abc), 3)).toEqual(Buffer.from(abc))
    expect(plainSnappy(xerial(abc), 2)).toBeUndefined()
    expect(plainSnappy(xerial(abc, abc), 100)).toBeUndefined()
    expect(plainSnappy(Buffer.from([0xff, 0xff, 0x03, 0, 97]), 2 ** 31)).toBeUndefined()
    expect(plainSnappy(Buffer.alloc(0), 100)).toBeUndefined()
    expect(plainSnappy(Buffer.from([0x80]), 100)).toBeUndefined()
  })
})

describe('zstd', () => {
  const magic = [0x28, 0xb5, 0x2f, 0xfd]
  const lastRaw = (bytes: number) => [(bytes << 3) | 1, 0, 0, ...Array(bytes).fill(97)]
  const framesOf = (bytes: readonly number[], maxBytes = mebibyte) => zstdFrames(Buffer.from(bytes), maxBytes)

  test('what headers say', () => {
    expect(framesOf([...magic, 0x20, 3, ...lastRaw(3)])).toMatchObject([{ contentBytes: 3, boundBytes: 3 }])
    expect(framesOf([...magic, 0x00, 0x58, ...lastRaw(3)])).toMatchObject([{ contentBytes: -1, boundBytes: 3 }])
    const repeated = [(100 << 3) & 0xff, 0x0b | (100 >> 5), 0, 97]
    expect(framesOf([...magic, 0, 0x58, ((100 << 3) & 0xff) | 3, 100 >> 5, 0, 97])).toMatchObject([{ boundBytes: 100 }])
    expect(repeated.length).toBe(4)
    const compressed = [(4 << 3) | 5, 0, 0, 1, 2, 3, 4]
    expect(framesOf([...magic, 0, 0x58, ...compressed])).toMatchObject([{ boundBytes: 128 << 10 }])
    const skipped = [0x5f, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9]
    expect(framesOf([...skipped, ...magic, 0x20, 3, ...lastRaw(3)]).length).toBe(1)
  })

  test.each<[string, readonly number[]]>([
    ['nothing', []],
    ['another magic number', [1, 2, 3, 4, 5, 6]],
    ['a reserved bit', [...magic, 0x28, 3, ...lastRaw(3)]],
    ['a dictionary', [...magic, 0x21, 7, 3, ...lastRaw(3)]],
    ['a reserved kind of block', [...magic, 0x20, 3, 7, 0, 0]],
    ['a block larger than blocks may be', [...magic, 0x00, 0x58, 0xff, 0xff, 0xff, ...Array(10).fill(0)]],
    ['a content size that cannot be', [...magic, 0x20, 200, ...lastRaw(3)]],
    ['a content size beyond the limit', [...magic, 0xe0, ...Array(8).fill(0xff), ...lastRaw(3)]],
    ['a window beyond limit and use', [...magic, 0x00, 0xf8, ...lastRaw(3)]],
    [
      'more frames than anyone writes',
      Array(300)
        .fill([...magic, 0x20, 0, 1, 0, 0])
        .flat(),
    ],
    ['no last block', [...magic, 0x20, 0, 0, 0, 0]],
    ['bytes after the end', [...magic, 0x20, 3, ...lastRaw(3), 1]],
  ])('%s is refused', (_, bytes) => {
    expect(() => framesOf(bytes)).toThrow(DecodeError)
  })
})
