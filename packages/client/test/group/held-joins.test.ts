import { Heartbeat, JoinGroup } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import { cooperativeSticky } from '../../src/group/assignors/cooperative-sticky.ts'
import { type Group, withGroup } from '../support/group.ts'
import { type GroupMember, subscriptionOf } from '../support/group-member.ts'
import type { Scenario } from '../support/on-testkit.ts'

const cooperative = { assignors: [cooperativeSticky] }

/** The member under test owns partitions and its join is held by the coordinator, because another member does not join. */
async function heldJoin(group: Group, scenario: Scenario): Promise<GroupMember> {
  const member = await group.stable(cooperative)
  const other = group.other(cooperative)
  other.membership.start()
  await scenario.advance('10s')
  scenario.cluster.faults.add({ match: { api: 'JoinGroup', client: 'other' }, action: 'hang', trigger: 'always' })
  member.calls.length = 0
  group.forget()
  member.membership.rejoin('test')
  await scenario.advance(500)
  expect([group.apis(), member.calls]).toEqual(['JoinGroup', ['before']])
  return member
}

const purposes = ({ cluster }: Group) => cluster.connections().map(({ purpose }) => purpose)

describe('while the coordinator holds the join of a member that owns partitions', () => {
  test('heartbeats continue on a connection of their own, and the member keeps its partitions', () =>
    withGroup(async (group, scenario) => {
      const member = await heldJoin(group, scenario)
      await scenario.advance('50s')
      const [join] = group.requests(JoinGroup)
      const beats = group.requests(Heartbeat)
      expect(beats.length).toBeGreaterThanOrEqual(16)
      expect(new Set(beats.map(({ outcome }) => outcome))).toEqual(new Set(['responded']))
      expect(beats.map(({ connection }) => connection)).not.toContain(join!.connection)
      expect(join!.outcome).toBe('pending')
      expect(member.calls).toEqual(['before'])
      // The coordinator removes the other member after the rebalance timeout.
      await scenario.advance('10s')
      await group.untilStable(member)
      expect(member.calls.slice(0, 2)).toEqual(['before', expect.stringMatching(/^assigned /)])
      group.forget()
      await scenario.advance('4s')
      const [beat] = group.requests(Heartbeat)
      expect(beat!.connection, 'the connection of the joins serves heartbeats again').toBe(join!.connection)
      expect(beat!.body.generationId).toBe(member.generation)
      expect(purposes(group)).toContain('heartbeat:x')
      await member.leave()
      expect(purposes(group).filter((purpose) => purpose.endsWith(':x'))).toEqual(['offsets:x'])
    }))

  test('the partitions are lost when neither joins nor heartbeats have a response for a session; the member joins again', () =>
    withGroup(async (group, scenario) => {
      const member = await group.stable(cooperative)
      const { memberId } = member.membership.identity
      scenario.fault('JoinGroup', 'hang', 'once')
      scenario.fault('Heartbeat', 'hang')
      member.membership.rejoin('test')
      await scenario.advance('9s')
      expect(member.calls).toEqual(['before'])
      await scenario.advance('2s')
      expect(member.calls.slice(0, 2)).toEqual(['before', 'lost 0,1,2'])
      expect(member.lostHooks).toEqual(['onLost 0,1,2'])
      await group.untilStable(member)
      expect(member.calls.slice(2)).toEqual(['assigned 0,1,2', `rebalanced ${member.generation} +0,1,2 -`])
      const join = group.requests(JoinGroup)[1]!
      expect([join.body.memberId, subscriptionOf(join).owned]).toEqual([memberId, []])
    }))

  test('heartbeats with a response keep the session, however long joins fail', () =>
    withGroup(async (group, scenario) => {
      const member = await group.stable(cooperative)
      const fault = scenario.fault('JoinGroup', 'close')
      member.membership.rejoin('test')
      await scenario.advance('40s')
      expect(member.calls.filter((call) => call !== 'before')).toEqual([])
      fault.remove()
      await group.untilStable(member)
      expect(member.calls.at(-2)).toBe('assigned ')
    }))

  test('ILLEGAL_GENERATION says nothing about the partitions', () =>
    withGroup(async (group, scenario) => {
      const member = await heldJoin(group, scenario)
      const fault = scenario.fault('Heartbeat', { error: 'ILLEGAL_GENERATION' })
      await scenario.advance('30s')
      expect(fault.hits).toBeGreaterThan(5)
      expect([member.calls, member.membership.state]).toEqual([['before'], 'joining'])
      fault.remove()
      await scenario.advance('40s')
      await group.untilStable(member)
      expect(member.calls.filter((call) => call.startsWith('lost'))).toEqual([])
    }))

  test('a static member with no response but ILLEGAL_GENERATION loses its partitions: the group went on without it', () =>
    withGroup(async (group, scenario) => {
      const member = await group.stable({ ...cooperative, instanceId: 'i' })
      const silent = scenario.fault('JoinGroup', 'close')
      const outdated = scenario.fault('Heartbeat', { error: 'ILLEGAL_GENERATION' })
      member.membership.rejoin('test')
      await scenario.advance('12s')
      expect(member.calls.filter((call) => call !== 'before')).toEqual(['lost 0,1,2'])
      silent.remove()
      outdated.remove()
      await group.untilStable(member)
    }))

  test('UNKNOWN_MEMBER_ID loses the partitions immediately, and another join follows on another connection', () =>
    withGroup(async (group, scenario) => {
      const member = await heldJoin(group, scenario)
      await scenario.fault('Heartbeat', { error: 'UNKNOWN_MEMBER_ID' }, 'once').wait(1)
      await scenario.advance(100)
      expect(member.calls).toEqual(['before', expect.stringMatching(/^lost /)])
      const [held, next] = group.requests(JoinGroup)
      expect(next!.body.memberId).toBe('')
      expect(next!.connection).not.toBe(held!.connection)
    }))

  test('a heartbeat that belongs to the former generation loses nothing when its response is late', () =>
    withGroup(async (group, scenario) => {
      const member = await group.stable(cooperative)
      const held = scenario.fault('JoinGroup', { delay: 4_000 }, 'once')
      const late = scenario.fault('Heartbeat', { delay: 6_000 }, 'once')
      member.membership.rejoin('test')
      await held.wait(1)
      await late.wait(1)
      await scenario.advance('20s')
      expect(member.generation).toBe(2)
      expect(member.calls.filter((call) => call.startsWith('lost'))).toEqual([])
    }))

  test('a commit that is rejected as one of an unknown member loses the partitions, one of an old generation does not', () =>
    withGroup(async (group, scenario) => {
      const member = await heldJoin(group, scenario)
      member.membership.fenced('ILLEGAL_GENERATION', member.generation)
      expect(member.calls).toEqual(['before'])
      member.membership.fenced('UNKNOWN_MEMBER_ID', member.generation)
      expect(member.calls).toEqual(['before', expect.stringMatching(/^lost /)])
    }))
})

