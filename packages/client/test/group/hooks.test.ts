import { JoinGroup, LeaveGroup } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import { cooperativeSticky } from '../../src/group/assignors/cooperative-sticky.ts'
import { deferred } from '../../src/runtime/deferred.ts'
import { type Group, withGroup } from '../support/group.ts'
import type { GroupMember } from '../support/group-member.ts'

const cooperative = { assignors: [cooperativeSticky] }
const never = () => new Promise<void>(() => {})
const onAbort = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))

/** The coordinator rejects the member's identity. */
const fence = ({ membership }: GroupMember) => membership.fenced('UNKNOWN_MEMBER_ID', membership.identity.generation)
const finish = (member: GroupMember) => {
  member.assigning = undefined
  member.revoking = undefined
  member.losing = undefined
  member.positioning = undefined
}

/** A member whose hook onAssigned runs and ends only when the test resolves `done`. */
async function assigning(group: Group): Promise<{ member: GroupMember; done: () => void; signal: () => AbortSignal }> {
  const member = group.member()
  const done = deferred<void>()
  let hookSignal: AbortSignal | undefined
  member.assigning = (signal) => {
    hookSignal = signal
    member.assigning = undefined
    return done.promise
  }
  member.membership.start()
  await group.untilStable(member)
  await group.scenario.advance(100)
  expect(member.calls).toEqual(['assigned 0,1,2'])
  return { member, done: done.resolve, signal: () => hookSignal! }
}

describe('a loss', () => {
  test('is reported synchronously while a hook runs, aborts its signal, and onLost follows when the hook has ended', () =>
    withGroup(async (group, scenario) => {
      const { member, done, signal } = await assigning(group)
      await scenario.advance('3s')
      expect(signal().aborted).toBe(false)
      fence(member)
      expect(member.calls).toEqual(['assigned 0,1,2', 'lost 0,1,2'])
      expect(signal().aborted).toBe(true)
      await scenario.advance('2s')
      expect(member.lostHooks).toEqual([])
      done()
      await scenario.advance(100)
      expect(member.lostHooks).toEqual(['onLost 0,1,2'])
      await group.untilStable(member)
      expect(member.calls.slice(2)).toEqual(['assigned 0,1,2', `rebalanced ${member.generation} +0,1,2 -`])
      expect(member.mostRunning).toBe(1)
    }))

  test('waits revokeGraceMs for a hook that ignores its signal', () =>
    withGroup(async (group, scenario) => {
      const { member } = await assigning(group)
      fence(member)
      await scenario.advance(4_900)
      expect(member.lostHooks).toEqual([])
      await scenario.advance(200)
      expect(member.lostHooks).toEqual(['onLost 0,1,2'])
      await group.untilStable(member)
    }))

  test('during a revocation concerns the partitions that are being revoked, which are not revoked again', () =>
    withGroup(async (group, scenario) => {
      const member = await group.stable()
      member.revoking = onAbort
      member.membership.rejoin('test')
      await scenario.advance(100)
      fence(member)
      await scenario.advance(100)
      finish(member)
      await group.untilStable(member)
      expect(member.calls).toEqual([
        'revoked 0,1,2',
        'lost 0,1,2',
        'assigned 0,1,2',
        `rebalanced ${member.generation} +0,1,2 -`,
      ])
      expect(member.lostHooks).toEqual(['onLost 0,1,2'])
    }))

  test('between revocation and assignment cancels the assignment', () =>
    withGroup(async (group, scenario) => {
      const member = await group.stable(cooperative)
      member.revoking = onAbort
      const other = group.other(cooperative)
      other.membership.start()
      for (let i = 0; i < 100 && member.calls.length < 2; i++) await scenario.advance(100)
      expect(member.calls).toEqual(['before', expect.stringMatching(/^revoked \d$/)])
      fence(member)
      finish(member)
      await scenario.advance(50)
      expect(member.calls.slice(2)).toEqual(['lost 0,1,2'])
      await group.untilStable(member)
      expect(member.mostRunning).toBe(1)
    }))

  test('without partitions calls nothing, and a hook that runs is not disturbed', () =>
    withGroup(async (group, scenario) => {
      const member = await group.stable({}, (one) => {
        one.topics = ['nothing']
        one.counts = new Map()
      })
      fence(member)
      await scenario.advance(100)
      await group.untilStable(member)
      expect([member.calls[0], member.lostHooks]).toEqual(['assigned ', []])
    }))

  test('is followed by the next join only when onLost has ended', () =>
    withGroup(async (group, scenario) => {
      const member = await group.stable()
      const done = deferred<void>()
      member.losing = () => done.promise
      fence(member)
      await scenario.advance('20s')
      expect(group.requests(JoinGroup)).toEqual([])
      finish(member)
      done.resolve()
      await group.untilStable(member)
      expect(group.requests(JoinGroup).length).toBeGreaterThan(0)
    }))
})

