import { type ErrorName, FindCoordinator, Heartbeat, JoinGroup, LeaveGroup, SyncGroup } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import type { Cluster } from '../../src/cluster/cluster.ts'
import { KafkaError } from '../../src/errors.ts'
import type { Assignor } from '../../src/group/assignors/assignor.ts'
import { cooperativeSticky } from '../../src/group/assignors/cooperative-sticky.ts'
import { range } from '../../src/group/assignors/range.ts'
import { decodeAssignment } from '../../src/group/consumer-protocol.ts'
import { withGroup } from '../support/group.ts'
import { at, type GroupMember, subscriptionOf } from '../support/group-member.ts'

describe('a member', () => {
  test('gets an id, joins, assigns, syncs, and sends heartbeats at its interval on its own connection', () =>
    withGroup(async (group, scenario) => {
      const member = group.member()
      member.membership.start()
      await group.untilStable(member)
      expect(group.apis()).toBe('JoinGroup JoinGroup SyncGroup')
      expect(member.calls).toEqual(['assigned 0,1,2', 'rebalanced 1 +0,1,2 -'])
      await scenario.advance(9_500)
      const beats = group.requests(Heartbeat)
      expect(beats).toHaveLength(3)
      const { memberId } = member.membership.identity
      expect(memberId).not.toBe('')
      expect(beats[0]!.body).toMatchObject({ groupId: 'g', generationId: 1, memberId })
      const used = [JoinGroup, SyncGroup, Heartbeat].flatMap((api) =>
        group.requests(api).map(({ connection }) => connection),
      )
      expect(new Set(used).size).toBe(1)
      expect(used).not.toContain(group.requests(FindCoordinator)[0]!.connection)
    }))

  test('waits for the response to a join longer than the rebalance timeout', () =>
    withGroup(async (group, scenario) => {
      scenario.fault('JoinGroup', 'hang', 'once')
      const member = group.member({ rebalanceTimeoutMs: 60_000 })
      member.membership.start()
      await scenario.advance(64_900)
      expect(group.apis()).toBe('JoinGroup')
      await group.untilStable(member)
    }))

  test('revokes all partitions before an eager join', () =>
    withGroup(async (group, scenario) => {
      const member = await group.stable()
      let finish: (() => void) | undefined
      member.revoking = () => new Promise((resolve) => (finish = resolve))
      scenario.fault('Heartbeat', { error: 'REBALANCE_IN_PROGRESS' }, 'once')
      await scenario.advance(3_500)
      expect(member.calls).toEqual(['revoked 0,1,2'])
      await scenario.advance(6_000)
      expect(group.apis(), 'heartbeats continue while the hook runs').toBe('Heartbeat Heartbeat Heartbeat')
      finish?.()
      await scenario.advance(500)
      expect(group.apis()).toBe('Heartbeat Heartbeat Heartbeat JoinGroup SyncGroup')
      expect(member.calls).toEqual(['revoked 0,1,2', 'assigned 0,1,2', 'rebalanced 2 + -'])
      expect(subscriptionOf(group.requests(JoinGroup).at(-1)!).owned).toEqual([])
      member.revoking = undefined
    }))

  test('accepts the assignment of the leader, also an empty one', () =>
    withGroup(async (group, scenario) => {
      // The leader takes all partitions but those of this list.
      let left = [at(2)]
      const leader = group.other({
        assignors: [
          {
            ...range,
            assign: ({ members }) => {
              const own = [0, 1, 2]
                .map((n) => at(n))
                .filter(({ partition }) => left.every((p) => p.partition !== partition))
              return new Map(
                members.map(({ memberId }) => [
                  memberId,
                  memberId === leader.membership.identity.memberId ? own : left,
                ]),
              )
            },
          },
        ],
      })
      leader.membership.start()
      await group.untilStable(leader)
      const member = group.member()
      member.membership.start()
      await group.untilStable(member)
      expect(member.calls).toEqual(['assigned 2', 'rebalanced 2 +2 -'])
      expect(group.requests(SyncGroup)[0]!.body.assignments).toEqual([])
      left = []
      leader.membership.rejoin('test')
      await scenario.advance('5s')
      expect(member.calls.slice(2)).toEqual(['revoked 2', 'assigned ', 'rebalanced 3 + -2'])
    }))

  test('assigns to all members by their subscriptions when it is the leader', () =>
    withGroup(async (group, scenario) => {
      const prepare = (member: GroupMember) => {
        member.counts = new Map([
          ['t', 3],
          ['u', 1],
        ])
      }
      const member = await group.stable({}, prepare)
      const other = group.other()
      other.topics = ['u']
      other.membership.start()
      await scenario.advance('5s')
      const plan = group.requests(SyncGroup).at(-1)!.body.assignments
      const assigned = new Map(
        plan.map(({ memberId, assignment }) => [memberId, decodeAssignment(assignment).partitions]),
      )
      expect(assigned.size).toBe(2)
      expect(assigned.get(member.membership.identity.memberId)).toEqual([at(0), at(1), at(2)])
      expect(assigned.get(other.membership.identity.memberId)).toEqual([at(0, 'u')])
    }))

  test('joins again as leader when a topic of the group gets partitions', () =>
    withGroup(async (group, scenario) => {
      const member = await group.stable()
      member.counts = new Map([['t', 6]])
      member.membership.metadataChanged()
      await scenario.advance(500)
      expect(member.calls).toEqual(['revoked 0,1,2', 'assigned 0,1,2,3,4,5', 'rebalanced 2 +3,4,5 -'])
      member.membership.metadataChanged()
      await scenario.advance(500)
      expect(member.generation).toBe(2)
    }))

  test('joins again when the topics of its pattern change', () =>
    withGroup(async (group, scenario) => {
      const member = await group.stable()
      member.topics = ['t', 'u']
      member.counts.set('u', 1)
      member.membership.metadataChanged()
      await scenario.advance(500)
      expect(member.calls.at(-1)).toBe('rebalanced 2 +0 -')
    }))
})

