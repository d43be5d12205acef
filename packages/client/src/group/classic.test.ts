import { type ErrorName, errorCode } from '@ottla/codec'
import { afterEach, describe, expect, test } from 'vitest'
import { KafkaError } from '../errors.ts'
import type { Assignor } from './assignors/assignor.ts'
import { cooperativeSticky } from './assignors/cooperative-sticky.ts'
import { range } from './assignors/range.ts'
import { ClassicMembership, type ClassicOptions } from './classic.ts'
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from './consumer-protocol.ts'
import type { MembershipListener, TopicPartition } from './membership.ts'
import { never, type Response, ScriptedCluster, settle } from './testing/scripted-cluster.ts'

const at = (partition: number, topic = 't'): TopicPartition => ({ topic, partition })
const numbers = (partitions: readonly TopicPartition[]) => partitions.map(({ partition }) => partition).join()

class Group {
  readonly cluster = new ScriptedCluster()
  readonly calls: string[] = []
  readonly membership: ClassicMembership
  fatal: KafkaError | undefined
  generation = 0
  counts = new Map([['t', 3]])
  topics = ['t']
  revoking: (() => Promise<void>) | undefined

  constructor(options: Partial<ClassicOptions> = {}) {
    this.#script()
    const listener: MembershipListener = {
      subscribedTopics: async () => this.topics,
      knownSubscription: () => this.topics,
      partitionCounts: async () => this.counts,
      knownPartitionCount: (topic) => this.counts.get(topic),
      beforeJoin: async () => void this.calls.push('before'),
      onAssigned: async (partitions) => void this.calls.push(`assigned ${numbers(partitions)}`),
      onRevoked: async (partitions) => {
        this.calls.push(`revoked ${numbers(partitions)}`)
        await this.revoking?.()
      },
      onLost: async (partitions) => void this.calls.push(`lost ${numbers(partitions)}`),
      onRebalanced: ({ generation, added, revoked }) => {
        this.calls.push(`rebalanced ${generation} +${numbers(added)} -${numbers(revoked)}`)
      },
      onFatal: (error) => {
        this.fatal = error
        this.calls.push(`fatal ${error.code}`)
      },
    }
    const given = { groupId: 'g', instanceId: null, rack: null, sessionTimeoutMs: 10_000, heartbeatIntervalMs: 3_000 }
    const all = {
      ...given,
      rebalanceTimeoutMs: 60_000,
      assignors: [range],
      purpose: 'coordinator:x' as const,
      ...options,
    }
    this.membership = new ClassicMembership(this.cluster, all, listener)
    open.push(this)
  }

  /** A coordinator with this member as the only one, and so as the leader. */
  #script(): void {
    const { responses } = this.cluster
    responses.set('JoinGroup', (body) => {
      if (body.memberId === '') return { ...joinResponse, errorCode: errorCode('MEMBER_ID_REQUIRED'), memberId: 'm-1' }
      this.generation++
      const [protocol] = body.protocols as { name: string; metadata: Uint8Array }[]
      const members = [{ memberId: body.memberId, groupInstanceId: body.groupInstanceId, metadata: protocol!.metadata }]
      const said = { generationId: this.generation, memberId: body.memberId, leader: body.memberId }
      return { ...joinResponse, ...said, protocolName: protocol!.name, members }
    })
    responses.set('SyncGroup', (body) => {
      const [own] = body.assignments as { assignment: Uint8Array }[]
      return { errorCode: 0, assignment: own!.assignment }
    })
    responses.set('Heartbeat', () => ({ errorCode: 0 }))
    responses.set('LeaveGroup', () => ({ errorCode: 0, members: [{ errorCode: 0 }] }))
  }

  /** Joined and stable, with an empty history. */
  async stable(): Promise<this> {
    this.membership.start()
    await settle()
    expect(this.membership.state).toBe('stable')
    this.calls.length = 0
    this.cluster.sent.length = 0
    return this
  }

  apis(): string {
    return this.cluster.sent.map(({ api }) => api).join(' ')
  }

  leave(): Promise<void> {
    return this.membership.leave({ timeoutMs: 5_000, reason: 'test' })
  }
}

const joinResponse = {
  errorCode: 0,
  generationId: -1,
  protocolName: '',
  leader: '',
  skipAssignment: false,
  members: [],
}
const open: Group[] = []

