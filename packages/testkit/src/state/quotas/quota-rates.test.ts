import { describe, expect, test } from 'vitest'
import { QuotaRate, TokenBucket } from './quota-rates.ts'

const windows = { samples: 11, windowMs: 1000 }

describe('a rate', () => {
  test('throttles above the limit until the average is back at the limit', () => {
    const rate = new QuotaRate(windows)
    rate.record(1000, 0)
    expect(rate.throttleTimeMs(100, 0)).toBe(0)
    rate.record(1000, 0)
    // 2000 within 10 s is 200 per second: after 10 more seconds it is 100.
    expect(rate.throttleTimeMs(100, 0)).toBe(10_000)
    expect(rate.throttleTimeMs(100, 5000)).toBe(10_000)
  })

  test('drops samples older than all windows', () => {
    const rate = new QuotaRate(windows)
    rate.record(5000, 0)
    expect(rate.throttleTimeMs(100, 10_999)).toBeGreaterThan(0)
    expect(rate.throttleTimeMs(100, 11_000)).toBe(0)
  })

  test('subtracts negative values', () => {
    const rate = new QuotaRate(windows)
    rate.record(5000, 0)
    rate.record(-5000, 1)
    expect(rate.throttleTimeMs(100, 1)).toBe(0)
  })
})

describe('a bucket', () => {
  test('contains the permits of all windows, may become negative, and refills at the rate', () => {
    const bucket = new TokenBucket(windows)
    expect(bucket.tokens(2, 0)).toBe(22)
    bucket.take(30, 2, 0)
    expect(bucket.throttleTimeMs(2, 0)).toBe(4000)
    expect(bucket.throttleTimeMs(2, 3000)).toBe(1000)
    expect(bucket.throttleTimeMs(2, 4000)).toBe(0)
    expect(bucket.tokens(2, 1_000_000)).toBe(22)
  })
})