test('a hook that takes longer than the rebalance timeout is aborted, then abandoned', () =>
  withGroup(async (group, scenario) => {
    const member = group.member({ rebalanceTimeoutMs: 20_000 })
    let aborted = false
    member.assigning = (signal) => {
      signal.addEventListener('abort', () => (aborted = true))
      return never()
    }
    member.membership.start()
    await group.untilStable(member)
    await scenario.advance('19s')
    expect(aborted).toBe(false)
    await scenario.advance('2s')
    expect([aborted, member.calls]).toEqual([true, ['assigned 0,1,2']])
    await scenario.advance('5s')
    expect(member.calls.at(-1)).toBe('rebalanced 1 +0,1,2 -')
    finish(member)
  }))

describe('a failure for good', () => {
  test('reaches the reader immediately while a hook runs; onLost follows, and leaving waits for it', () =>
    withGroup(async (group, scenario) => {
      const { member, done } = await assigning(group)
      const lost = deferred<void>()
      member.losing = () => lost.promise
      await scenario.fault('Heartbeat', { error: 'FENCED_INSTANCE_ID' }, 'once').wait(1)
      await scenario.advance(10)
      expect(member.calls).toEqual(['assigned 0,1,2', 'lost 0,1,2', 'fatal FENCED_INSTANCE_ID'])
      expect(member.lostHooks).toEqual([])
      let left = false
      const leaving = member.leave().then(() => (left = true))
      done()
      await scenario.advance('2s')
      expect([member.lostHooks, left]).toEqual([['onLost 0,1,2'], false])
      lost.resolve()
      await leaving
      expect(member.mostRunning).toBe(1)
      expect(member.membership.state).toBe('failed')
    }))
})

describe('leaving ends by its deadline', () => {
  test.each(['assigning', 'losing'] as const)('when the hook that is %s hangs', (hook) =>
    withGroup(async (group, scenario) => {
      const member = hook === 'assigning' ? (await assigning(group)).member : await group.stable()
      if (hook === 'losing') {
        member.losing = never
        fence(member)
        await scenario.advance(100)
      }
      const startedMs = scenario.nowMs
      await member.leave()
      expect(scenario.nowMs - startedMs).toBeLessThan(5_002)
      expect(member.membership.state).toBe('left')
      const revoked = member.calls.includes('revoked 0,1,2')
      expect(revoked, 'time is left for the revocation').toBe(hook === 'assigning')
    }),
  )

  test('when the member failed and onLost hangs', () =>
    withGroup(async (group, scenario) => {
      const member = await group.stable({ instanceId: 'i' })
      member.losing = never
      member.membership.fenced('FENCED_INSTANCE_ID', member.generation)
      const startedMs = scenario.nowMs
      await member.leave()
      expect(scenario.nowMs - startedMs).toBeLessThan(5_002)
    }))

  test('and a session that expires during the revocation is a loss', () =>
    withGroup(async (group, scenario) => {
      const member = await group.stable()
      member.revoking = onAbort
      const leaving = member.leave()
      await scenario.advance(100)
      fence(member)
      await leaving
      expect(member.calls).toEqual(['revoked 0,1,2', 'lost 0,1,2'])
      expect(member.lostHooks).toEqual(['onLost 0,1,2'])
      expect(group.requests(LeaveGroup)).toEqual([])
    }))
})

describe('the rebalance is reported', () => {
  test('when the assigned partitions have their positions', () =>
    withGroup(async (group, scenario) => {
      const member = group.member()
      const found = deferred<void>()
      member.positioning = () => found.promise
      member.membership.start()
      await scenario.advance('10s')
      expect(member.calls).toEqual(['assigned 0,1,2'])
      found.resolve()
      await scenario.advance(10)
      expect(member.calls.at(-1)).toBe('rebalanced 1 +0,1,2 -')
    }))

  test('without waiting for positions when the member has to join again', () =>
    withGroup(async (group, scenario) => {
      const member = group.member()
      let aborted = false
      member.positioning = async (signal) => {
        await onAbort(signal)
        aborted = true
      }
      member.membership.start()
      await scenario.advance('2s')
      expect(member.calls).toEqual(['assigned 0,1,2'])
      finish(member)
      await scenario.fault('Heartbeat', { error: 'REBALANCE_IN_PROGRESS' }, 'once').wait(1)
      await scenario.advance(500)
      expect(aborted).toBe(true)
      expect(member.calls.slice(1)).toEqual([
        'rebalanced 1 +0,1,2 -',
        'revoked 0,1,2',
        'assigned 0,1,2',
        'rebalanced 2 + -',
      ])
    }))

  test('not at all when the partitions are lost meanwhile', () =>
    withGroup(async (group, scenario) => {
      const member = group.member()
      member.positioning = never
      member.membership.start()
      await scenario.advance('2s')
      finish(member)
      fence(member)
      await group.untilStable(member)
      expect(member.calls.slice(0, 3)).toEqual(['assigned 0,1,2', 'lost 0,1,2', 'assigned 0,1,2'])
      expect(member.calls.slice(3)).toEqual([`rebalanced ${member.generation} +0,1,2 -`])
    }))

  test('after the rebalance timeout at the latest', () =>
    withGroup(async (group, scenario) => {
      const member = group.member({ rebalanceTimeoutMs: 20_000 })
      member.positioning = never
      member.membership.start()
      await scenario.advance('22s')
      expect(member.calls.at(-1)).toBe('rebalanced 1 +0,1,2 -')
    }))
})
