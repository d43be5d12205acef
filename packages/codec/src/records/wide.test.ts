// Timestamps and offsets of 64 bits, delete horizons, and batches that compaction has emptied, against Kafka's own.
import { expect, test } from 'vitest'
import { goldenBytes } from '../../test/golden.ts'
import { recordsOf } from '../../test/read-records.ts'
import { BatchWriter } from './batch-writer.ts'
import { emptyBatch } from './empty-batch.ts'
import { patchBatch } from './patch-batch.ts'
import { type RecordBatch, RecordBatchReader } from './record-batch-reader.ts'

const golden = goldenBytes('batches.tsv')
const time = 1_700_000_000_000
const fields = { producerId: -1n, producerEpoch: -1, baseSequence: -1 }
const most = 2n ** 63n - 1n

function timesOf(batch: RecordBatch): bigint[] {
  const cursor = batch.records()
  const times: bigint[] = []
  while (cursor.next()) times.push(batch.timestampOf(cursor))
  return times
}

const readBatch = (bytes: Uint8Array) => new RecordBatchReader(bytes).next()!

const kafkasTimes = [BigInt(time), 2n ** 53n + 1n, 2n ** 62n + 3n, most, 0n, -1n]

test('offsets and timestamps up to the end of their range, from Kafka', () => {
  const batch = readBatch(golden('wide-timestamps'))
  expect(timesOf(batch)).toEqual(kafkasTimes)
  expect(batch.wideMaxTimestamp).toBe(most)
  expect(batch.maxTimestamp).toBe(2 ** 63)
  expect(batch.baseOffset).toBe(most - 10n)
  expect(batch.lastOffset).toBe(most - 5n)
  const cursor = batch.records()
  cursor.next()
  expect(batch.offsetOf(cursor)).toBe(most - 10n)
})

test('are written byte for byte as Kafka writes them', () => {
  const writer = new BatchWriter({ initialBytes: 10 })
  for (const timestamp of kafkasTimes) writer.append(timestamp, null, 'x', [])
  const bytes = writer.seal({ ...fields, baseOffset: most - 10n })
  expect(Buffer.from(bytes).toString('hex')).toBe(golden('wide-timestamps').toString('hex'))
  expect(writer.maxTimestamp).toBe(2 ** 63)
})

test('in any order, and after a rejected wide record', () => {
  const orders = [
    [most, 0n, -(2n ** 63n), 5n],
    [-(2n ** 63n), most, 1n],
    [5n, 2n ** 53n - 1n, -(2n ** 53n) + 1n],
    [2n ** 53n, 2n ** 53n + 1n],
    [3n, 2n, 1n],
  ]
  const writer = new BatchWriter()
  for (const times of orders) {
    writer.reset()
    expect(() => writer.append(most, 7 as never, null, [])).toThrow(TypeError)
    for (const timestamp of times) writer.append(timestamp, 'k', null, [])
    const batch = readBatch(writer.seal(fields))
    expect(batch.verifyCrc()).toBe(true)
    expect(timesOf(batch)).toEqual(times)
    expect(batch.wideMaxTimestamp).toBe([...times].sort((a, b) => (a < b ? -1 : 1)).at(-1))
  }
  expect(() => writer.append(2n ** 63n, null, null, [])).toThrow('not a timestamp')
})

test('a number and an int64 of the same value make the same bytes', () => {
  const [numbers, wide] = [new BatchWriter(), new BatchWriter()]
  for (const timestamp of [time, time + 7, time - 2 ** 40, 0]) {
    numbers.append(timestamp, 'k', 'v', [])
    wide.append(BigInt(timestamp), 'k', 'v', [])
  }
  expect(Buffer.from(wide.seal(fields)).equals(numbers.seal(fields))).toBe(true)
  expect(wide.baseTimestamp).toBe(time)
})

test('the time of the broker, wide', () => {
  const writer = new BatchWriter()
  writer.append(time, 'k', 'v', [])
  const bytes = writer.seal(fields)
  patchBatch(bytes, { logAppendTime: most })
  expect(timesOf(readBatch(bytes))).toEqual([most])
  expect(readBatch(bytes).verifyCrc()).toBe(true)
})

test('a delete horizon', () => {
  const batch = readBatch(golden('delete-horizon'))
  expect(batch.deleteHorizonMs).toBe(BigInt(time + 86_400_000))
  expect(timesOf(batch)).toEqual([BigInt(time), BigInt(time + 1)])
  expect(recordsOf(batch).map(({ key, timestamp }) => [key, timestamp])).toEqual([
    ['gone', time],
    ['stays', time + 1],
  ])
  expect(readBatch(golden('plain')).deleteHorizonMs).toBeUndefined()

  const writer = new BatchWriter({ deleteHorizonMs: time + 86_400_000 })
  for (let round = 0; round < 2; round++) {
    writer.reset()
    writer.append(time, 'gone', null, [])
    writer.append(time + 1, 'stays', 'v', [])
    const bytes = writer.seal({ ...fields, baseOffset: 7n, partitionLeaderEpoch: 3 })
    expect(Buffer.from(bytes).toString('hex')).toBe(golden('delete-horizon').toString('hex'))
  }
})

test('an empty batch keeps its offsets', () => {
  const batch = readBatch(golden('empty'))
  expect(batch).toMatchObject({ baseOffset: 100n, lastOffset: 120n, recordCount: 0, isTransactional: true })
  expect(batch).toMatchObject({ producerId: 4000n, producerEpoch: 5, baseSequence: 17, partitionLeaderEpoch: 9 })
  expect(batch.verifyCrc()).toBe(true)
  expect(batch.records().next()).toBe(false)
  const places = { baseOffset: 100n, lastOffset: 120n, partitionLeaderEpoch: 9, timestampMs: time }
  const cleaned = { ...places, producerId: 4000n, producerEpoch: 5, baseSequence: 17, transactional: true }
  const bytes = emptyBatch(cleaned)
  expect(bytes.toString('hex')).toBe(golden('empty').toString('hex'))
  const others = { timestampType: 'append', timestampMs: most, control: true, transactional: false } as const
  const appended = readBatch(emptyBatch({ ...cleaned, ...others }))
  expect(appended).toMatchObject({ isControl: true, isTransactional: false, wideMaxTimestamp: most })
})