describe('cooperative', () => {
  const cooperative = { assignors: [cooperativeSticky] }

  test('keeps and reports its partitions while it joins, revokes those missing in the assignment, and joins again', () =>
    withGroup(async (group, scenario) => {
      const member = await group.stable(cooperative)
      const other = group.other(cooperative)
      other.membership.start()
      await scenario.advance('10s')
      const [first, second] = group.requests(JoinGroup).map(subscriptionOf)
      expect(first).toMatchObject({ owned: [at(0), at(1), at(2)], generation: 1, userData: Buffer.from([0, 0, 0, 1]) })
      expect(second).toMatchObject({ generation: 2 })
      expect(second!.owned).toHaveLength(2)
      const [moved] = [0, 1, 2].filter((n) => second!.owned.every(({ partition }) => partition !== n))
      expect(member.calls).toEqual([
        'before',
        `revoked ${moved}`,
        'assigned ',
        `rebalanced 2 + -${moved}`,
        'before',
        'assigned ',
        'rebalanced 3 + -',
      ])
      expect(other.calls.at(-1)).toBe(`rebalanced 3 +${moved} -`)
    }))

  test('is eager when one of several assignors is eager, as in Java', () =>
    withGroup(async (group, scenario) => {
      const member = await group.stable({ assignors: [range, cooperativeSticky] })
      member.membership.rejoin('test')
      await scenario.advance(500)
      expect(member.calls[0]).toBe('revoked 0,1,2')
    }))

  test('revokes topics that it no longer subscribes to before the join', () =>
    withGroup(async (group, scenario) => {
      const prepare = (member: GroupMember) => {
        member.topics = ['t', 'u']
        member.counts.set('u', 1)
      }
      const member = await group.stable(cooperative, prepare)
      member.topics = ['t']
      member.membership.metadataChanged()
      await scenario.advance(500)
      expect(member.calls.slice(0, 2)).toEqual(['revoked 0', 'before'])
      expect(subscriptionOf(group.requests(JoinGroup).at(-1)!).owned).toEqual([at(0), at(1), at(2)])
    }))
})

