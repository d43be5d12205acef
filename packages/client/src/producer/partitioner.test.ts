import { expect, test } from 'vitest'
import { callPartitioner, pickSticky } from './partitioner.ts'

/** Every value that two calls of `random` can lead to. */
function allPicks(count: number, current: number, loads: readonly number[]): Set<number> {
  const picks = new Set<number>()
  for (let a = 0; a < count; a++) {
    for (let b = 0; b < count; b++) {
      const values = [(a + 0.5) / count, (b + 0.5) / count]
      const random = () => values.shift() ?? 0
      picks.add(pickSticky(count, current, (partition) => loads[partition]!, random))
    }
  }
  return picks
}

test('picks another partition than the current one, with a leader', () => {
  expect(allPicks(4, 1, [0, 0, 0, 0])).toEqual(new Set([0, 2, 3]))
  expect(allPicks(4, -1, [0, 0, 0, 0])).toEqual(new Set([0, 1, 2, 3]))
  expect(allPicks(4, 1, [-1, 0, 0, -1])).toEqual(new Set([2]))
})

test('keeps the current partition when no other has a leader, and picks any when none has', () => {
  expect(allPicks(3, 1, [-1, 0, -1])).toEqual(new Set([1]))
  expect([...allPicks(3, 1, [-1, -1, -1])].every((pick) => pick >= 0 && pick < 3)).toBe(true)
  expect(allPicks(1, 0, [0])).toEqual(new Set([0]))
})

test('picks the one of two partitions with fewer waiting bytes: a slow broker gets less', () => {
  const counts = [0, 0, 0, 0]
  let state = 1
  const random = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return state / 0x80000000
  }
  const loads = [0, 0, 0, 1000]
  for (let i = 0; i < 4000; i++) counts[pickSticky(4, -1, (partition) => loads[partition]!, random)]!++
  // Taken only when both picks fall on it: one in sixteen.
  expect(counts[3]).toBeGreaterThan(150)
  expect(counts[3]).toBeLessThan(350)
  for (const count of counts.slice(0, 3)) expect(count).toBeGreaterThan(1000)
})

test("rejects an invalid result of the user's partitioner", () => {
  const args = { topic: 't', key: 'k', value: 'v', headers: [], partitionCount: 3, isAvailable: () => true }
  expect(callPartitioner(() => 2, args)).toBe(2)
  for (const wrong of [3, -1, 1.5, Number.NaN, '1', undefined]) {
    expect(() => callPartitioner(() => wrong as number, args)).toThrow(/must return an integer from 0 to 2/)
  }
  const bug = new Error('oops')
  expect(() =>
    callPartitioner(() => {
      throw bug
    }, args),
  ).toThrow(expect.objectContaining({ code: 'PARTITIONER_FAILED', cause: bug, outcome: 'not-written' }))
})
