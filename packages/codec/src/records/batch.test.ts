// Batches that Kafka's own classes wrote: read by the reader, and written again by the writer.
import { describe, expect, test } from 'vitest'
import { goldenBytes } from '../../test/golden.ts'
import { recordsOf } from '../../test/read-records.ts'
import { codecOf } from '../compression/compression.ts'
import { BatchWriter, type SealFields } from './batch-writer.ts'
import { patchBatch } from './patch-batch.ts'
import type { RecordHeader } from './record.ts'
import { type RecordBatch, RecordBatchReader } from './record-batch-reader.ts'

const golden = goldenBytes('batches.tsv')
const time = 1_700_000_000_000
const notIdempotent: SealFields = { producerId: -1n, producerEpoch: -1, baseSequence: -1 }

type Input = readonly [timestamp: number, key: string | null, value: string | null, headers?: readonly RecordHeader[]]

const headers: RecordHeader[] = [
  { key: 'trace', value: 'abc' },
  { key: 'empty', value: Buffer.alloc(0) },
  { key: 'null', value: null },
  { key: 'ключ', value: 'значение' },
]
const plain: Input[] = [
  [time, 'key', 'value'],
  [time + 5, null, 'no key'],
  [time - 3, 'tombstone', null],
  [time, '', ''],
  [time + 1000, 'größe', '語𝄞é', headers],
  [time + 2, 'a key of more than twenty-four bytes', 'v'.repeat(300)],
]
const far = [0, 1, 2 ** 29, 2 ** 30, -(2 ** 30), -(2 ** 30) - 1, 2 ** 40]
const farTimes = [time, ...far.map((delta, i) => (i < 2 ? delta : time + delta)), 2 ** 52, 2 ** 53 - 1]

function batchOf(name: string): RecordBatch {
  const reader = new RecordBatchReader(golden(name))
  const batch = reader.next()!
  expect(reader.next()).toBeUndefined()
  expect(batch.verifyCrc()).toBe(true)
  return batch
}

function writerOf(inputs: readonly Input[], asBytes = false): BatchWriter {
  const writer = new BatchWriter({ initialBytes: 1 })
  const form = (data: string | null) => (asBytes && data !== null ? Buffer.from(data) : data)
  for (const [timestamp, key, value, headers = []] of inputs) writer.append(timestamp, form(key), form(value), headers)
  return writer
}

function plainRecords(inputs: readonly Input[], offset = 0) {
  return inputs.map(([timestamp, key, value, headers = []], i) => ({
    offset: offset + i,
    timestamp,
    key,
    value,
    headers: headers.map(({ key, value }) => [key, value && String(value)]),
  }))
}

const many: Input[] = Array.from({ length: 200 }, (_, i) => [time + i * 50, `k${i}`, `value ${i}`])
const farRecords = farTimes.map((timestamp): Input => [timestamp, null, 'x'])
const two: Input[] = [
  [time, 'a', '1'],
  [time + 1, 'b', '2'],
]

