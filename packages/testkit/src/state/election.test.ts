import { describe, expect, test } from 'vitest'
import { asNextVersion, changed } from './election.ts'
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
const elr = (minIsr: number, ...ids: number[]) => ({ ...alive(...ids), minIsr, isElrOn: true })

describe('an election', () => {
  test('keeps a leader that lives and is in sync', () => {
    expect(changed(image, {}, alive(1, 2, 3))).toBe(image)
  })

  test('takes the first live replica in sync, in the order of the replicas, in a new epoch', () => {
    expect(changed(image, {}, alive(2, 3))).toEqual({ ...image, leader: 2, leaderEpoch: 6 })
    expect(changed({ ...image, isr: [1, 3] }, {}, alive(2, 3)).leader).toBe(3)
  })

  test('takes nobody out of sync, unless records may be lost: then that one is all of the ISR', () => {
    const stale = { ...image, isr: [1] }
    expect(changed(stale, {}, alive(2, 3))).toEqual({ ...stale, leader: -1, leaderEpoch: 6 })
    const rules = { ...alive(2, 3), unclean: true }
    expect(changed(stale, {}, rules)).toEqual({ ...stale, leader: 2, isr: [2], leaderEpoch: 6 })
  })

  test('prefers the first replica when asked to, if that one is in sync', () => {
    const moved = { ...image, leader: 2 }
    expect(changed(moved, {}, alive(1, 2, 3))).toBe(moved)
    expect(changed(moved, {}, { ...alive(1, 2, 3), preferred: true }).leader).toBe(1)
    expect(changed({ ...image, leader: 2, isr: [2, 3] }, {}, { ...alive(1, 2, 3), preferred: true }).leader).toBe(2)
  })
})

test('without KIP-966 the last member of an ISR stays', () => {
  const last = { ...image, isr: [1] }
  expect(changed(last, { isr: [] }, alive(2, 3))).toEqual({ ...last, leader: -1, leaderEpoch: 6 })
})

describe('eligible leaders', () => {
  test('are those that left while too few were in sync, and nobody else', () => {
    const two = changed(image, { isr: [1, 2] }, elr(2, 1, 2, 3))
    expect(two.elr).toBeUndefined()
    const one = changed(two, { isr: [1] }, elr(2, 1, 3))
    expect(one).toMatchObject({ isr: [1], elr: [2], leader: 1 })
    expect(changed(one, { isr: [1, 3] }, elr(2, 1, 3)).elr).toBeUndefined()
  })

  test('are elected when nobody is in sync', () => {
    const none = changed({ ...image, isr: [1], elr: [2] }, { isr: [] }, elr(2, 3))
    expect(none).toMatchObject({ isr: [], elr: [2, 1], leader: -1, lastKnownElr: [1] })
    const found = changed(none, {}, elr(2, 2, 3))
    expect(found).toMatchObject({ isr: [2], elr: [1], leader: 2, leaderEpoch: 7 })
    expect(found.lastKnownElr).toBeUndefined()
  })

  test('are not those that may have lost records; who led last leads then, for want of any other', () => {
    const none = changed({ ...image, isr: [1] }, { isr: [] }, elr(1, 3))
    expect(none).toMatchObject({ elr: [1], lastKnownElr: [1] })
    const lost = changed(none, { uncleanShutdown: 1 }, elr(1, 3))
    expect([lost.elr, lost.leader]).toEqual([undefined, -1])
    expect(changed(lost, {}, elr(1, 2, 3)).leader).toBe(-1)
    expect(changed(lost, {}, elr(1, 1, 3))).toMatchObject({ isr: [1], leader: 1 })
  })
})

describe('a reassignment', () => {
  const moving = { ...image, replicas: [4, 1, 2, 3], adding: [4], removing: [2, 3] }

  test('ends when all that is to be there is in sync; those that go end the epoch', () => {
    expect(changed(moving, { isr: [1, 2, 4] }, alive(1, 2, 3, 4))).toEqual({
      ...image,
      replicas: [4, 1],
      isr: [1, 4],
      leaderEpoch: 6,
    })
    const waiting = changed({ ...moving, isr: [1, 2] }, { isr: [2] }, alive(1, 2, 3, 4))
    expect(waiting).toMatchObject({ replicas: [4, 1, 2, 3], isr: [2], leader: 2 })
  })

  test('takes the leadership from a replica that goes', () => {
    const led = { ...moving, leader: 2 }
    expect(changed(led, { isr: [1, 2, 4] }, alive(1, 2, 3, 4))).toMatchObject({ leader: 4, leaderEpoch: 6 })
  })
})

test('a change is one step of the partition epoch', () => {
  expect(asNextVersion(image, image).partitionEpoch).toBe(9)
  expect(asNextVersion(image, { ...image, isr: [1] }).partitionEpoch).toBe(10)
})
