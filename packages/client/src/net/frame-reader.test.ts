import { beforeEach, describe, expect, test } from 'vitest'
import { FrameReader } from './frame-reader.ts'

let frames: string[]
let errors: (string | undefined)[]
let reader: FrameReader

function frame(text: string): Buffer {
  const head = Buffer.alloc(4)
  head.writeInt32BE(text.length)
  return Buffer.concat([head, Buffer.from(text)])
}

/** Reads bytes as a socket does: it asks for the next space before it waits for more. */
function read(space: Uint8Array, bytes: Buffer): Uint8Array {
  let at = 0
  let next = space
  while (at < bytes.length) {
    const size = bytes.copy(next, 0, at)
    at += size
    reader.filled(size)
    next = reader.space()
  }
  return next
}

beforeEach(() => {
  frames = []
  errors = []
  reader = new FrameReader({
    maxBytes: 16,
    onFrame: (bytes) => frames.push(bytes.toString()),
    onError: (_error, first) => errors.push(first && Buffer.from(first.subarray(0, 6)).toString('latin1')),
  })
})

describe('a frame reader', () => {
  test('emits frames that arrive whole or byte by byte', () => {
    let space = read(reader.space(), frame('one'))
    for (const byte of frame('two')) space = read(space, Buffer.of(byte))
    expect(frames).toEqual(['one', 'two'])
    expect(reader.frames).toBe(2)
  })

  test('reports the first bytes only of a peer that sends no frames', () => {
    read(reader.space(), Buffer.from('HTTP/1.1'))
    expect(errors).toEqual(['HTTP/1'])
    reader = new FrameReader({ maxBytes: 16, onFrame: () => {}, onError: (_, first) => errors.push(first && 'first') })
    read(reader.space(), Buffer.concat([frame('one'), Buffer.from('HTTP/1.1')]))
    expect(errors).toEqual(['HTTP/1', undefined])
  })

  test.each([10, 100, 100_000])(
    'accepts %i bytes after the limit was raised, read into space provided before',
    (size) => {
      const space = read(reader.space(), frame('small'))
      reader.raiseLimit(1 << 20)
      const text = 'x'.repeat(size)
      const rest = read(space, frame(text))
      read(rest, frame('next'))
      expect(frames).toEqual(['small', text, 'next'])
      expect(errors).toEqual([])
    },
  )

  test('keeps the limit until it is raised', () => {
    read(reader.space(), frame('x'.repeat(17)))
    expect(frames).toEqual([])
    expect(errors).toHaveLength(1)
  })
})
