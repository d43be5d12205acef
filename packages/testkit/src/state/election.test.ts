import { describe, expect, it } from 'vitest'
import { asNextVersion, elect, withoutInIsr } from './election.ts'
import type { PartitionImage } from './metadata-view.ts'

const image: PartitionImage = {
  partition: 0,
  replicas: [1, 2, 3],
  isr: [3, 2, 1],
  leader: 1,
  leaderEpoch: 5,
  partitionEpoch: 9,
}

const alive = (...ids: number[]) => ({ isAlive: (id: number) => ids.includes(id), unclean: false })

describe('an election', () => {
  it('keeps a leader that lives and is in sync', () => {
    expect(elect(image, alive(1, 2, 3))).toBe(image)
  })

  it('takes the first live replica in sync, in the order of the replicas, in a new epoch', () => {
    expect(elect(image, alive(2, 3))).toEqual({ ...image, leader: 2, leaderEpoch: 6 })
    expect(elect({ ...image, isr: [1, 3] }, alive(2, 3)).leader).toBe(3)
  })

  it('takes nobody out of sync, unless records may be lost: then that one is all of the ISR', () => {
    const stale = { ...image, isr: [1] }
    expect(elect(stale, alive(2, 3))).toEqual({ ...stale, leader: -1, leaderEpoch: 6 })
    expect(elect(stale, { ...alive(2, 3), unclean: true })).toEqual({ ...stale, leader: 2, isr: [2], leaderEpoch: 6 })
  })

  it('goes back to the preferred replica when asked, if it is in sync', () => {
    const moved = { ...image, leader: 2 }
    expect(elect(moved, alive(1, 2, 3))).toBe(moved)
    expect(elect(moved, { ...alive(1, 2, 3), preferred: true }).leader).toBe(1)
    expect(elect({ ...moved, isr: [2, 3] }, { ...alive(1, 2, 3), preferred: true }).leader).toBe(2)
  })
})

it('the last member of an ISR stays in it', () => {
  expect(withoutInIsr(image, 1).isr).toEqual([3, 2])
  const last = { ...image, isr: [1] }
  expect(withoutInIsr(last, 1)).toBe(last)
})

it('each change is a new version', () => {
  expect(asNextVersion(image, image).partitionEpoch).toBe(9)
  expect(asNextVersion(image, withoutInIsr(image, 1)).partitionEpoch).toBe(10)
})
