import { expect, test } from 'vitest'
import { DecodeError } from './decode-error.ts'
import { Reader } from './reader.ts'
import { Writer } from './writer.ts'

test('every type round-trips through a writer that had to grow', () => {
  const writer = new Writer(1)
  writer.bool(true)
  writer.int8(-128)
  writer.int16(-32768)
  writer.uint16(65535)
  writer.int32(-(2 ** 31))
  writer.int64(-(2n ** 63n))
  writer.float64(0.1)
  for (const value of [0, 127, 128, 16383, 16384, 2 ** 31, 2 ** 32 - 1]) writer.uvarint(value)
  writer.uuid('AQIDBAUGBwgJCgsMDQ4PEA')
  writer.string('größe 語𝄞')
  const reader = new Reader(writer.finish())
  expect(reader.bool()).toBe(true)
  expect(reader.int8()).toBe(-128)
  expect(reader.int16()).toBe(-32768)
  expect(reader.uint16()).toBe(65535)
  expect(reader.int32()).toBe(-(2 ** 31))
  expect(reader.int64()).toBe(-(2n ** 63n))
  expect(reader.float64()).toBe(0.1)
  for (const value of [0, 127, 128, 16383, 16384, 2 ** 31, 2 ** 32 - 1]) expect(reader.uvarint()).toBe(value)
  expect(reader.uuid()).toBe('AQIDBAUGBwgJCgsMDQ4PEA')
  expect(reader.utf8(reader.stringLength())).toBe('größe 語𝄞')
  expect(reader.remaining).toBe(0)
})

test.each([0, 1, 40, 62, 63, 64, 65, 126, 127, 128, 200, 0x7fff])('compact strings of %i characters', (length) => {
  for (const character of ['a', 'é']) {
    const text = character.repeat(length)
    if (Buffer.byteLength(text) > 0x7fff) continue
    const writer = new Writer(1)
    writer.compactString(text)
    const reader = new Reader(writer.finish())
    expect(reader.utf8(reader.compactLength())).toBe(text)
    expect(reader.remaining).toBe(0)
  }
})

test('large bytes become chunks without a copy, small ones are copied', () => {
  const [large, small] = [Buffer.alloc(4096, 1), Buffer.alloc(4095, 2)]
  const writer = new Writer()
  writer.int32(7)
  writer.bytes(large)
  writer.bytes(small)
  writer.compactBytes(large)
  expect(writer.byteLength).toBe(4 + 4 + 4096 + 4 + 4095 + 2 + 4096)
  writer.patchInt32(0, 9)
  const chunks = writer.chunks()
  expect(chunks.length).toBe(4)
  expect(chunks[1]).toBe(large)
  expect(chunks[3]).toBe(large)
  const whole = Buffer.concat(chunks)
  expect(whole.equals(writer.finish())).toBe(true)
  expect(whole.readInt32BE(0)).toBe(9)
})

test.each([0, 126, 127, 128, 16383, 16384, 300_000])('a value of %i bytes preceded by its size', (length) => {
  const writer = new Writer()
  const start = writer.beginSized()
  writer.raw(Buffer.alloc(length, 5))
  writer.endSized(start)
  writer.int8(9)
  expect(writer.chunks().length).toBe(1)
  const reader = new Reader(writer.finish())
  expect(reader.uvarint()).toBe(length)
  expect(reader.raw(length).every((byte) => byte === 5)).toBe(true)
  expect(reader.int8()).toBe(9)
})

test('rejects a value out of range without showing secrets', () => {
  const writer = new Writer()
  expect(() => writer.int8(128)).toThrow(TypeError)
  expect(() => writer.int16(-32769)).toThrow(TypeError)
  expect(() => writer.int32(2 ** 31)).toThrow(TypeError)
  expect(() => writer.int32(1.5)).toThrow(TypeError)
  expect(() => writer.int64(2n ** 63n)).toThrow(TypeError)
  expect(() => writer.int64(1 as never)).toThrow('not a valid int64: 1')
  expect(() => writer.uuid('abc')).toThrow(TypeError)
  expect(() => writer.string('a'.repeat(0x8000))).toThrow(TypeError)
  expect(() => writer.compactString('é'.repeat(0x4000))).toThrow(TypeError)
  expect(() => writer.bytes('hunter2' as never)).toThrow('not a valid bytes: a string')
})

test('rejects truncated and negative values with their position', () => {
  const reader = new Reader(Buffer.from([0, 0, 0, 9, 1]))
  const length = reader.bytesLength()
  expect(() => reader.raw(length)).toThrow(new DecodeError('9 bytes wanted, but only 1 are left', { offset: 4 }))
  expect(() => reader.raw(-2)).toThrow(DecodeError)
  expect(() => reader.utf8(-2)).toThrow(DecodeError)
  expect(() => reader.skip(2)).toThrow(DecodeError)
  expect(() => new Reader(Buffer.alloc(6, 0xff)).uvarint()).toThrow('a varint of more than 5 bytes')
  expect(() => new Reader(Buffer.alloc(0)).int8()).toThrow(DecodeError)
})

test('a reader of a view stays within it', () => {
  const view = Buffer.from([1, 2, 3, 4, 5]).subarray(1, 3)
  const reader = new Reader(new Uint8Array(view.buffer, view.byteOffset, view.length))
  expect(reader.int16()).toBe(0x0203)
  expect(() => reader.int8()).toThrow(DecodeError)
})