afterEach(async () => {
  for (const group of open.splice(0)) {
    const left = group.leave()
    await group.cluster.runtime.advance(20_000)
    await left
    expect(group.cluster.runtime.pendingTimers).toBe(0)
  }
})

const code =
  (name: ErrorName): Response =>
  () => ({ ...joinResponse, memberId: '', errorCode: errorCode(name), assignment: new Uint8Array(0) })
const failed =
  (retriable: boolean): Response =>
  () => {
    throw new KafkaError(retriable ? 'CONNECTION_LOST' : 'SASL_AUTHENTICATION_FAILED', 'on the way', { retriable })
  }

describe('a member', () => {
  test('gets an id, joins, assigns, syncs, and sends heartbeats at its interval on its own connection', async () => {
    const group = new Group()
    group.membership.start()
    await settle()
    expect(group.apis()).toBe('JoinGroup JoinGroup SyncGroup')
    expect(group.calls).toEqual(['assigned 0,1,2', 'rebalanced 1 +0,1,2 -'])
    expect(new Set(group.cluster.sent.map(({ purpose }) => purpose))).toEqual(new Set(['coordinator:x']))
    await group.cluster.runtime.advance(9_500)
    expect(group.cluster.bodies('Heartbeat')).toHaveLength(3)
    expect(group.cluster.bodies('Heartbeat')[0]).toMatchObject({ groupId: 'g', generationId: 1, memberId: 'm-1' })
  })

  test('waits for the response to a join longer than the rebalance timeout', async () => {
    const group = new Group({ rebalanceTimeoutMs: 60_000 })
    let timeoutMs = 0
    group.cluster.next('JoinGroup', (_, options) => {
      timeoutMs = options.timeoutMs ?? 0
      return never({}, options)
    })
    group.membership.start()
    await settle()
    expect(timeoutMs).toBe(65_000)
    await group.cluster.runtime.advance(60_000)
    expect(group.apis()).toBe('JoinGroup')
  })

  test('revokes all partitions before an eager join', async () => {
    const group = await new Group().stable()
    let finish: (() => void) | undefined
    group.revoking = () => new Promise((resolve) => (finish = resolve))
    group.cluster.next('Heartbeat', code('REBALANCE_IN_PROGRESS'))
    await group.cluster.runtime.advance(3_100)
    expect(group.calls).toEqual(['revoked 0,1,2'])
    await group.cluster.runtime.advance(6_000)
    expect(group.apis(), 'heartbeats continue while the hook runs').toBe('Heartbeat Heartbeat Heartbeat')
    finish?.()
    await settle()
    expect(group.apis()).toBe('Heartbeat Heartbeat Heartbeat JoinGroup SyncGroup')
    expect(group.calls).toEqual(['revoked 0,1,2', 'assigned 0,1,2', 'rebalanced 2 + -'])
    expect(decodeSubscription(metadataOf(group)).owned).toEqual([])
  })

  test('accepts the assignment of the leader, also an empty one', async () => {
    const group = new Group()
    group.cluster.next(
      'JoinGroup',
      () => ({ ...joinResponse, errorCode: errorCode('MEMBER_ID_REQUIRED'), memberId: 'm-1' }),
      () => ({ ...joinResponse, generationId: 4, memberId: 'm-1', leader: 'other', protocolName: 'range' }),
    )
    group.cluster.next('SyncGroup', (body) => {
      expect(body.assignments).toEqual([])
      return { errorCode: 0, assignment: encodeAssignment([at(2)]) }
    })
    group.membership.start()
    await settle()
    expect(group.calls).toEqual(['assigned 2', 'rebalanced 4 +2 -'])
  })

  test('assigns to all members by their subscriptions when it is the leader', async () => {
    const group = new Group()
    group.counts = new Map([
      ['t', 3],
      ['u', 1],
    ])
    const subscription = { topics: ['u'], owned: [], generation: -1, rack: null, userData: null }
    group.cluster.next(
      'JoinGroup',
      () => ({ ...joinResponse, errorCode: errorCode('MEMBER_ID_REQUIRED'), memberId: 'm-1' }),
      (body) => {
        const [protocol] = body.protocols as { metadata: Uint8Array }[]
        const own = { memberId: 'm-1', groupInstanceId: null, metadata: protocol!.metadata }
        const other = { memberId: 'm-2', groupInstanceId: null, metadata: encodeSubscription(subscription) }
        return {
          ...joinResponse,
          generationId: 1,
          memberId: 'm-1',
          leader: 'm-1',
          protocolName: 'range',
          members: [own, other],
        }
      },
    )
    group.membership.start()
    await settle()
    const [sync] = group.cluster.bodies('SyncGroup')
    const plan = sync!.assignments as { memberId: string; assignment: Uint8Array }[]
    expect(plan.map(({ memberId, assignment }) => [memberId, decodeAssignment(assignment)])).toEqual([
      ['m-1', [at(0), at(1), at(2)]],
      ['m-2', [at(0, 'u')]],
    ])
  })

  test('joins again as leader when a topic of the group gets partitions', async () => {
    const group = await new Group().stable()
    group.counts = new Map([['t', 6]])
    group.membership.metadataChanged()
    await settle()
    expect(group.calls).toEqual(['revoked 0,1,2', 'assigned 0,1,2,3,4,5', 'rebalanced 2 +3,4,5 -'])
    group.membership.metadataChanged()
    await settle()
    expect(group.generation).toBe(2)
  })

  test('joins again when the topics of its pattern change', async () => {
    const group = await new Group().stable()
    group.topics = ['t', 'u']
    group.counts.set('u', 1)
    group.membership.metadataChanged()
    await settle()
    expect(group.calls.at(-1)).toBe('rebalanced 2 +0 -')
  })
})