describe('error codes', () => {
  const retried: [ErrorName, 'moved' | 'kept'][] = [
    ['COORDINATOR_LOAD_IN_PROGRESS', 'kept'],
    ['COORDINATOR_NOT_AVAILABLE', 'moved'],
    ['NOT_COORDINATOR', 'moved'],
    ['UNKNOWN_MEMBER_ID', 'kept'],
    ['ILLEGAL_GENERATION', 'kept'],
    ['REBALANCE_IN_PROGRESS', 'kept'],
    ['UNKNOWN_SERVER_ERROR', 'kept'],
    ['REQUEST_TIMED_OUT', 'moved'],
  ]
  const final: ErrorName[] = [
    'FENCED_INSTANCE_ID',
    'GROUP_AUTHORIZATION_FAILED',
    'INVALID_GROUP_ID',
    'INVALID_SESSION_TIMEOUT',
    'INCONSISTENT_GROUP_PROTOCOL',
    'GROUP_MAX_SIZE_REACHED',
    'INVALID_REQUEST',
  ]

  test('a group without a common assignor is reported with the assignors that the member offered', () =>
    withGroup(async (group, scenario) => {
      const member = await group.stable()
      scenario.fault('JoinGroup', { error: 'INCONSISTENT_GROUP_PROTOCOL' }, 'once')
      member.membership.rejoin('test')
      await scenario.advance('5s')
      expect(member.fatal?.message).toMatch(/which offers 'range'/)
    }))

  for (const api of ['JoinGroup', 'SyncGroup'] as const) {
    test.each(retried)(`${api}: %s is retried, the coordinator is %s`, (error, moves) =>
      withGroup(async (group, scenario) => {
        const member = await group.stable()
        const fault = scenario.fault(api, { error }, 'once')
        member.membership.rejoin('test')
        await fault.wait(1)
        await group.untilStable(member)
        expect(group.requests(FindCoordinator)).toHaveLength(moves === 'moved' ? 1 : 0)
        expect(member.calls.at(-2)).toBe('assigned 0,1,2')
      }),
    )

    test.each(final)(`${api}: %s fails the membership`, (error) =>
      withGroup(async (group, scenario) => {
        scenario.fault(api, { error }, 'once')
        const member = group.member()
        member.membership.start()
        await scenario.advance('60s')
        expect(member.calls).toEqual([`fatal ${error}`])
        expect(member.membership.state).toBe('failed')
        expect(member.fatal?.message).toContain("group 'g'")
      }),
    )
  }

  test.each(retried)('Heartbeat: the member has an assignment after %s', (error) =>
    withGroup(async (group, scenario) => {
      const member = await group.stable()
      const fault = scenario.fault('Heartbeat', { error }, 'once')
      await fault.wait(1)
      await scenario.advance(900)
      await group.untilStable(member)
      const lost = error === 'UNKNOWN_MEMBER_ID' || error === 'ILLEGAL_GENERATION'
      const rejoined = lost || error === 'REBALANCE_IN_PROGRESS'
      expect(member.calls[0]).toBe(lost ? 'lost 0,1,2' : rejoined ? 'revoked 0,1,2' : undefined)
      expect(member.generation).toBe(rejoined ? 2 : 1)
      const beats = group.requests(Heartbeat).length
      await scenario.advance('10s')
      expect(group.requests(Heartbeat).length).toBeGreaterThan(beats + 1)
    }),
  )

  test.each(final)('Heartbeat: %s fails the membership, the partitions are lost first', (error) =>
    withGroup(async (group, scenario) => {
      const member = await group.stable()
      scenario.fault('Heartbeat', { error }, 'once')
      await scenario.advance('60s')
      expect(member.calls).toEqual(['lost 0,1,2', `fatal ${error}`])
    }),
  )

  test('joins without an unknown member id, and keeps the id when only the generation is stale', () =>
    withGroup(async (group, scenario) => {
      const member = await group.stable()
      const { memberId: first } = member.membership.identity
      const joins = () => group.requests(JoinGroup).map(({ body }) => body.memberId)
      await scenario.fault('Heartbeat', { error: 'ILLEGAL_GENERATION' }, 'once').wait(1)
      await scenario.advance(500)
      await group.untilStable(member)
      expect(joins()).toEqual([first])
      await scenario.fault('Heartbeat', { error: 'UNKNOWN_MEMBER_ID' }, 'once').wait(1)
      await scenario.advance(500)
      await group.untilStable(member)
      const { memberId: second } = member.membership.identity
      expect(second).not.toBe(first)
      expect(joins()).toEqual([first, '', second])
    }))

  test.each(['JoinGroup', 'SyncGroup'] as const)(
    '%s: retries after a lost connection, fails after a wrong password',
    (api) =>
      withGroup(async (group, scenario) => {
        scenario.fault(api, 'close', { times: 3 })
        const member = group.member()
        member.membership.start()
        await group.untilStable(member)
        failNextRequest(group.cluster, api, new KafkaError('SASL_AUTHENTICATION_FAILED', 'on the way'))
        member.membership.rejoin('test')
        await scenario.advance(500)
        expect(member.fatal?.code).toBe('SASL_AUTHENTICATION_FAILED')
      }),
  )

  test('an error that ends the membership is fatal: the consumer cannot continue', () =>
    withGroup(async (group, scenario) => {
      scenario.fault('JoinGroup', { error: 'GROUP_AUTHORIZATION_FAILED' }, 'once')
      const member = group.member()
      member.membership.start()
      await scenario.advance('1s')
      expect(member.fatal).toMatchObject({ code: 'GROUP_AUTHORIZATION_FAILED', fatal: true })
    }))

  const oops = () => {
    throw new TypeError('oops')
  }

  test.each<[string, Partial<Assignor>]>([
    ['throws', { assign: oops }],
    ['returns no assignment', { assign: () => undefined as never }],
    ['throws for its user data', { userData: oops }],
  ])('an assignor of the application that %s is ASSIGNOR_FAILED', (_name, functions) =>
    withGroup(async (group, scenario) => {
      const member = group.member({ assignors: [{ ...range, name: 'mine', ...functions }] })
      member.membership.start()
      await scenario.advance('1s')
      expect(member.fatal).toMatchObject({ code: 'ASSIGNOR_FAILED', fatal: true, cause: expect.any(TypeError) })
      expect(member.fatal?.message).toMatch(/^The assignor 'mine' failed: /)
    }),
  )

  test('an exception of the client itself is INTERNAL_ERROR', () =>
    withGroup(async (group, scenario) => {
      const member = group.member()
      const bug = new TypeError('bug')
      Object.defineProperty(member, 'topics', {
        get: () => {
          throw bug
        },
      })
      member.membership.start()
      await scenario.advance('1s')
      expect(member.fatal).toMatchObject({ code: 'INTERNAL_ERROR', fatal: true, cause: bug })
      expect(member.fatal?.message).toBe('Group membership failed: bug')
    }))

  test('backs off longer after each failed join', () =>
    withGroup(async (group, scenario) => {
      scenario.fault('JoinGroup', { error: 'COORDINATOR_LOAD_IN_PROGRESS' })
      group.member().membership.start()
      await scenario.advance('10s')
      expect(group.requests(JoinGroup).length).toBeGreaterThan(8)
      expect(group.requests(JoinGroup).length).toBeLessThan(20)
    }))
})

