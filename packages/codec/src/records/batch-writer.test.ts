import { describe, expect, test } from 'vitest'
import { recordsOf } from '../../test/read-records.ts'
import { bytesOf, seeded } from '../../test/samples.ts'
import { codecOf } from '../compression/compression.ts'
import { BatchWriter } from './batch-writer.ts'
import { batchHeaderBytes } from './layout.ts'
import { type RecordHeader, sizeBound } from './record.ts'
import { RecordBatchReader } from './record-batch-reader.ts'

const fields = { producerId: -1n, producerEpoch: -1, baseSequence: -1 }

function sealedRecords(writer: BatchWriter) {
  return recordsOf(new RecordBatchReader(writer.seal(fields)).next()!)
}

describe('strings of any characters', () => {
  // Around 24 characters the way of writing changes; a lone surrogate becomes U+FFFD.
  const lengths = [0, 1, 2, 23, 24, 25, 26, 63, 64, 100, 8191]
  const characters = ['a', '\u007f', '\u0080', 'é', '\u07ff', '語', '\uffff', '𝄞', '\ud800', '\udc00']
  test.each(lengths)('%i of them', (length) => {
    for (const character of characters) {
      for (const key of [
        character.repeat(length),
        `${'x'.repeat(length)}${character}`,
        `${character}${'x'.repeat(length)}`,
      ]) {
        const writer = new BatchWriter({ initialBytes: 1 })
        writer.append(1, key, key, [])
        writer.append(2, 'after', key, [{ key, value: key }])
        const expected = Buffer.from(key).toString()
        const [first, second] = sealedRecords(writer)
        expect(first).toMatchObject({ key: expected, value: expected })
        expect(second).toMatchObject({ key: 'after', value: expected, headers: [[expected, expected]] })
      }
    }
  })
})

test('random records round-trip, and none exceeds its size bound', () => {
  const random = seeded(5)
  const text = () => ['a', 'é', '語', '𝄞'][random(4)]!.repeat(random(60))
  const data = () => [null, text(), bytesOf(random(40), random), Buffer.alloc(random(3000), 0x61)][random(4)]!
  for (let round = 0; round < 20; round++) {
    const writer = new BatchWriter({ initialBytes: 64 })
    const inputs = Array.from({ length: 1 + random(150) }, () => {
      const headers = Array.from({ length: random(3) }, (): RecordHeader => ({ key: text(), value: data() }))
      return { timestamp: random(2 ** 32) * random(1000), key: data(), value: data(), headers }
    })
    for (const { timestamp, key, value, headers } of inputs) {
      const [before, bound] = [writer.byteLength, sizeBound(key, value, headers)]
      writer.append(timestamp, key, value, headers)
      expect(writer.byteLength - before).toBeLessThanOrEqual(bound)
    }
    const plain = (data: string | Uint8Array | null) => data && Buffer.from(data as string).toString()
    const expected = inputs.map(({ timestamp, key, value, headers }, offset) => {
      const pairs = headers.map(({ key, value }) => [key, plain(value)])
      return { offset, timestamp, key: plain(key), value: plain(value), headers: pairs }
    })
    expect(writer.count).toBe(inputs.length)
    expect(writer.baseTimestamp).toBe(inputs[0]!.timestamp)
    expect(writer.maxTimestamp).toBe(Math.max(...inputs.map(({ timestamp }) => timestamp)))
    expect(sealedRecords(writer)).toEqual(expected)
  }
})

test('the size bound needs only lengths, and is tight for bytes', () => {
  const value = Buffer.alloc(1000)
  const writer = new BatchWriter()
  writer.append(0, null, value, [])
  const size = writer.byteLength - batchHeaderBytes
  expect(sizeBound(null, value, [])).toBeGreaterThanOrEqual(size)
  expect(sizeBound(null, value, [])).toBeLessThanOrEqual(size + 25)
  expect(sizeBound('ab', null, [])).toBe(sizeBound('語語', null, []))
})

test('may be sealed twice and appended to afterwards', () => {
  const writer = new BatchWriter()
  writer.append(1, 'a', '1', [])
  const first = Buffer.from(writer.seal(fields))
  expect(Buffer.from(writer.seal(fields)).equals(first)).toBe(true)
  writer.append(2, 'b', '2', [])
  expect(sealedRecords(writer).map(({ key }) => key)).toEqual(['a', 'b'])
})

test('starts a new batch in the same buffer after a reset', () => {
  const writer = new BatchWriter({ initialBytes: 64 })
  for (let i = 0; i < 100; i++) writer.append(1000, 'key', 'é', [])
  const { capacity } = writer
  writer.reset()
  expect(writer).toMatchObject({
    count: 0,
    byteLength: batchHeaderBytes,
    baseTimestamp: -1,
    maxTimestamp: -1,
    capacity,
  })
  writer.append(5, 'new', null, [])
  expect(sealedRecords(writer)).toEqual([{ offset: 0, timestamp: 5, key: 'new', value: null, headers: [] }])
})

test('seals a compressed copy, so that the writer can be reused', async () => {
  const writer = new BatchWriter()
  for (let i = 0; i < 500; i++) writer.append(i, null, 'the same again', [])
  const bytes = await writer.sealCompressed({ ...fields, producerId: 9n, transactional: true }, codecOf('gzip'))
  writer.reset()
  writer.append(1, 'x', 'y', [])
  expect(bytes.length).toBeLessThan(3000)
  const batch = new RecordBatchReader(bytes).next()!
  expect(batch).toMatchObject({ compression: 'gzip', isTransactional: true, producerId: 9n, recordCount: 500 })
  expect(batch.verifyCrc()).toBe(true)
  const payload = await codecOf('gzip').decompress(batch.payload, 100_000)
  expect(recordsOf(batch, payload).length).toBe(500)
})

test('a rejected record leaves the batch unchanged', () => {
  const writer = new BatchWriter({ initialBytes: 100 })
  writer.append(1, 'a', '1', [])
  const before = Buffer.from(writer.seal(fields))
  expect(() => writer.append(Number.NaN, 'k', 'v', [])).toThrow(TypeError)
  expect(() => writer.append(1.5, 'k', 'v', [])).toThrow(TypeError)
  expect(() => writer.append(2n ** 63n, 'k', 'v', [])).toThrow(TypeError)
  expect(() => writer.append(1, 7 as never, 'v', [])).toThrow('keys and values must be strings, bytes or null')
  expect(() => writer.append(1, 'k', {} as never, [])).toThrow(TypeError)
  expect(() => writer.append(1, 'k', 'v', [{ key: 'h', value: 5 as never }])).toThrow(TypeError)
  expect(Buffer.from(writer.seal(fields)).equals(before)).toBe(true)
})

test('negative timestamps', () => {
  const writer = new BatchWriter()
  for (const timestamp of [-1, -5, 3]) writer.append(timestamp, null, null, [])
  expect(sealedRecords(writer).map(({ timestamp }) => timestamp)).toEqual([-1, -5, 3])
  expect(writer.maxTimestamp).toBe(3)
})

test('refuses to seal a batch without records, which brokers reject', async () => {
  const writer = new BatchWriter()
  expect(() => writer.seal(fields)).toThrow('an empty batch')
  await expect(writer.sealCompressed(fields, codecOf('gzip'))).rejects.toThrow('an empty batch')
})
