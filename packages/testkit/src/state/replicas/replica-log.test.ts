import { describe, expect, test } from 'vitest'
import type { StoredBatch } from './log-segment.ts'
import { ReplicaLog } from './replica-log.ts'

const segmentBytes = 1000

function batch(
  baseOffset: number,
  count: number,
  { epoch = 0, size = 100, maxTimestamp = baseOffset } = {},
): StoredBatch {
  const bytes = new Uint8Array(size)
  return {
    baseOffset,
    lastOffset: baseOffset + count - 1,
    leaderEpoch: epoch,
    maxTimestamp,
    bytes,
    sequenced: undefined,
  }
}

/** Batches of ten records and 100 bytes each. */
function logOf(count: number, bytes = segmentBytes): ReplicaLog {
  const log = new ReplicaLog()
  for (let n = 0; n < count; n++) log.append(batch(n * 10, 10, { epoch: Math.floor(n / 4) }), bytes)
  return log
}

const basesOf = (batches: Iterable<StoredBatch>) => Array.from(batches, ({ baseOffset }) => baseOffset)
const all = { upTo: Number.POSITIVE_INFINITY, maxBytes: Number.POSITIVE_INFINITY, atLeastOne: true }

describe('reading', () => {
  const log = logOf(25)

  test('starts with the batch that contains the offset, and crosses segments', () => {
    expect(log.segments.length).toBe(3)
    expect(basesOf(log.read(95, { ...all, maxBytes: 300 }))).toEqual([90, 100, 110])
  })

  test('reports where the segment of a read ends', () => {
    expect([95, 99, 100, 199, 200, 249].map((offset) => log.segmentEndFrom(offset))).toEqual([
      100,
      100,
      200,
      200,
      Number.POSITIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    ])
  })

  test('returns one batch above the limit when at least one is required', () => {
    expect(basesOf(log.read(5, { ...all, maxBytes: 1 }))).toEqual([0])
    expect(basesOf(log.read(5, { ...all, maxBytes: 1, atLeastOne: false }))).toEqual([])
  })

  test('ends before the high watermark', () => {
    expect(basesOf(log.read(0, { ...all, upTo: 20 }))).toEqual([0, 10])
    expect(basesOf(log.read(20, { ...all, upTo: 20 }))).toEqual([])
    expect(basesOf(log.read(0, { ...all, upTo: 19 }))).toEqual([0])
    expect(log.sizeBetween(0, 19, 1_000_000)).toBe(100)
  })

  test('skips a gap that compaction left', () => {
    const gappy = new ReplicaLog()
    gappy.append(batch(0, 1), segmentBytes)
    gappy.append(batch(50, 1), segmentBytes)
    expect(basesOf(gappy.read(1, all))).toEqual([50])
    expect(gappy.logEndOffset).toBe(51)
  })

  test('measures a range of offsets, and stops counting at the given size', () => {
    expect(log.sizeBetween(0, 250, 1_000_000)).toBe(2500)
    expect(log.sizeBetween(95, 120, 1_000_000)).toBe(300)
    expect(log.sizeBetween(0, 250, 150)).toBe(200)
    expect(log.sizeBetween(250, 250, 1)).toBe(0)
  })
})

test('rejects a batch that starts before the log end offset', () => {
  const log = logOf(2)
  expect(() => log.append(batch(15, 10), segmentBytes)).toThrow(RangeError)
})

describe('truncation', () => {
  test('truncates batches, segments, epochs and the high watermark', () => {
    const log = logOf(25)
    log.advanceHighWatermark(200)
    log.truncateTo(120)
    expect([log.logEndOffset, log.highWatermark, log.epochs.latestEpoch]).toEqual([120, 120, 2])
    expect(basesOf(log.batches()).at(-1)).toBe(110)
    log.append(batch(120, 1, { epoch: 9 }), segmentBytes)
    expect(log.epochs.entries.at(-1)).toEqual({ epoch: 9, startOffset: 120 })
  })

  test('inside a batch removes the whole batch', () => {
    const log = logOf(3)
    log.truncateTo(15)
    expect(log.logEndOffset).toBe(10)
  })

  test('at the log end removes an epoch without records', () => {
    const log = logOf(1)
    log.epochs.assign(5, log.logEndOffset)
    log.truncateTo(log.logEndOffset)
    expect(log.epochs.latestEpoch).toBe(0)
  })

  test('to offset 0 leaves an empty log that continues there', () => {
    const log = logOf(25)
    log.truncateTo(0)
    expect([log.logEndOffset, log.sizeInBytes, basesOf(log.batches())]).toEqual([0, 0, []])
    log.append(batch(0, 1), segmentBytes)
    expect(log.logEndOffset).toBe(1)
  })

  test('removes the producer state of truncated batches', () => {
    const log = new ReplicaLog()
    const sequenced = { producerId: 1n, producerEpoch: 0, lastSequence: 0, lastOffset: 0, timestamp: 0 }
    log.append({ ...batch(0, 1), sequenced: { ...sequenced, baseSequence: 0, baseOffset: 0 } }, segmentBytes)
    const second = { ...sequenced, baseSequence: 1, lastSequence: 1, baseOffset: 1, lastOffset: 1 }
    log.append({ ...batch(1, 1), sequenced: second }, segmentBytes)
    log.truncateTo(1)
    expect(log.producers.check(second)).toEqual({ verdict: 'next' })
  })
})

describe('deleting records', () => {
  test('moves the log start offset, frees whole segments and keeps the rest', () => {
    const log = logOf(25)
    log.advanceHighWatermark(250)
    expect(log.advanceLogStart(115)).toBe(true)
    expect(log.advanceLogStart(115)).toBe(false)
    expect([log.logStartOffset, log.segments.length]).toEqual([115, 2])
    expect(basesOf(log.batches())[0]).toBe(110)
    expect(log.epochs.entries[0]).toEqual({ epoch: 2, startOffset: 115 })
  })

  test('beyond the log end starts an empty log there', () => {
    const log = logOf(2)
    log.advanceLogStart(100)
    expect([log.logStartOffset, log.highWatermark, log.logEndOffset]).toEqual([100, 100, 100])
  })
})

describe('timestamps', () => {
  const log = new ReplicaLog()
  for (const [at, maxTimestamp] of [100, 300, 200, 300].entries()) {
    log.append(batch(at * 10, 10, { maxTimestamp }), 150)
  }

  test('find the first batch that may contain a record as late', () => {
    expect(log.batchByTimestamp(150, 40)?.baseOffset).toBe(10)
    expect(log.batchByTimestamp(301, 40)).toBeUndefined()
    expect(log.batchByTimestamp(150, 10)).toBeUndefined()
  })

  test('find the first batch with the largest timestamp', () => {
    expect(log.batchOfMaxTimestamp(40)?.baseOffset).toBe(10)
    expect(log.batchOfMaxTimestamp(10)?.baseOffset).toBe(0)
  })
})

test('the high watermark only moves forward, up to the log end offset', () => {
  const log = logOf(2)
  expect(log.advanceHighWatermark(500)).toBe(true)
  expect(log.highWatermark).toBe(20)
  expect(log.advanceHighWatermark(10)).toBe(false)
  expect(log.highWatermark).toBe(20)
})
