import { describe, expect, test } from 'vitest'
import type { OwnedSpan, SpanEnd } from '../beside-java/owned-spans.ts'
import { gapsOf, handledWithoutOwning, longGaps, overlaps } from './ownership.ts'

const span = (member: string, fromMs: number, toMs: number, end: SpanEnd = 'revoked'): OwnedSpan => {
  return { member, place: 't-0', fromMs, toMs, end }
}
const handled = (atMs: number) => [{ topic: 't', partition: 0, offset: 7, value: 'v', atMs }]

describe('the owners of a partition', () => {
  test('may follow each other at the same moment', () => {
    expect(overlaps([span('a', 0, 10), span('b', 10, 20), span('a', 20, 30)])).toEqual([])
  })

  test('are named when one has it before the other has given it up', () => {
    expect(overlaps([span('b', 9, 20), span('a', 0, 10)])).toEqual(['t-0 belonged to b when a released it 1 ms later'])
    const open = span('a', 0, Number.POSITIVE_INFINITY, 'open')
    expect(overlaps([open, span('b', 9, 20)])).toEqual(['t-0 belonged to b when a had it still'])
  })

  test.each(['lost', 'crashed'] as const)('may overlap when the first one %s', (end) => {
    expect(overlaps([span('a', 0, 10, end), span('b', 5, 20)])).toEqual([])
  })

  test('handle nothing after they released it, except of what they lost', () => {
    expect(handledWithoutOwning([span('a', 0, 10)], handled(10), 'a')).toEqual([])
    expect(handledWithoutOwning([span('a', 0, 10, 'lost')], handled(11), 'a')).toEqual([])
    const late = ['a handled t-0 at 7 although it did not own it']
    expect(handledWithoutOwning([span('a', 0, 10)], handled(11), 'a')).toEqual(late)
    expect(handledWithoutOwning([span('b', 0, 20)], handled(11), 'a')).toEqual(late)
  })

  test('may be missing for a limited time, outages not counted', () => {
    const spans = [span('a', 0, 10), span('b', 40, 50), span('b', 55, 60)]
    expect(gapsOf(spans).map(({ ms }) => ms)).toEqual([30, 5])
    expect(longGaps(spans, [], 30)).toEqual([])
    expect(longGaps(spans, [], 29)).toEqual(['t-0 had no owner for 30 ms (30 with outages), the limit is 29 ms'])
    const outages = [
      { fromMs: 5, toMs: 15 },
      { fromMs: 12, toMs: 20 },
    ]
    expect(longGaps(spans, outages, 20)).toEqual([])
    expect(longGaps(spans, outages, 19)).toEqual(['t-0 had no owner for 20 ms (30 with outages), the limit is 19 ms'])
  })
})