function metadataOf(group: Group): Uint8Array {
  const [protocol] = group.cluster.bodies('JoinGroup').at(-1)!.protocols as { metadata: Uint8Array }[]
  return protocol!.metadata
}

describe('cooperative', () => {
  const cooperative = { assignors: [cooperativeSticky] }

  test('keeps and reports its partitions while it joins, revokes those missing in the assignment, and joins again', async () => {
    const group = await new Group(cooperative).stable()
    group.cluster.next('SyncGroup', () => ({ errorCode: 0, assignment: encodeAssignment([at(0), at(1)]) }))
    group.membership.rejoin('a new member')
    await settle()
    const [first, second] = group.cluster.bodies('JoinGroup').map((body) => {
      const [protocol] = body.protocols as { metadata: Uint8Array }[]
      return decodeSubscription(protocol!.metadata)
    })
    expect(first).toMatchObject({ owned: [at(0), at(1), at(2)], generation: 1, userData: Buffer.from([0, 0, 0, 1]) })
    expect(second).toMatchObject({ owned: [at(0), at(1)], generation: 2 })
    expect(group.calls).toEqual([
      'before',
      'revoked 2',
      'assigned ',
      'rebalanced 2 + -2',
      'before',
      'assigned 2',
      'rebalanced 3 +2 -',
    ])
  })

  test('is eager when one of several assignors is eager, as in Java', async () => {
    const group = await new Group({ assignors: [range, cooperativeSticky] }).stable()
    group.membership.rejoin('test')
    await settle()
    expect(group.calls[0]).toBe('revoked 0,1,2')
  })

  test('revokes topics that it no longer subscribes to before the join', async () => {
    const group = new Group(cooperative)
    group.topics = ['t', 'u']
    group.counts.set('u', 1)
    await group.stable()
    group.topics = ['t']
    group.membership.metadataChanged()
    await settle()
    expect(group.calls.slice(0, 2)).toEqual(['revoked 0', 'before'])
    expect(decodeSubscription(metadataOf(group)).owned).toEqual([at(0), at(1), at(2)])
  })
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

  for (const api of ['JoinGroup', 'SyncGroup']) {
    test.each(retried)(`${api}: %s is retried, the coordinator is %s`, async (name, moves) => {
      const group = new Group()
      group.membership.start()
      await settle()
      group.cluster.next(api, code(name))
      group.membership.rejoin('test')
      await group.cluster.runtime.advance(1_000)
      expect(group.membership.state).toBe('stable')
      expect(group.cluster.coordinatorsForgotten).toBe(moves === 'moved' ? 1 : 0)
      expect(group.calls.at(-2)).toBe('assigned 0,1,2')
    })

    test.each(final)(`${api}: %s fails the membership`, async (name) => {
      const group = new Group()
      group.cluster.next(api, code(name))
      group.membership.start()
      await group.cluster.runtime.advance(60_000)
      expect(group.calls).toEqual([`fatal ${name}`])
      expect(group.membership.state).toBe('failed')
      expect(group.fatal?.message).toContain("group 'g'")
    })
  }

  test.each(retried)('Heartbeat: the member has an assignment after %s', async (name) => {
    const group = await new Group().stable()
    group.cluster.next('Heartbeat', code(name))
    await group.cluster.runtime.advance(3_900)
    expect(group.membership.state).toBe('stable')
    const lost = name === 'UNKNOWN_MEMBER_ID' || name === 'ILLEGAL_GENERATION'
    const rejoined = lost || name === 'REBALANCE_IN_PROGRESS'
    expect(group.calls[0]).toBe(lost ? 'lost 0,1,2' : rejoined ? 'revoked 0,1,2' : undefined)
    expect(group.generation).toBe(rejoined ? 2 : 1)
    const beats = group.cluster.bodies('Heartbeat').length
    await group.cluster.runtime.advance(10_000)
    expect(group.cluster.bodies('Heartbeat').length).toBeGreaterThan(beats + 1)
  })

  test.each(final)('Heartbeat: %s fails the membership, the partitions are lost first', async (name) => {
    const group = await new Group().stable()
    group.cluster.next('Heartbeat', code(name))
    await group.cluster.runtime.advance(60_000)
    expect(group.calls).toEqual(['lost 0,1,2', `fatal ${name}`])
  })

  test('joins without an unknown member id, and keeps the id when only the generation is stale', async () => {
    const group = await new Group().stable()
    group.cluster.next('Heartbeat', code('ILLEGAL_GENERATION'))
    await group.cluster.runtime.advance(3_100)
    expect(group.cluster.bodies('JoinGroup').map(({ memberId }) => memberId)).toEqual(['m-1'])
    group.cluster.next('Heartbeat', code('UNKNOWN_MEMBER_ID'))
    await group.cluster.runtime.advance(3_100)
    expect(group.cluster.bodies('JoinGroup').map(({ memberId }) => memberId)).toEqual(['m-1', '', 'm-1'])
  })

  test.each(['JoinGroup', 'SyncGroup'])(
    '%s: retries after a lost connection, fails after a wrong password',
    async (api) => {
      const group = new Group()
      group.cluster.next(api, failed(true), failed(true), failed(true))
      group.membership.start()
      await group.cluster.runtime.advance(5_000)
      expect(group.membership.state).toBe('stable')
      group.cluster.next(api, failed(false))
      group.membership.rejoin('test')
      await settle()
      expect(group.fatal?.code).toBe('SASL_AUTHENTICATION_FAILED')
    },
  )

  test('an error that ends the membership is fatal: the consumer cannot continue', async () => {
    const group = new Group()
    group.cluster.next('JoinGroup', code('GROUP_AUTHORIZATION_FAILED'))
    group.membership.start()
    await settle()
    expect(group.fatal).toMatchObject({ code: 'GROUP_AUTHORIZATION_FAILED', fatal: true })
  })

  test.each<[string, Partial<Assignor>]>([
    [
      'throws',
      {
        assign: () => {
          throw new TypeError('oops')
        },
      },
    ],
    ['returns no assignment', { assign: () => undefined as never }],
    [
      'throws for its user data',
      {
        userData: () => {
          throw new TypeError('oops')
        },
      },
    ],
  ])('an assignor of the application that %s is ASSIGNOR_FAILED', async (_name, functions) => {
    const group = new Group({ assignors: [{ ...range, name: 'mine', ...functions }] })
    group.membership.start()
    await settle()
    expect(group.fatal).toMatchObject({ code: 'ASSIGNOR_FAILED', fatal: true, cause: expect.any(TypeError) })
    expect(group.fatal?.message).toMatch(/^The assignor 'mine' failed: /)
  })

  test('an exception of the client itself is INTERNAL_ERROR', async () => {
    const group = new Group()
    const bug = new TypeError('bug')
    Object.defineProperty(group, 'topics', {
      get: () => {
        throw bug
      },
    })
    group.membership.start()
    await settle()
    expect(group.fatal).toMatchObject({ code: 'INTERNAL_ERROR', fatal: true, cause: bug })
    expect(group.fatal?.message).toBe('Group membership failed: bug')
  })

  test('backs off longer after each failed join', async () => {
    const group = new Group()
    group.cluster.responses.set('JoinGroup', code('COORDINATOR_LOAD_IN_PROGRESS'))
    group.membership.start()
    await group.cluster.runtime.advance(10_000)
    expect(group.cluster.bodies('JoinGroup').length).toBeGreaterThan(8)
    expect(group.cluster.bodies('JoinGroup').length).toBeLessThan(20)
  })
})