/** The next request of an API fails before it is sent. */
function failNextRequest(cluster: Cluster, name: string, error: KafkaError): void {
  const broker = cluster.broker(1)!
  const request = broker.request.bind(broker)
  broker.request = (api, body, options) => {
    if (api.name !== name) return request(api, body, options)
    broker.request = request
    return Promise.reject(error)
  }
}

describe('the session', () => {
  test('heartbeats continue after connection failures, at shorter intervals', () =>
    withGroup(async (group, scenario) => {
      const member = await group.stable()
      scenario.fault('Heartbeat', 'close', { times: 3 })
      await scenario.advance(4_500)
      expect(group.requests(Heartbeat)).toHaveLength(4)
      expect(group.requests(FindCoordinator)).toHaveLength(3)
      expect(member.calls).toEqual([])
    }))

  test('without an accepted heartbeat for a whole session the partitions are lost, and it joins again', () =>
    withGroup(async (group, scenario) => {
      const member = await group.stable()
      const joinedMs = scenario.nowMs
      const heal = scenario.cluster.disconnect('clients', 1)
      await scenario.advance(9_500)
      expect(member.calls).toEqual([])
      await scenario.advance(500)
      expect(scenario.nowMs - joinedMs).toBeLessThan(10_100)
      expect(member.calls).toEqual(['lost 0,1,2'])
      heal()
      await group.untilStable(member)
      expect(member.calls).toEqual(['lost 0,1,2', 'assigned 0,1,2', 'rebalanced 3 +0,1,2 -'])
    }))

  test('a commit rejected for its generation loses the partitions, unless it is of an older generation', () =>
    withGroup(async (group, scenario) => {
      const member = await group.stable()
      member.membership.fenced('ILLEGAL_GENERATION', 0)
      await scenario.advance(100)
      expect(member.calls).toEqual([])
      member.membership.fenced('ILLEGAL_GENERATION', 1)
      await scenario.advance(100)
      expect(member.calls[0]).toBe('lost 0,1,2')
      await group.untilStable(member)
    }))
})

