import { describe, expect, test } from 'vitest'
import { type RetentionRules, segmentsToDelete } from './log-retention.ts'
import type { StoredBatch } from './log-segment.ts'
import { ReplicaLog } from './replica-log.ts'

const keepAll: RetentionRules = { nowMs: 10_000, retentionMs: -1, retentionBytes: -1, isDeleted: true }

function batch(baseOffset: number, maxTimestamp: number): StoredBatch {
  const bytes = new Uint8Array(100)
  return { baseOffset, lastOffset: baseOffset + 9, leaderEpoch: 0, maxTimestamp, bytes, sequenced: undefined }
}

/** Segments with one batch of ten records and 100 bytes each; all committed unless `highWatermark` says otherwise. */
function logOf(times: readonly number[], highWatermark = times.length * 10): ReplicaLog {
  const log = new ReplicaLog()
  for (const [at, time] of times.entries()) log.append(batch(at * 10, time), 100)
  log.advanceHighWatermark(highWatermark)
  return log
}

describe('retention by time', () => {
  const rules = { ...keepAll, retentionMs: 1000 }

  test('deletes whole segments, oldest first, and stops at the first that is kept', () => {
    expect(segmentsToDelete(logOf([1000, 2000, 9500, 3000, 9999]), rules)).toBe(2)
  })

  test('keeps records that are exactly as old as retention.ms', () => {
    expect(segmentsToDelete(logOf([9000, 9999]), rules)).toBe(0)
    expect(segmentsToDelete(logOf([8999, 9999]), rules)).toBe(1)
  })

  test('deletes the active segment too, and the log continues at its end', () => {
    const log = logOf([1000, 2000])
    expect(log.applyRetention(rules)).toBe(true)
    expect([log.logStartOffset, log.logEndOffset, log.highWatermark, log.segments.length]).toEqual([20, 20, 20, 1])
    expect(log.applyRetention(rules)).toBe(false)
    log.append(batch(20, 9999), 100)
    expect(log.logEndOffset).toBe(30)
  })

  test('never deletes beyond the high watermark', () => {
    const log = logOf([1000, 2000, 3000], 15)
    expect(segmentsToDelete(log, rules)).toBe(1)
    log.applyRetention(rules)
    expect(log.logStartOffset).toBe(10)
  })

  test('does nothing without the delete policy or with unlimited retention', () => {
    expect(segmentsToDelete(logOf([1, 2]), { ...rules, isDeleted: false })).toBe(0)
    expect(segmentsToDelete(logOf([1, 2]), keepAll)).toBe(0)
  })
})

describe('retention by size', () => {
  test.each([
    [500, 0],
    [401, 0],
    [400, 1],
    [399, 1],
    [150, 3],
    [0, 5],
  ])('with a limit of %i bytes for 500 deletes %i segments of 100, never below the limit', (retentionBytes, count) => {
    expect(segmentsToDelete(logOf([1, 2, 3, 4, 5]), { ...keepAll, retentionBytes })).toBe(count)
  })
})

test('moving the log start offset frees segments even without the delete policy', () => {
  const log = logOf([1, 2, 3])
  log.advanceLogStart(20)
  expect(log.segments.length).toBe(1)
  expect(segmentsToDelete(log, { ...keepAll, isDeleted: false })).toBe(0)
})

describe('segments', () => {
  test('are rolled when a batch is more than segment.ms later than their first', () => {
    const log = new ReplicaLog()
    for (const [at, time] of [100, 150, 200, 201, 50].entries()) {
      log.append(batch(at * 10, time), 1e9, { segmentMs: 100, flushMessages: 1e9 })
    }
    expect(log.segments.map(({ baseOffset }) => baseOffset)).toEqual([0, 30])
  })

  test('are flushed when they are full; unflushed records are lost when the machine crashes', () => {
    const log = logOf([1, 2, 3])
    expect(log.flushedOffset).toBe(20)
    log.loseUnflushed()
    expect([log.logEndOffset, log.highWatermark]).toEqual([20, 20])
    log.append(batch(20, 4), 1000, { segmentMs: 1e9, flushMessages: 10 })
    log.loseUnflushed()
    expect(log.logEndOffset).toBe(30)
  })
})