describe('read', () => {
  test('keys, values and headers, null and empty and not ASCII', () => {
    const batch = batchOf('plain')
    expect(recordsOf(batch)).toEqual(plainRecords(plain))
    expect(batch).toMatchObject({
      baseOffset: 0n,
      lastOffset: 5n,
      lastOffsetDelta: 5,
      recordCount: 6,
      partitionLeaderEpoch: -1,
      magic: 2,
      compression: 'none',
      isControl: false,
      isTransactional: false,
      timestampType: 'create',
      baseTimestamp: time,
      maxTimestamp: time + 1000,
      producerId: -1n,
      producerEpoch: -1,
      baseSequence: -1,
    })
  })

  test('the fields of a transactional producer', () => {
    const batch = batchOf('transactional')
    expect(recordsOf(batch)).toEqual(plainRecords(two, 1_234_567_890_123))
    expect(batch).toMatchObject({
      baseOffset: 1_234_567_890_123n,
      lastOffset: 1_234_567_890_124n,
      isTransactional: true,
      isControl: false,
      producerId: 987_654_321_098n,
      producerEpoch: 12,
      baseSequence: 345_678,
      partitionLeaderEpoch: 77,
    })
  })

  test('timestamps far from each other, exact to 2^53', () => {
    expect(recordsOf(batchOf('far-timestamps')).map(({ timestamp }) => timestamp)).toEqual(farTimes)
  })

  test('offsets with gaps, as compaction leaves them', () => {
    const batch = batchOf('gaps')
    expect(recordsOf(batch).map(({ offset }) => offset)).toEqual([100, 103, 250, 20_000])
    expect(batch.lastOffset).toBe(20_000n)
    expect(batch.recordCount).toBe(4)
  })

  test('the time of the broker', () => {
    const batch = batchOf('log-append-time')
    expect(batch).toMatchObject({ timestampType: 'append', maxTimestamp: time + 99, baseOffset: 5n })
  })

  test.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)('%s', async (name) => {
    const batch = batchOf(name)
    expect(batch.compression).toBe(name)
    expect(() => batch.records()).toThrow('decompress the payload first')
    const payload = await codecOf(batch.compression).decompress(batch.payload, 10_000)
    expect(recordsOf(batch, payload)).toEqual(plainRecords(plain))
  })
})

describe('writes the same bytes again', () => {
  test.each([
    ['plain', plain, notIdempotent],
    ['many', many, { ...notIdempotent, baseOffset: 10n }],
    ['far-timestamps', farRecords, notIdempotent],
    [
      'transactional',
      two,
      {
        baseOffset: 1_234_567_890_123n,
        partitionLeaderEpoch: 77,
        producerId: 987_654_321_098n,
        producerEpoch: 12,
        baseSequence: 345_678,
        transactional: true,
      },
    ],
  ] as const)('%s', (name, inputs, fields) => {
    for (const asBytes of [false, true]) {
      const writer = writerOf(inputs, asBytes)
      const bytes = writer.seal(fields)
      expect(Buffer.from(bytes).toString('hex')).toBe(golden(name).toString('hex'))
      expect(bytes.length).toBe(writer.byteLength)
    }
  })

  test('log-append-time, and what a broker assigns', () => {
    const bytes = writerOf([[time, 'k', 'v']]).seal(notIdempotent)
    patchBatch(bytes, { baseOffset: 5n, logAppendTime: time + 99 })
    expect(Buffer.from(bytes).toString('hex')).toBe(golden('log-append-time').toString('hex'))
  })

  test("a retry's sequence and producer are patched in", () => {
    const bytes = writerOf(two).seal({ ...notIdempotent, transactional: true })
    for (const patch of [{ producerId: 987_654_321_098n }, { producerEpoch: 12 }, { baseSequence: 345_678 }]) {
      patchBatch(bytes, patch)
      expect(new RecordBatchReader(bytes).next()!.verifyCrc()).toBe(true)
    }
    patchBatch(bytes, { baseOffset: 1_234_567_890_123n, partitionLeaderEpoch: 77 })
    expect(Buffer.from(bytes).toString('hex')).toBe(golden('transactional').toString('hex'))
  })
})

test('reads consecutive batches, the last truncated at each byte', () => {
  const whole = Buffer.concat([golden('plain'), golden('transactional'), golden('gaps')])
  const lastStart = golden('plain').length + golden('transactional').length
  for (let end = lastStart; end <= whole.length; end++) {
    const reader = new RecordBatchReader(whole.subarray(0, end))
    const counts: number[] = []
    for (let batch = reader.next(); batch !== undefined; batch = reader.next()) counts.push(batch.recordCount)
    expect(counts).toEqual(end === whole.length ? [6, 2, 4] : [6, 2])
    expect(reader.offset).toBe(end === whole.length ? end : lastStart)
  }
})

test('a flipped bit changes the checksum', () => {
  for (const at of [21, 30, 60, 61, 100]) {
    const bytes = golden('plain')
    bytes[at]! ^= 0x10
    expect(new RecordBatchReader(bytes).next()!.verifyCrc(), `byte ${at}`).toBe(false)
  }
})
