import { describe, expect, it } from 'vitest'
import { QuotaRate, TokenBucket } from './quota-rates.ts'

const windows = { samples: 11, windowMs: 1000 }

describe('a rate', () => {
  it('is over its limit when the windows hold more than the limit allows, for as long as it takes to be right', () => {
    const rate = new QuotaRate(windows)
    rate.record(1000, 0)
    expect(rate.throttleTimeMs(100, 0)).toBe(0)
    rate.record(1000, 0)
    // 2000 in what counts as 10 s is 200 a second: 10 s more make it 100.
    expect(rate.throttleTimeMs(100, 0)).toBe(10_000)
    expect(rate.throttleTimeMs(100, 5000)).toBe(10_000)
  })

  it('forgets what lies before all windows', () => {
    const rate = new QuotaRate(windows)
    rate.record(5000, 0)
    expect(rate.throttleTimeMs(100, 10_999)).toBeGreaterThan(0)
    expect(rate.throttleTimeMs(100, 11_000)).toBe(0)
  })

  it('takes back what was not sent', () => {
    const rate = new QuotaRate(windows)
    rate.record(5000, 0)
    rate.record(-5000, 1)
    expect(rate.throttleTimeMs(100, 1)).toBe(0)
  })
})

describe('a bucket', () => {
  it('holds the permits of all windows, goes below 0 once, and fills at the rate', () => {
    const bucket = new TokenBucket(windows)
    expect(bucket.tokens(2, 0)).toBe(22)
    bucket.take(30, 2, 0)
    expect(bucket.throttleTimeMs(2, 0)).toBe(4000)
    expect(bucket.throttleTimeMs(2, 3000)).toBe(1000)
    expect(bucket.throttleTimeMs(2, 4000)).toBe(0)
    expect(bucket.tokens(2, 1_000_000)).toBe(22)
  })
})
