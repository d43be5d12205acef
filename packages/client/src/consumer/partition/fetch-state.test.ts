import { describe, expect, test } from 'vitest'
import { noTopicId } from '../../cluster/topology.ts'
import { FetchState } from './fetch-state.ts'

const led = (leader: number, leaderEpoch: number, topicId = 'a') => ({ leader, leaderEpoch, topicId })

function ledBy(leader: number, leaderEpoch: number, topicId?: string): FetchState {
  const state = new FetchState()
  state.applyLeader(led(leader, leaderEpoch, topicId))
  return state
}

describe('the metadata', () => {
  test('brings newer epochs and other leaders; an outdated one changes nothing', () => {
    const state = new FetchState()
    expect(state.applyLeader(led(1, 5))).toBe('new-epoch')
    expect(state.applyLeader(led(1, 5))).toBe('none')
    expect(state.applyLeader(led(2, 4))).toBe('none')
    expect(state.leaderId).toBe(1)
    expect(state.applyLeader(led(2, 6))).toBe('new-epoch')
    expect(state).toMatchObject({ leaderId: 2, leaderEpoch: 6, brokerId: 2 })
  })

  test('without epochs moves the partition only', () => {
    const state = ledBy(1, -1, noTopicId)
    expect(state.applyLeader(led(2, -1, noTopicId))).toBe('moved')
    expect(state.leaderId).toBe(2)
  })

  test('without a leader keeps the last one, and its epoch', () => {
    const state = ledBy(1, 5)
    expect(state.applyLeader(led(-1, 6))).toBe('none')
    expect(state).toMatchObject({ leaderId: 1, leaderEpoch: 5 })
    expect(state.applyLeader(led(1, 7))).toBe('new-epoch')
  })

  test('of another topic id, or of lower epochs without ids, is that of another topic', () => {
    const state = ledBy(1, 5)
    expect(state.applyLeader(led(2, 0, 'b'))).toBe('recreated')
    expect(state).toMatchObject({ leaderId: 2, leaderEpoch: 0, topicId: 'b' })
    const nameless = ledBy(1, 5, noTopicId)
    expect(nameless.applyLeader(led(1, 0, noTopicId))).toBe('recreated')
    expect(nameless.applyLeader(led(1, 0, 'c'))).toBe('none')
    expect(nameless.topicId).toBe('c')
    expect(nameless.applyLeader(led(1, 1, noTopicId))).toBe('new-epoch')
    expect(nameless.topicId).toBe('c')
  })

  test('with another leader ends the backoff and the preference for a follower', () => {
    const state = ledBy(1, 0)
    state.prefer(3, 1_000)
    state.backOff(500)
    state.obstruct('backing-off', undefined, 0)
    state.applyLeader(led(2, 1))
    expect(state).toMatchObject({ brokerId: 2, resumeAtMs: 0 })
    state.obstruct('forbidden', undefined, 0)
    state.backOff(900)
    state.applyLeader(led(1, 2))
    expect(state.resumeAtMs).toBe(900)
  })
})

describe('a hint', () => {
  test('is followed once, and only to a newer epoch', () => {
    const state = ledBy(1, 5)
    expect(state.followHint(2, 5)).toBe(false)
    expect(state.followHint(2, 6)).toBe(true)
    expect(state).toMatchObject({ leaderId: 2, leaderEpoch: 5, requestEpoch: 6, isHinted: true })
    state.dropHint()
    expect(state).toMatchObject({ leaderId: 1, requestEpoch: 5 })
    expect(state.followHint(2, 7)).toBe(false)
    state.applyLeader(led(1, 6))
    expect(state.followHint(2, 7)).toBe(true)
    state.confirmHint()
    expect(state).toMatchObject({ leaderId: 2, leaderEpoch: 7, isHinted: false })
  })

  test('gives way to metadata of its epoch or a newer one', () => {
    const state = ledBy(1, 5)
    state.followHint(2, 8)
    expect(state.applyLeader(led(3, 7))).toBe('new-epoch')
    expect(state.leaderId).toBe(2)
    state.applyLeader(led(3, 8))
    expect(state).toMatchObject({ leaderId: 3, isHinted: false })
  })
})

test('a replica that cannot be read is avoided for a time that doubles until one is read', () => {
  const state = ledBy(1, 0)
  const avoidedMs = () => {
    state.avoidReplicas(0, 10, 35)
    return [5, 10, 20, 35, 40].filter((nowMs) => state.avoidsReplicas(nowMs)).length
  }
  expect([avoidedMs(), avoidedMs(), avoidedMs(), avoidedMs()]).toEqual([1, 2, 3, 3])
  state.prefer(2, 1_000)
  state.obstruct('backing-off', undefined, 0)
  state.unchanged(5)
  expect(avoidedMs()).toBe(1)
})
