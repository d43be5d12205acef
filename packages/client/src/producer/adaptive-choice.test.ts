import { expect, test } from 'vitest'
import { type Choice, chooseAdaptively, type Leader } from './adaptive-choice.ts'

const leader = (loadBytes: number, partitionCount = 1, stalled = false): Leader => ({
  loadBytes,
  partitionCount,
  isStalled: () => stalled,
})

function seeded(): () => number {
  let state = 1
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return state / 0x80000000
  }
}

/** How often each partition is chosen in 10,000 calls. */
function counts(leaders: readonly (Leader | undefined)[], current = -1, batchBytes = 100): number[] {
  const random = seeded()
  const partitionCount = leaders.length
  const choice: Choice = { partitionCount, current, batchBytes, nowMs: 0, leaderOf: (at) => leaders[at], random }
  const found = new Array<number>(partitionCount).fill(0)
  for (let i = 0; i < 10_000; i++) found[chooseAdaptively(choice)]!++
  return found
}

const chosen = (found: readonly number[]) => found.flatMap((count, partition) => (count > 0 ? [partition] : []))

test('chooses each partition equally often while no leader has a longer queue', () => {
  for (const count of counts([0, 0, 0, 0].map((bytes) => leader(bytes)))) {
    expect(count).toBeGreaterThan(2_300)
    expect(count).toBeLessThan(2_700)
  }
})

test('chooses another partition than the current one, with a leader', () => {
  const idle = leader(0)
  expect(chosen(counts([idle, idle, idle, idle], 1))).toEqual([0, 2, 3])
  expect(chosen(counts([undefined, idle, idle, undefined], 1))).toEqual([2])
})

test('keeps the current partition when no other has a leader, and chooses any when none has', () => {
  expect(chosen(counts([undefined, leader(5), undefined], 1))).toEqual([1])
  expect(chosen(counts([undefined, undefined, undefined], 1))).toEqual([0, 1, 2])
  expect(counts([leader(0)], 0)).toEqual([10_000])
})

test('keeps the current partition rather than one with a much longer queue', () => {
  const [current = 0, slow = 0] = counts([leader(0), leader(900)], 0)
  // 900 : 100
  expect(current / slow).toBeGreaterThan(8)
  expect(current / slow).toBeLessThan(10)
})

test('weighs each partition by the queue of its leader, as Java does', () => {
  const slow = leader(900)
  const found = counts([leader(0), slow, leader(400), slow])
  // 1000 : 100 : 600 : 100
  for (const [partition, weight] of [1000, 100, 600, 100].entries()) {
    expect(found[partition]! / 10_000).toBeCloseTo(weight / 1800, 1)
  }
  expect(found[1]! + found[3]!).toBeLessThan(1_300)
})

test('a leader of more partitions does not appear slower', () => {
  const large = leader(400, 4)
  const small = leader(200, 2)
  for (const count of counts([large, large, large, large, small, small])) expect(count).toBeGreaterThan(1_500)
})

test('a leader that acknowledges nothing gets no records while there is another', () => {
  const stalled = leader(1, 1, true)
  expect(chosen(counts([stalled, leader(9_000), stalled]))).toEqual([1])
  expect(chosen(counts([stalled, undefined, stalled]))).toEqual([0, 2])
})

test('compares a few of many partitions, and finds the only one with a leader', () => {
  let lookups = 0
  const idle = leader(0)
  const random = seeded()
  const partitionCount = 6_000
  const leaderOf = () => {
    lookups++
    return idle
  }
  chooseAdaptively({ partitionCount, current: -1, batchBytes: 1, nowMs: 0, leaderOf, random })
  expect(lookups).toBeLessThan(50)
  const one = (partition: number) => (partition === 77 ? idle : undefined)
  const choice = { partitionCount, current: -1, batchBytes: 1, nowMs: 0, leaderOf: one, random }
  expect(chooseAdaptively(choice)).toBe(77)
})
