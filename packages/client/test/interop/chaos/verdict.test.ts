import { describe, expect, test } from 'vitest'
import { type Evidence, type GroupRecord, verdictOf } from './verdict.ts'

const topic = 't'
const partition = 0
const log = ['a', 'b', 'c'].map((value, offset) => ({ topic, partition, offset, value }))
/** Each record is handled at ten times its offset. */
const handled = log.map((record) => ({ ...record, atMs: record.offset * 10 }))
const commit = (offset: number, atMs: number) => ({ topic, partition, offset, atMs })
const written = (offset: number, atMs: number, generation = 1) => {
  return { ...commit(offset, atMs), groupId: 'g', memberId: 'm', generation }
}
const assigned = (memberId: string, generation: number, places: readonly string[]) => {
  return { groupId: 'g', memberId, generation, partitions: new Set(places), atMs: 0 }
}

const fine: GroupRecord = {
  groupId: 'g',
  hasGenerations: true,
  cooperative: false,
  handled,
  written: [written(1, 5), written(3, 25)],
  confirmed: [],
  observed: [commit(1, 6), commit(3, 26)],
  assignments: [assigned('m', 1, ['t-0'])],
  spans: [{ member: 'm', place: 't-0', fromMs: 0, toMs: 99, end: 'revoked' }],
  strays: [],
  longestAllowedMs: 20,
  failures: [],
}

function judge(group: Partial<GroupRecord>, evidence: Partial<Evidence> = {}): string[] {
  const acknowledged = new Set(['a', 'b', 'c'])
  return verdictOf({
    acknowledged,
    log,
    ends: new Map([['t-0', 3]]),
    outages: [],
    groups: [{ ...fine, ...group }],
    ...evidence,
  })
}

describe('the verdict on a run', () => {
  test('is clean when all was handled before it was committed', () => {
    expect(judge({})).toEqual([])
  })

  test('names a record that no member handled', () => {
    const found = judge({
      handled: handled.filter(({ value }) => value !== 'b'),
      written: [],
      observed: [commit(3, 99)],
    })
    expect(found).toEqual(['g: skipped b (t-0 at 1)', 'g: the observed commit 3 of t-0 is above b at 1, never handled'])
  })

  test('names an acknowledged record that the log lacks', () => {
    expect(judge({}, { acknowledged: new Set(['z']) })).toEqual(['the brokers lost z, which was acknowledged'])
  })

  test.each([
    ["ottla's", { written: [written(3, 19)] }],
    ["Java's", { confirmed: [commit(3, 19)] }],
    ['the observed', { observed: [commit(3, 19)] }],
  ])('names %s commit of a record that is handled later', (whose, group) => {
    expect(judge(group)).toEqual([`g: ${whose} commit 3 of t-0 is above c at 2, handled 1 ms later`])
  })

  test('names a commit in a generation in which another member owns the partition', () => {
    const assignments = [...fine.assignments, assigned('m', 2, []), assigned('other', 2, ['t-0'])]
    const found = [
      'g: m committed 3 of t-0 in generation 2, which it did not own ' +
        '(1 with it 25 ms before, 2 without it 25 ms before, other 2 with it 25 ms before)',
    ]
    expect(judge({ assignments, written: [written(3, 25, 2)] })).toEqual(found)
    expect(judge({ assignments, written: [written(3, 25, 2)], cooperative: true })).toEqual(found)
  })

  test('accepts the commit of a partition that a cooperative member gives up', () => {
    const assignments = [...fine.assignments, assigned('m', 2, [])]
    expect(judge({ assignments, written: [written(3, 25, 2)], cooperative: true })).toEqual([])
    expect(judge({ assignments, written: [written(3, 25, 2)] })).toHaveLength(1)
  })

  test('knows what a member owned before, in whatever order that was seen', () => {
    const assignments = [assigned('m', 3, []), assigned('m', 2, ['t-0']), assigned('m', 1, [])]
    expect(judge({ assignments, written: [written(3, 25, 3)], cooperative: true })).toEqual([])
  })

  test('names a committed offset that becomes lower, and an end that is not committed', () => {
    expect(judge({ observed: [commit(3, 26), commit(2, 30)] })).toEqual([
      'g: the committed offset of t-0 went back from 3 to 2',
      'g: t-0 is committed up to 2, its end is 3',
    ])
  })

  test('names two owners at a time, and a partition without one', () => {
    const other = { member: 'other', place: 't-0', fromMs: 50, toMs: 60, end: 'revoked' } as const
    expect(judge({ spans: [...fine.spans, other] })).toEqual([
      'g: t-0 belonged to other when m released it 49 ms later',
    ])
    const late = { ...other, fromMs: 120, toMs: 130 }
    expect(judge({ spans: [...fine.spans, late] })).toEqual([
      'g: t-0 had no owner for 21 ms (21 with outages), the limit is 20 ms',
    ])
  })

  test('leaves commits by member epochs to the owners of the partitions', () => {
    expect(judge({ hasGenerations: false, assignments: [] })).toEqual([])
  })

  test('names a reader that stopped', () => {
    expect(judge({ failures: ['INTERNAL_ERROR'] })).toEqual(['g: a reader stopped: INTERNAL_ERROR'])
  })
})
