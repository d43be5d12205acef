import { expect, test } from 'vitest'
import { AcquiredRanges } from './acquired-ranges.ts'

const ranges = (...list: readonly [first: number, last: number, count: number][]) =>
  new AcquiredRanges(
    list.map(([first, last, deliveryCount]) => ({
      firstOffset: BigInt(first),
      lastOffset: BigInt(last),
      deliveryCount,
    })),
  )

test('returns the delivery count of acquired offsets, and what is passed over as gaps', () => {
  const acquired = ranges([10, 12, 1], [13, 13, 4], [20, 25, 2])
  expect(acquired.upTo(9)).toEqual([])
  expect(acquired.take(10)).toBe(1)
  expect(acquired.upTo(11)).toEqual([{ firstOffset: 11, lastOffset: 11 }])
  expect(acquired.take(12)).toBe(1)
  expect(acquired.take(13)).toBe(4)
  expect(acquired.take(14)).toBeUndefined()
  expect(acquired.overlaps(14, 19)).toBe(false)
  expect(acquired.overlaps(14, 20)).toBe(true)
  expect(acquired.upTo(21)).toEqual([{ firstOffset: 20, lastOffset: 21 }])
  expect(acquired.take(22)).toBe(2)
  expect(acquired.rest()).toEqual([{ firstOffset: 23, lastOffset: 25 }])
  expect(acquired.rest()).toEqual([])
})
