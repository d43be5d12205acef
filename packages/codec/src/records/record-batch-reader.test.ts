import { describe, expect, test } from 'vitest'
import { goldenBytes } from '../../test/golden.ts'
import { recordsOf } from '../../test/read-records.ts'
import { seeded } from '../../test/samples.ts'
import { DecodeError } from '../wire/decode-error.ts'
import { BatchWriter } from './batch-writer.ts'
import { at } from './layout.ts'
import { RecordBatchReader } from './record-batch-reader.ts'
import { readHeaders } from './record-cursor.ts'

const golden = goldenBytes('batches.tsv')
const fields = { producerId: -1n, producerEpoch: -1, baseSequence: -1 }

test.each([3, 255])('rejects magic %i', (magic) => {
  const bytes = golden('plain')
  bytes[at.magic] = magic
  expect(() => new RecordBatchReader(bytes).next()).toThrow(DecodeError)
  expect(() => new RecordBatchReader(bytes).next()).toThrow(`RecordBatch: magic ${magic}`)
})

test.each([-1, 0, 48, -(2 ** 31)])('rejects a batch length of %i', (length) => {
  const bytes = golden('plain')
  bytes.writeInt32BE(length, at.batchLength)
  expect(() => new RecordBatchReader(bytes).next()).toThrow(`a batch of ${length} bytes`)
})

test('treats a length beyond the end as a truncated batch', () => {
  const bytes = golden('plain')
  bytes.writeInt32BE(2 ** 31 - 1, at.batchLength)
  expect(new RecordBatchReader(bytes).next()).toBeUndefined()
})

test('nothing at all', () => {
  expect(new RecordBatchReader(Buffer.alloc(0)).next()).toBeUndefined()
})

describe('wrong counts and lengths', () => {
  function counted(count: number): () => unknown {
    const bytes = golden('plain')
    bytes.writeInt32BE(count, at.recordCount)
    return () => recordsOf(new RecordBatchReader(bytes).next()!)
  }

  test('rejects a record count that is too low', () => {
    expect(counted(5)).toThrow('bytes after the last record')
    expect(counted(0)).toThrow('bytes after the last record')
  })

  test('rejects a record count that is too high', () => {
    expect(counted(7)).toThrow(DecodeError)
    expect(counted(2 ** 31 - 1)).toThrow(DecodeError)
    expect(counted(-1)).toThrow('RecordBatch: -1 records')
  })

  const first = at.records
  // Of the first record: length, attributes, timestamp delta, offset delta, key length, key (3), value length, value.
  test.each([
    ['a record that is longer than it says', first, 0x1a],
    ['a record that is shorter than it says', first, 0x1e],
    ['a record of negative length', first, 0x01],
    ['a record that is longer than the batch', first, 0x7e],
    ['a key longer than the record', first + 4, 0x7e],
    ['a key of length -2', first + 4, 0x03],
    ['a value longer than the record', first + 8, 0x7e],
    ['a value of length -2', first + 8, 0x03],
    ['more headers than there is room for', first + 14, 0x02],
    ['a negative number of headers', first + 14, 0x01],
  ])('%s', (_, place, byte) => {
    const bytes = golden('plain')
    bytes[place] = byte
    expect(() => recordsOf(new RecordBatchReader(bytes).next()!)).toThrow(DecodeError)
  })

  test('a record with bytes after its last part', () => {
    const bytes = golden('log-append-time')
    // Its only record is given a value of null: the byte of the value is left over.
    const valueLengthAt = bytes.length - 3
    expect(bytes[valueLengthAt]).toBe(0x02)
    bytes[valueLengthAt] = 0x01
    bytes[valueLengthAt + 1] = 0x00
    expect(() => recordsOf(new RecordBatchReader(bytes).next()!)).toThrow('lengths within a record')
  })

  test('rejects an unterminated varint', () => {
    const bytes = golden('plain')
    bytes.fill(0xff, first, first + 20)
    expect(() => recordsOf(new RecordBatchReader(bytes).next()!)).toThrow('Record: a varint of more than 5 bytes')
    bytes.set([0x1c, 0], first)
    expect(() => recordsOf(new RecordBatchReader(bytes).next()!)).toThrow('Record: a varint of more than 10 bytes')
  })

  test('headers', () => {
    expect(() => readHeaders(Buffer.from([0x01, 0x00]), 0, 1)).toThrow('a header key of -1 bytes')
    expect(() => readHeaders(Buffer.from([0x04, 0x61]), 0, 1)).toThrow('a header key of 2 bytes')
    expect(() => readHeaders(Buffer.from([0x02, 0x61, 0x03]), 0, 1)).toThrow('a header value of -2 bytes')
    expect(() => readHeaders(Buffer.from([0x02, 0x61, 0x04, 0x62]), 0, 1)).toThrow('a header value of 2 bytes')
    expect(() => readHeaders(Buffer.from([0x02, 0x61, 0x01]), 0, 2)).toThrow(DecodeError)
    expect(readHeaders(Buffer.from([0x02, 0x61, 0x01]), 0, 1)).toEqual([{ key: 'a', value: null }])
  })
})

test('random rejects corrupted input with DecodeError or not seen, but never hangs or reads beyond the batch', () => {
  const random = seeded(7)
  const source = golden('plain')
  for (let round = 0; round < 1000; round++) {
    const bytes = Buffer.from(source)
    for (let i = 0; i <= random(4); i++) bytes[at.recordCount + random(bytes.length - at.recordCount)] = random(256)
    try {
      const batch = new RecordBatchReader(bytes).next()!
      const sizes = recordsOf(batch).map(({ key, value }) => (key?.length ?? 0) + (value?.length ?? 0))
      expect(Math.max(0, ...sizes)).toBeLessThanOrEqual(bytes.length)
    } catch (error) {
      expect(error).toBeInstanceOf(DecodeError)
    }
  }
})

test('the cursor points into the bytes of the batch', () => {
  const writer = new BatchWriter()
  writer.append(1, 'key', 'value', [])
  const batch = new RecordBatchReader(writer.seal(fields)).next()!
  const cursor = batch.records()
  expect(cursor.next()).toBe(true)
  expect(cursor.bytes).toBe(batch.bytes)
  expect(cursor.next()).toBe(false)
  expect(cursor.next()).toBe(false)
})