test('an eager member owns nothing during a join, and sends no heartbeats', () =>
  withGroup(async (group, scenario) => {
    const member = await group.stable()
    const fault = scenario.fault('JoinGroup', 'hang')
    member.membership.rejoin('test')
    await scenario.advance('30s')
    expect(group.apis()).toBe('JoinGroup')
    expect(purposes(group)).not.toContain('heartbeat:x')
    fault.remove()
  }))

test('FENCED_INSTANCE_ID names the instance id, in a heartbeat, a join and a commit', () =>
  withGroup(async (group, scenario) => {
    const named = /another member joined with the instance id 'i-1'/
    const beating = await group.stable({ instanceId: 'i-1' })
    await scenario.fault('Heartbeat', { error: 'FENCED_INSTANCE_ID' }, 'once').wait(1)
    await scenario.advance(100)
    expect(beating.fatal).toMatchObject({ code: 'FENCED_INSTANCE_ID', message: expect.stringMatching(named) })
    const joining = group.member({ instanceId: 'i-1' })
    scenario.fault('JoinGroup', { error: 'FENCED_INSTANCE_ID' }, 'once')
    joining.membership.start()
    await scenario.advance('1s')
    expect(joining.fatal).toMatchObject({ code: 'FENCED_INSTANCE_ID', message: expect.stringMatching(named) })
    const committing = await group.stable({ instanceId: 'i-1' })
    committing.membership.fenced('FENCED_INSTANCE_ID', committing.generation)
    expect(committing.calls).toEqual(['lost 0,1,2', 'fatal FENCED_INSTANCE_ID'])
    expect(committing.fatal).toMatchObject({ message: expect.stringMatching(named), fatal: true })
  }))
