import { describe, expect, test } from 'vitest'
import { assignReplicas } from './assignment.ts'

const brokers = (...racks: (string | null)[]) => racks.map((rack, at) => ({ id: at + 1, rack }))

function counts(assignment: readonly (readonly number[])[], of: (replicas: readonly number[]) => readonly number[]) {
  const found = new Map<number, number>()
  for (const replicas of assignment) for (const id of of(replicas)) found.set(id, (found.get(id) ?? 0) + 1)
  return [...found.values()]
}

describe('replicas', () => {
  test('are on different brokers, with leaders assigned round-robin', () => {
    expect(assignReplicas(brokers(null, null, null), 3, 3, 0).map(([leader]) => leader)).toEqual([1, 2, 3])
    for (const replicas of assignReplicas(brokers(null, null, null, null), 20, 3, 5)) {
      expect(new Set(replicas).size).toBe(3)
    }
  })

  test('are spread evenly, leaders as well as followers', () => {
    const assignment = assignReplicas(brokers(null, null, null, null, null), 50, 3, 0)
    expect(counts(assignment, ([leader = 0]) => [leader])).toEqual([10, 10, 10, 10, 10])
    expect(Math.max(...counts(assignment, (replicas) => replicas))).toBeLessThanOrEqual(32)
  })

  test('are in different racks', () => {
    const racks = ['a', 'a', 'b', 'b', 'c', 'c']
    for (const replicas of assignReplicas(brokers(...racks), 30, 3, 0)) {
      expect(new Set(replicas.map((id) => racks[id - 1])).size).toBe(3)
    }
  })

  test('share racks only when there are fewer racks than replicas', () => {
    for (const replicas of assignReplicas(brokers('a', 'a', 'b', 'b'), 12, 4, 0)) {
      expect(new Set(replicas).size).toBe(4)
    }
  })

  test('are on the only broker', () => {
    expect(assignReplicas(brokers(null), 2, 1, 7)).toEqual([[1], [1]])
  })
})