describe('the session', () => {
  test('heartbeats continue after connection failures, at shorter intervals', async () => {
    const group = await new Group().stable()
    group.cluster.next('Heartbeat', failed(true), failed(true), failed(true))
    await group.cluster.runtime.advance(4_500)
    expect(group.cluster.bodies('Heartbeat').length).toBe(4)
    expect(group.cluster.coordinatorsForgotten).toBe(3)
    expect(group.calls).toEqual([])
  })

  test('without an accepted heartbeat for a whole session the partitions are lost, and it joins again', async () => {
    const group = await new Group().stable()
    group.cluster.responses.set('Heartbeat', never)
    await group.cluster.runtime.advance(9_900)
    expect(group.calls).toEqual([])
    await group.cluster.runtime.advance(4_000)
    expect(group.calls).toEqual(['lost 0,1,2', 'assigned 0,1,2', 'rebalanced 2 +0,1,2 -'])
  })

  test('checkSession detects an event loop that was blocked for a whole session', async () => {
    const group = await new Group().stable()
    group.cluster.runtime.stall(9_000)
    expect(group.membership.checkSession()).toBe(true)
    group.cluster.runtime.stall(2_000)
    expect(group.membership.checkSession()).toBe(false)
    await settle()
    expect(group.calls[0]).toBe('lost 0,1,2')
  })

  test('a commit rejected for its generation loses the partitions, unless it is of an older generation', async () => {
    const group = await new Group().stable()
    group.membership.fenced('ILLEGAL_GENERATION', 0)
    await settle()
    expect(group.calls).toEqual([])
    group.membership.fenced('ILLEGAL_GENERATION', 1)
    await settle()
    expect(group.calls[0]).toBe('lost 0,1,2')
  })
})

