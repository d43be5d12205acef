import { expect, test } from 'vitest'
import { assignSimply } from './share-assignor.ts'
import type { Assignment, ShareMember } from './share-group.ts'
import { newShareMember } from './share-group-records.ts'

const members = (...topics: string[][]): ShareMember[] =>
  topics.map((each, index) => ({ ...newShareMember(`m${index}`), topics: new Set(each) }))

const assignable: Assignment = new Map([
  ['a', new Set([0, 1, 2, 3])],
  ['b', new Set([0, 1])],
])

function assign(those: readonly ShareMember[], before: ReadonlyMap<string, Assignment> = new Map()) {
  return assignSimply(those, ({ topics }) => [...topics], assignable, before)
}

const sizes = (assigned: ReadonlyMap<string, Assignment>) =>
  Array.from(assigned.values(), (each) => [...each.values()].reduce((sum, { size }) => sum + size, 0))

test.each([
  [1, [4]],
  [2, [2, 2]],
  [3, [2, 1, 1]],
  [4, [1, 1, 1, 1]],
  [6, [2, 1, 1, 2, 1, 1]],
])('spreads four partitions over %i members', (count, expected) => {
  expect(sizes(assign(members(...Array.from({ length: count }, () => ['a']))))).toEqual(expected)
})

test('every partition has a subscribed member, whatever else the members subscribe to', () => {
  const assigned = assign(members(['a', 'b'], ['a'], ['b']))
  for (const [topicId, partitions] of assignable) {
    const covered = new Set([...assigned.values()].flatMap((each) => [...(each.get(topicId) ?? [])]))
    expect(covered).toEqual(partitions)
  }
  expect(assigned.get('m2')?.has('a')).toBe(false)
})

test('a member keeps part of its partitions when another joins', () => {
  const alone = assign(members(['a']))
  const [before] = [...(alone.get('m0')?.values() ?? [])]
  const both = assign(members(['a'], ['a']), alone)
  for (const partition of both.get('m0')?.get('a') ?? []) expect(before?.has(partition)).toBe(true)
  expect(sizes(both)).toEqual([2, 2])
})
