import { describe, expect, test } from 'vitest'
import { LeaderState } from './leader-state.ts'

const lagMs = 100
const rules = (nowMs: number, dead: readonly number[] = []) => ({
  nowMs,
  lagMs,
  isEligible: (id: number) => !dead.includes(id),
})

/** Broker 1 leads replicas 1, 2 and 3; its epoch starts at offset 10. */
function leader(isr: readonly number[] = [1, 2, 3]): LeaderState {
  return new LeaderState({
    brokerId: 1,
    leaderEpoch: 4,
    partitionEpoch: 8,
    replicas: [1, 2, 3],
    isr,
    epochStartOffset: 10,
    nowMs: 0,
  })
}

function fetch(state: LeaderState, id: number, logEndOffset: number, leaderEnd: number, nowMs: number): void {
  const follower = state.follower(id)
  if (follower !== undefined) state.noteFetch(follower, { logEndOffset, logStartOffset: 0 }, leaderEnd, nowMs)
}

describe('the high watermark', () => {
  test('waits for the whole ISR', () => {
    const state = leader()
    expect(state.highWatermarkCandidate(20, 1, rules(0))).toBe(-1)
    fetch(state, 2, 20, 20, 1)
    fetch(state, 3, 15, 20, 1)
    expect(state.highWatermarkCandidate(20, 1, rules(1))).toBe(15)
  })

  test('waits for a caught-up follower outside the ISR, which is about to join', () => {
    const state = leader([1, 2])
    fetch(state, 2, 20, 20, 1)
    fetch(state, 3, 18, 18, 1)
    expect(state.highWatermarkCandidate(20, 1, rules(50))).toBe(18)
    expect(state.highWatermarkCandidate(20, 1, rules(200))).toBe(20)
    expect(state.highWatermarkCandidate(20, 1, rules(50, [3]))).toBe(20)
  })

  test('does not move below min.insync.replicas, which is limited to the number of replicas', () => {
    const state = leader([1])
    expect(state.highWatermarkCandidate(20, 2, rules(500))).toBe(-1)
    const alone = new LeaderState({
      brokerId: 1,
      leaderEpoch: 0,
      partitionEpoch: 0,
      replicas: [1],
      isr: [1],
      epochStartOffset: 0,
      nowMs: 0,
    })
    expect(alone.highWatermarkCandidate(20, 2, rules(500))).toBe(20)
  })

  test('counts a joining follower before the controller has confirmed it', () => {
    const state = leader([1, 2])
    fetch(state, 2, 20, 20, 1)
    fetch(state, 3, 20, 20, 1)
    const follower = state.follower(3)
    const change = follower && state.expansionFor(follower, 15, rules(1))
    expect(change).toEqual({ kind: 'expand', isr: [1, 2, 3], partitionEpoch: 8 })
    if (change) state.propose(change)
    fetch(state, 2, 30, 30, 300)
    expect(state.highWatermarkCandidate(30, 1, rules(900))).toBe(20)
    if (change) state.refuse(change)
    expect(state.highWatermarkCandidate(30, 1, rules(900))).toBe(30)
  })
})

describe('the ISR', () => {
  test('adds a follower that reached the high watermark and the start of the epoch', () => {
    const state = leader([1, 2])
    const follower = state.follower(3)
    if (follower === undefined) throw new Error('No follower')
    fetch(state, 3, 9, 20, 1)
    expect(state.expansionFor(follower, 5, rules(1))).toBeUndefined()
    fetch(state, 3, 10, 20, 2)
    expect(state.expansionFor(follower, 11, rules(2))).toBeUndefined()
    expect(state.expansionFor(follower, 10, rules(2, [3]))).toBeUndefined()
    expect(state.expansionFor(follower, 10, rules(2))?.isr).toEqual([1, 2, 3])
  })

  test('removes a follower that was not caught up for too long, even while it fetches', () => {
    const state = leader()
    fetch(state, 2, 20, 20, 50)
    for (let nowMs = 10; nowMs <= 120; nowMs += 10) fetch(state, 3, 12, 20 + nowMs, nowMs)
    expect(state.shrinkage(20, rules(90))).toBeUndefined()
    expect(state.shrinkage(20, rules(120))).toEqual({ kind: 'shrink', isr: [1, 2], partitionEpoch: 8 })
  })

  test('keeps a follower whose fetch reaches the log end offset of its previous fetch', () => {
    const state = leader()
    fetch(state, 2, 40, 40, 200)
    fetch(state, 3, 10, 20, 100)
    fetch(state, 3, 20, 40, 190)
    expect(state.shrinkage(40, rules(195))).toBeUndefined()
    expect(state.shrinkage(40, rules(205))?.isr).toEqual([1, 2])
  })

  test('follows the controller and ignores an older partition epoch', () => {
    const state = leader()
    expect(state.accept([1, 2], 9)).toBe(true)
    expect(state.accept([1], 9)).toBe(false)
    expect(state.isr).toEqual([1, 2])
  })

  test('has at most one pending change', () => {
    const state = leader()
    const change = state.shrinkage(50, rules(500))
    expect(change?.isr).toEqual([1])
    if (change) state.propose(change)
    expect(state.shrinkage(50, rules(500))).toBeUndefined()
  })
})
