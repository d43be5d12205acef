import { describe, expect, test } from 'vitest'
import { bytesOf, seeded } from '../../test/samples.ts'
import { DecodeError } from '../wire/decode-error.ts'
import { FrameSplitter } from './splitter.ts'

function frameOf(body: Uint8Array): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(body.length)
  return Buffer.concat([length, body])
}

function collect(maxBytes = 1 << 20) {
  const frames: Buffer[] = []
  const errors: DecodeError[] = []
  const splitter = new FrameSplitter({
    maxBytes,
    onFrame: (frame) => frames.push(frame),
    onError: (error) => errors.push(error),
  })
  return { frames, errors, splitter }
}

/** Passes bytes as a socket would: at most `most` per read, and never more than there is space for. */
function feed(splitter: FrameSplitter, bytes: Uint8Array, most: () => number): void {
  for (let at = 0; at < bytes.length; ) {
    const space = splitter.space()
    if (space.length === 0) throw new Error('no space')
    const size = Math.min(space.length, most(), bytes.length - at)
    space.set(bytes.subarray(at, at + size))
    splitter.filled(size)
    at += size
  }
}

const random = seeded(1)
const bodies = [
  0, 1, 3, 4, 200, 16_383, 16_384, 16_385, 65_531, 65_532, 65_536, 200_000, 5, 0, 0, 60_000, 10_000, 7_000,
]
  .concat(Array.from({ length: 60 }, () => random(4000)))
  .map((length) => bytesOf(length, random))
const stream = Buffer.concat(bodies.map(frameOf))

describe('emits whole frames for chunks of any size', () => {
  test.each([
    ['a byte', () => 1],
    ['3 bytes', () => 3],
    ['16 KiB', () => 16_384],
    ['as much as there is space for', () => Number.POSITIVE_INFINITY],
    ['any number of bytes', () => 1 + random(random(2) === 0 ? 10 : 20_000)],
  ])('%s at a time', (_, most) => {
    const { frames, errors, splitter } = collect()
    feed(splitter, stream, most)
    expect(errors).toEqual([])
    expect(frames.length).toBe(bodies.length)
    // Compared at the end: an emitted frame must not be overwritten by later bytes.
    for (const [i, frame] of frames.entries()) expect(frame.equals(bodies[i]!), `frame ${i}`).toBe(true)
    expect(splitter.pendingBytes).toBe(0)
  })
})

test('cut at each byte', () => {
  const short = Buffer.concat([frameOf(Buffer.from('abc')), frameOf(Buffer.alloc(0)), frameOf(Buffer.from('defgh'))])
  for (let cut = 0; cut <= short.length; cut++) {
    const { frames, splitter } = collect()
    const pieces = [cut, Number.POSITIVE_INFINITY]
    if (cut > 0) feed(splitter, short.subarray(0, cut), () => pieces[0]!)
    feed(splitter, short.subarray(cut), () => pieces[1]!)
    expect(frames.map(String)).toEqual(['abc', '', 'defgh'])
  }
})

test('a large frame has its own buffer of exactly its size', () => {
  const { frames, splitter } = collect()
  feed(splitter, frameOf(bytesOf(100_000, random)), () => 30_000)
  expect(frames[0]!.buffer.byteLength).toBe(100_000)
  expect(frames[0]!.byteOffset).toBe(0)
})

test('the receiver may modify a frame', () => {
  const { frames, splitter } = collect()
  const bytes = Buffer.concat([frameOf(Buffer.from('one')), frameOf(Buffer.from('two'))])
  feed(splitter, bytes.subarray(0, 9), () => 9)
  frames[0]!.fill(0xff)
  feed(splitter, bytes.subarray(9), () => 9)
  expect(String(frames[1])).toBe('two')
})

test.each([
  ['negative', 'ffffffff', 'a frame of -1 bytes, at most 1000 are allowed'],
  ['too long', '000003e9', 'a frame of 1001 bytes, at most 1000 are allowed'],
  ['text of another protocol', Buffer.from('HTTP/1.1').toString('hex'), 'a frame of 1213486160 bytes'],
])('a length that is %s ends it', (_, hex, message) => {
  const { frames, errors, splitter } = collect(1000)
  feed(splitter, Buffer.concat([frameOf(Buffer.from('ok')), Buffer.from(hex, 'hex')]), () => Number.POSITIVE_INFINITY)
  feed(splitter, frameOf(Buffer.from('late')), () => Number.POSITIVE_INFINITY)
  expect(frames.map(String)).toEqual(['ok'])
  expect(errors.length).toBe(1)
  expect(errors[0]).toBeInstanceOf(DecodeError)
  expect(errors[0]!.message).toContain(message)
})

test('the longest frame that is allowed', () => {
  const { frames, errors, splitter } = collect(1000)
  feed(splitter, frameOf(Buffer.alloc(1000)), () => 400)
  expect([frames.length, errors.length]).toEqual([1, 0])
})

test('the limit may be raised between two frames of the same read', () => {
  const frames: number[] = []
  const splitter = new FrameSplitter({
    maxBytes: 10,
    onFrame: (frame) => {
      frames.push(frame.length)
      splitter.maxBytes = 1000
    },
    onError: (error) => {
      throw error
    },
  })
  feed(
    splitter,
    Buffer.concat([frameOf(Buffer.alloc(10)), frameOf(Buffer.alloc(1000))]),
    () => Number.POSITIVE_INFINITY,
  )
  expect(frames).toEqual([10, 1000])
})

test('emits no further frame when stopped while emitting', () => {
  const frames: string[] = []
  const splitter = new FrameSplitter({
    maxBytes: 100,
    onFrame: (frame) => {
      frames.push(String(frame))
      splitter.stop()
    },
    onError: (error) => {
      throw error
    },
  })
  feed(splitter, Buffer.concat([frameOf(Buffer.from('a')), frameOf(Buffer.from('b'))]), () => 100)
  expect(frames).toEqual(['a'])
})

test('counts the bytes of an incomplete frame', () => {
  const { splitter } = collect()
  const bytes = frameOf(bytesOf(50_000, random))
  feed(splitter, bytes.subarray(0, 3), () => 3)
  expect(splitter.pendingBytes).toBe(3)
  feed(splitter, bytes.subarray(3, 40_000), () => 5000)
  expect(splitter.pendingBytes).toBe(40_000)
})