describe('leaving', () => {
  test('revokes the partitions, then leaves; a second call returns the same promise', async () => {
    const group = await new Group().stable()
    expect(group.leave()).toBe(group.leave())
    await group.leave()
    expect(group.calls).toEqual(['revoked 0,1,2'])
    expect(group.apis()).toBe('LeaveGroup')
    expect(group.cluster.sent[0]).toMatchObject({
      purpose: 'general',
      body: { members: [{ memberId: 'm-1', reason: 'test' }] },
    })
    expect(group.membership.state).toBe('left')
  })

  test('a static member stays in the group, unless `always` is set', async () => {
    const group = await new Group({ instanceId: 'i-1' }).stable()
    await group.leave()
    expect(group.apis()).toBe('')
    const other = await new Group({ instanceId: 'i-1' }).stable()
    await other.membership.leave({ timeoutMs: 1_000, reason: 'stuck', always: true })
    expect(other.cluster.bodies('LeaveGroup')[0]).toMatchObject({ members: [{ groupInstanceId: 'i-1' }] })
  })

  test.each(['JoinGroup', 'SyncGroup'])('does not wait for a %s that the broker holds', async (api) => {
    const group = new Group()
    group.cluster.responses.set(api, never)
    group.membership.start()
    await settle()
    await group.leave()
    expect(group.membership.state).toBe('left')
  })

  test('ends at its deadline when a hook hangs', async () => {
    const group = await new Group().stable()
    group.revoking = () => new Promise(() => {})
    const left = group.leave()
    await group.cluster.runtime.advance(5_000)
    await left
    expect(group.membership.state).toBe('left')
  })

  test('does not fail when the coordinator is gone', async () => {
    const group = await new Group().stable()
    group.cluster.responses.set('LeaveGroup', failed(true))
    await group.leave()
    expect(group.membership.state).toBe('left')
  })

  test('sends nothing when the membership was never started', async () => {
    const group = new Group()
    await group.leave()
    expect(group.apis()).toBe('')
  })
})
