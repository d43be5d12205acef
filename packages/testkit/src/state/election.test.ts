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
  test('keeps a leader that is alive and in sync', () => {
    expect(changed(image, {}, alive(1, 2, 3))).toBe(image)
  })

  test('elects the first live in-sync replica in replica order, in a new epoch', () => {
    expect(changed(image, {}, alive(2, 3))).toEqual({ ...image, leader: 2, leaderEpoch: 6 })
    expect(changed({ ...image, isr: [1, 3] }, {}, alive(2, 3)).leader).toBe(3)
  })

  test('elects an out-of-sync replica only when unclean election is enabled, as the only one in the ISR', () => {
    const stale = { ...image, isr: [1] }
    expect(changed(stale, {}, alive(2, 3))).toEqual({ ...stale, leader: -1, leaderEpoch: 6 })
    const rules = { ...alive(2, 3), unclean: true }
    expect(changed(stale, {}, rules)).toEqual({ ...stale, leader: 2, isr: [2], leaderEpoch: 6 })
  })

  test('elects the preferred replica on request, if it is in sync', () => {
    const moved = { ...image, leader: 2 }
    expect(changed(moved, {}, alive(1, 2, 3))).toBe(moved)
    expect(changed(moved, {}, { ...alive(1, 2, 3), preferred: true }).leader).toBe(1)
    expect(changed({ ...image, leader: 2, isr: [2, 3] }, {}, { ...alive(1, 2, 3), preferred: true }).leader).toBe(2)
  })
})

test('keeps the last member of an ISR without KIP-966', () => {
  const last = { ...image, isr: [1] }
  expect(changed(last, { isr: [] }, alive(2, 3))).toEqual({ ...last, leader: -1, leaderEpoch: 6 })
})

describe('eligible leaders', () => {
  test('are the replicas that left the ISR while it was below min.insync.replicas', () => {
    const two = changed(image, { isr: [1, 2] }, elr(2, 1, 2, 3))
    expect(two.elr).toBeUndefined()
    const one = changed(two, { isr: [1] }, elr(2, 1, 3))
    expect(one).toMatchObject({ isr: [1], elr: [2], leader: 1 })
    expect(changed(one, { isr: [1, 3] }, elr(2, 1, 3)).elr).toBeUndefined()
  })

  test('are elected when no replica is in sync', () => {
    const none = changed({ ...image, isr: [1], elr: [2] }, { isr: [] }, elr(2, 3))
    expect(none).toMatchObject({ isr: [], elr: [2, 1], leader: -1, lastKnownElr: [1] })
    const found = changed(none, {}, elr(2, 2, 3))
    expect(found).toMatchObject({ isr: [2], elr: [1], leader: 2, leaderEpoch: 7 })
    expect(found.lastKnownElr).toBeUndefined()
  })

  test('exclude replicas after an unclean shutdown; then the last known leader is elected', () => {
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

  test('completes when all target replicas are in sync; removing replicas ends the leader epoch', () => {
    expect(changed(moving, { isr: [1, 2, 4] }, alive(1, 2, 3, 4))).toEqual({
      ...image,
      replicas: [4, 1],
      isr: [1, 4],
      leaderEpoch: 6,
    })
    const waiting = changed({ ...moving, isr: [1, 2] }, { isr: [2] }, alive(1, 2, 3, 4))
    expect(waiting).toMatchObject({ replicas: [4, 1, 2, 3], isr: [2], leader: 2 })
  })

  test('moves the leadership away from a removed replica', () => {
    const led = { ...moving, leader: 2 }
    expect(changed(led, { isr: [1, 2, 4] }, alive(1, 2, 3, 4))).toMatchObject({ leader: 4, leaderEpoch: 6 })
  })
})

test('raises the partition epoch by one per change', () => {
  expect(asNextVersion(image, image).partitionEpoch).toBe(9)
  expect(asNextVersion(image, { ...image, isr: [1] }).partitionEpoch).toBe(10)
})