describe('leaving', () => {
  test('revokes the partitions, then leaves; a second call returns the same promise', () =>
    withGroup(async (group, scenario) => {
      const member = await group.stable()
      const { memberId } = member.membership.identity
      const [join] = scenario.seen(JoinGroup)
      const [lookUp] = scenario.seen(FindCoordinator)
      expect(member.leave()).toBe(member.leave())
      await member.leave()
      expect(member.calls).toEqual(['revoked 0,1,2'])
      expect(group.apis()).toBe('LeaveGroup')
      const [left] = group.requests(LeaveGroup)
      expect(left!.body.members).toMatchObject([{ memberId, reason: 'test' }])
      expect(left!.connection, 'the general one may be busy').not.toBe(lookUp!.connection)
      expect(left!.connection, 'the coordinator may hold a join').not.toBe(join!.connection)
      expect(member.membership.state).toBe('left')
    }))

  test('a static member stays in the group, unless `always` is set', () =>
    withGroup(async (group) => {
      const member = await group.stable({ instanceId: 'i-1' })
      await member.leave()
      expect(group.apis()).toBe('')
      const other = await group.stable({ instanceId: 'i-1' })
      await other.membership.leave({ timeoutMs: 1_000, reason: 'stuck', always: true })
      expect(group.requests(LeaveGroup)[0]!.body.members).toMatchObject([{ groupInstanceId: 'i-1' }])
    }))

  test.each(['JoinGroup', 'SyncGroup'] as const)('does not wait for a %s that the broker holds', (api) =>
    withGroup(async (group, scenario) => {
      const fault = scenario.fault(api, 'hang')
      const member = group.member()
      member.membership.start()
      await fault.wait(1)
      const startedMs = scenario.nowMs
      await member.leave()
      expect(scenario.nowMs - startedMs).toBeLessThan(1_000)
      expect(member.membership.state).toBe('left')
      // The coordinator has not returned a member id to one whose first join it holds.
      expect(group.requests(LeaveGroup).map(({ outcome }) => outcome)).toEqual(api === 'SyncGroup' ? ['responded'] : [])
    }),
  )

  test('ends at its deadline when a hook hangs', () =>
    withGroup(async (group, scenario) => {
      const member = await group.stable()
      member.revoking = () => new Promise(() => {})
      const startedMs = scenario.nowMs
      await member.leave()
      expect(scenario.nowMs - startedMs).toBeLessThan(5_002)
      expect(member.membership.state).toBe('left')
    }))

  test('does not fail when the coordinator is gone', () =>
    withGroup(async (group, scenario) => {
      const member = await group.stable()
      scenario.fault('LeaveGroup', 'close')
      await member.leave()
      expect(member.membership.state).toBe('left')
    }))

  test('sends nothing when the membership was never started', () =>
    withGroup(async (group) => {
      await group.member().leave()
      expect(group.apis()).toBe('')
    }))
})
