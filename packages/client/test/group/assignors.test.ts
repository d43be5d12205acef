import { AlterPartitionReassignments, Heartbeat, JoinGroup, LeaveGroup } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import { encodeAssignment } from '../../src/group/consumer-protocol.ts'
import type { AssignContext, AssignedContext, Assignor, RawAssignor, TopicPartition } from '../../src/index.ts'
import { withGroup } from '../support/group.ts'
import { at, subscriptionOf } from '../support/group-member.ts'
import { Member } from '../support/member.ts'
import { onTestkit } from '../support/on-testkit.ts'

const text = (bytes: Uint8Array | null) => (bytes === null ? '-' : Buffer.from(bytes).toString())
const all = ({ members, topics }: AssignContext) => {
  const own = [...topics].flatMap(([topic, { partitionCount }]) =>
    Array.from({ length: partitionCount }, (_, partition) => ({ topic, partition })),
  )
  return new Map([[members[0]!.memberId, own]])
}
/** Gives everything to the first member. */
const first: Assignor = { name: 'mine', protocol: 'eager', assign: all }

describe('an assignor of the application', () => {
  test('receives the user data of all members, and sends some to each', () =>
    withGroup(async (group) => {
      const contexts: AssignContext[] = []
      const received: string[] = []
      const weighted = (weight: number): Assignor => ({
        name: 'weighted',
        protocol: 'eager',
        userData: async ({ topics, generation }) => Buffer.from(`${weight} ${topics} ${generation}`),
        async assign(context) {
          contexts.push(context)
          const { members } = context
          const heaviest = members.toSorted((a, b) => text(b.userData).localeCompare(text(a.userData)))
          const partitions = [at(0), at(1), at(2)]
          return new Map(
            heaviest.map(({ memberId, userData }, i) => {
              const note = Buffer.from(`rank ${i} for ${text(userData)}`)
              return [memberId, { partitions: i === 0 ? partitions : [], userData: note }]
            }),
          )
        },
        onAssigned({ partitions, userData, isLeader }: AssignedContext) {
          received.push(`${weight}: ${partitions.length} ${text(userData)}${isLeader ? ' leader' : ''}`)
        },
      })
      const light = await group.stable({ assignors: [weighted(1)], rack: 'a' })
      expect(received).toEqual(['1: 3 rank 0 for 1 t -1 leader'])
      received.length = 0
      const heavy = group.other({ assignors: [weighted(5)], instanceId: 'static-5' })
      heavy.membership.start()
      await group.untilStable(heavy)
      expect(received.sort()).toEqual(['1: 0 rank 1 for 1 t 1 leader', '5: 3 rank 0 for 5 t -1'])
      expect(heavy.calls.at(-1)).toBe('rebalanced 2 +0,1,2 -')
      const last = contexts.at(-1)!
      const { memberId } = light.membership.identity
      expect(last).toMatchObject({ groupId: 'g', generation: 2, leaderId: memberId })
      expect([...last.topics]).toEqual([['t', { partitionCount: 3, racks: [] }]])
      const known = last.members.find((member) => member.memberId === memberId)
      expect(known).toMatchObject({ instanceId: null, rack: 'a', topics: ['t'], owned: [], generation: 1 })
      expect(last.members.map(({ instanceId }) => instanceId).sort()).toEqual([null, 'static-5'].sort())
    }))

  test('may take longer than the session: the leader sends heartbeats meanwhile', () =>
    withGroup(async (group, scenario) => {
      let finish = () => {}
      const assign = async (context: AssignContext) => {
        await new Promise<void>((resolve) => (finish = resolve))
        return all(context)
      }
      const member = group.member({ assignors: [{ ...first, assign }] })
      member.membership.start()
      await scenario.advance('40s')
      expect(member.membership.state).toBe('joining')
      expect(group.requests(Heartbeat).length).toBeGreaterThan(8)
      finish()
      await group.untilStable(member)
      expect(member.calls).toEqual(['assigned 0,1,2', 'rebalanced 1 +0,1,2 -'])
    }))

  test('that never finishes ends the membership after the rebalance timeout, and another member takes over', () =>
    withGroup(async (group, scenario) => {
      let signal: AbortSignal | undefined
      const assign = (context: AssignContext) => {
        signal = context.signal
        return new Promise<never>(() => {})
      }
      const member = group.member({ assignors: [{ ...first, assign }] })
      member.membership.start()
      await scenario.advance('59s')
      const other = group.other({ assignors: [first] })
      other.membership.start()
      expect(signal?.aborted).toBe(false)
      await scenario.advance('2s')
      expect(member.fatal).toMatchObject({ code: 'ASSIGNOR_FAILED', fatal: true })
      expect(member.fatal?.message).toBe("The assignor 'mine' did not finish within 60000 ms (rebalanceTimeoutMs)")
      expect(signal?.aborted).toBe(true)
      await member.leave()
      await group.untilStable(other)
      expect(other.calls.at(-1)).toMatch(/^rebalanced \d \+0,1,2 -$/)
    }))

  test('is informed when the membership is lost while it assigns', () =>
    withGroup(async (group, scenario) => {
      const signals: AbortSignal[] = []
      const assign = (context: AssignContext) => {
        signals.push(context.signal)
        return signals.length === 1 ? new Promise<never>(() => {}) : all(context)
      }
      const member = group.member({ assignors: [{ ...first, assign }] })
      member.membership.start()
      await scenario.advance('1s')
      scenario.fault('Heartbeat', { error: 'UNKNOWN_MEMBER_ID' }, 'once')
      await scenario.advance('5s')
      expect(signals[0]?.aborted).toBe(true)
      await group.untilStable(member)
      expect(member.fatal).toBeUndefined()
    }))

  const one = (place: Partial<TopicPartition>) => (context: AssignContext) =>
    new Map([[context.leaderId, [place as TopicPartition]]])
  const wrong: [string, Assignor['assign'], RegExp][] = [
    ['to no member', () => new Map([['who', [at(0)]]]), /it assigned partitions to 'who', which is no member/],
    ['a foreign topic', one(at(0, 'u')), /it assigned topic 'u' to member '.*', which does not subscribe to it/],
    ['a missing partition', one(at(3)), /it assigned topic 't', partition 3, but the topic has 3 partitions/],
    ['a negative partition', one(at(-1)), /partition -1, but the topic has 3 partitions/],
    ['no partition', one({ topic: 't' }), /assignment of member '.*' contains no \{ topic, partition \}/],
    [
      'a partition twice',
      ({ leaderId }) => new Map([[leaderId, [at(1), at(1)]]]),
      /it assigned topic 't', partition 1 twice/,
    ],
    ['an object', (() => ({})) as never, /assign\(\) must return a Map from member ids to assignments/],
    ['text', ({ leaderId }) => new Map([[leaderId, 'all' as never]]), /neither a list of partitions nor/],
    [
      'text as user data',
      ({ leaderId }) => new Map([[leaderId, { partitions: [], userData: 'x' as never }]]),
      /its user data for member '.*' is no Uint8Array/,
    ],
  ]
  test.each(wrong)('that assigns %s fails its member alone: the group continues', (_, assign, message) =>
    withGroup(async (group, scenario) => {
      const member = group.member({ assignors: [{ ...first, assign }] })
      member.membership.start()
      await scenario.advance('1s')
      expect(member.fatal).toMatchObject({ code: 'ASSIGNOR_FAILED', fatal: true, cause: expect.any(TypeError) })
      expect(member.fatal?.message).toMatch(message)
      await member.leave()
      expect(group.requests(LeaveGroup)).toHaveLength(1)
      const other = group.other({ assignors: [first] })
      other.membership.start()
      await group.untilStable(other)
      expect(other.calls.at(-1)).toMatch(/\+0,1,2/)
    }),
  )

  test('that assigns a topic that does not exist fails', () =>
    withGroup(async (group, scenario) => {
      const member = group.member({ assignors: [{ ...first, assign: one(at(0, 'missing')) }] })
      member.topics = ['t', 'missing']
      member.membership.start()
      await scenario.advance('1s')
      expect(member.fatal?.message).toMatch(/it assigned topic 'missing', which does not exist/)
    }))

  test('that is cooperative may not assign what another member still owns', () =>
    withGroup(async (group, scenario) => {
      const last: Assignor = {
        name: 'last',
        protocol: 'cooperative',
        assign: ({ members }) => new Map([[members.find(({ owned }) => owned.length === 0)!.memberId, [at(0)]]]),
      }
      const member = await group.stable({ assignors: [last] })
      const other = group.other({ assignors: [last] })
      other.membership.start()
      await scenario.advance('5s')
      expect(member.fatal).toMatchObject({
        message: expect.stringMatching(
          /its protocol is 'cooperative', but it assigned topic 't', partition 0 while member '.*' still owns it/,
        ),
      })
    }))

  test('whose onAssigned throws ends the membership, without a call of the hooks', () =>
    withGroup(async (group, scenario) => {
      const onAssigned = () => {
        throw new RangeError('too many')
      }
      const member = group.member({ assignors: [{ ...first, onAssigned }] })
      member.membership.start()
      await scenario.advance('1s')
      expect(member.fatal).toMatchObject({ code: 'ASSIGNOR_FAILED', message: "The assignor 'mine' failed: too many" })
      expect(member.calls).toEqual(['fatal ASSIGNOR_FAILED'])
    }))

  test.each([
    [{ ...first, protocol: 'lazy' }, /whose 'protocol' must be 'eager' or 'cooperative', not a string/],
    [{ ...first, name: '' }, /whose 'name' must be a string/],
    [{ ...first, assign: undefined }, /whose 'assign' must be a function, not undefined/],
    [{ ...first, userData: Buffer.from('x') }, /whose 'userData' must be a function, not an object/],
    [{ ...first, raw: true }, /whose 'metadata' must be a function, not undefined/],
    [{ ...first, onAssignment: () => {} }, /'assignors.onAssignment' of kafka.consumer\(\) does not exist/],
  ])('with a mistake is refused: %o', (assignor, message) =>
    onTestkit({}, async ({ kafka }) => {
      const options = { groupId: 'g', topics: 't', assignors: [assignor as never] }
      expect(() => kafka.consumer(options)).toThrow(message)
    }),
  )
})

describe('a raw assignor', () => {
  const raw: RawAssignor = {
    raw: true,
    name: 'bytes',
    protocol: 'eager',
    metadata: ({ topics }) => Buffer.from(`mine: ${topics}`),
    assign: ({ members }) => new Map([[members[0]!.memberId, encodeAssignment([at(0), at(2)])]]),
  }

  test('writes and reads the bytes of the protocol, and looks up the topics of other members', () =>
    withGroup(async (group) => {
      const seen: unknown[] = []
      const assign: RawAssignor['assign'] = async ({ members, subscribedTopics, topics, lookUp, leaderId }) => {
        const others = await lookUp(['u', 'missing'])
        seen.push(
          members.map(({ metadata }) => text(metadata)),
          subscribedTopics,
          [...topics.keys()],
          [...others.keys()],
        )
        return new Map([[leaderId, encodeAssignment([at(0), at(2)], Buffer.from('note'))]])
      }
      const received: unknown[] = []
      const onAssigned: RawAssignor['onAssigned'] = ({ partitions, userData, assignment }) => {
        received.push(partitions, text(userData), assignment.length)
      }
      const member = group.member({ assignors: [{ ...raw, assign, onAssigned }] })
      member.counts.set('u', 1)
      member.membership.start()
      await group.untilStable(member)
      expect(text(group.requests(JoinGroup).at(-1)!.body.protocols[0]!.metadata)).toBe('mine: t')
      expect(seen).toEqual([['mine: t'], ['t'], ['t'], ['u']])
      expect(received).toEqual([[at(0), at(2)], 'note', encodeAssignment([at(0), at(2)], Buffer.from('note')).length])
      expect(member.calls).toEqual(['assigned 0,2', 'rebalanced 1 +0,2 -'])
      // What it looked up counts: another number of partitions means another assignment.
      member.counts.set('u', 2)
      member.membership.metadataChanged()
      expect(member.reasons.at(-1)).toBe("the number of partitions of topic 'u' changed")
    }))

  test.each<[string, Partial<RawAssignor>, RegExp]>([
    ['no bytes', { assign: ({ leaderId }) => new Map([[leaderId, 'x' as never]]) }, /is no Uint8Array/],
    ['other bytes', { assign: ({ leaderId }) => new Map([[leaderId, Buffer.from('x')]]) }, /is not in Kafka's format/],
    ['no metadata', { metadata: () => undefined as never }, /metadata\(\) must return a Uint8Array/],
    ['a stranger', { assign: () => new Map([['who', encodeAssignment([])]]) }, /which is no member of the group/],
  ])('that returns %s is ASSIGNOR_FAILED', (_, functions, message) =>
    withGroup(async (group, scenario) => {
      const member = group.member({ assignors: [{ ...raw, ...functions }] })
      member.membership.start()
      await scenario.advance('1s')
      expect(member.fatal).toMatchObject({ code: 'ASSIGNOR_FAILED' })
      expect(member.fatal?.message).toMatch(message)
    }),
  )

  test('that assigns a partition to two members is ASSIGNOR_FAILED', () =>
    withGroup(async (group, scenario) => {
      const assign: RawAssignor['assign'] = ({ members }) =>
        new Map(members.map(({ memberId }) => [memberId, encodeAssignment([at(1)])]))
      const member = await group.stable({ assignors: [{ ...raw, assign }] })
      const other = group.other({ assignors: [raw] })
      other.membership.start()
      await scenario.advance('5s')
      expect(member.fatal?.message).toMatch(/it assigned topic 't', partition 1 twice/)
    }))
})

describe('sticky', () => {
  test('members keep in the next generation what they had, although they give it up to join', () =>
    onTestkit({ topics: { t: 6 } }, async (scenario) => {
      const join = () => new Member(scenario.kafka, { groupId: 'g', topics: 't', assignors: ['sticky'] })
      const held = (members: readonly Member[]) => members.map(({ assigned = [] }) => assigned.join())
      const settle = async (members: readonly Member[], counts: string) => {
        const sizes = () => members.map(({ assigned = [] }) => assigned.length).join()
        for (let tries = 0; sizes() !== counts && tries < 200; tries++) await scenario.advance(100)
        expect(sizes()).toBe(counts)
      }
      const [a, b] = [join(), join()]
      await settle([a, b], '3,3')
      const before = held([a, b])
      const c = join()
      await settle([a, b, c], '2,2,2')
      for (const [i, list] of held([a, b]).entries()) {
        for (const partition of list.split(',')) expect(before[i]).toContain(partition)
      }
      const two = held([a, b])
      await c.leave()
      await settle([a, b], '3,3')
      for (const [i, list] of held([a, b]).entries()) {
        for (const partition of two[i]!.split(',')) expect(list).toContain(partition)
      }
      await Promise.all([a.leave(), b.leave()])
    }))
})

describe('racks', () => {
  test.each(['range', 'sticky', 'cooperative-sticky'] as const)(
    '%s gives members the partitions with a replica in their rack',
    (assignor) =>
      onTestkit({ topics: { t: 6 }, brokers: 2, racks: ['a', 'b'], replicationFactor: 1 }, async (scenario) => {
        const join = (rack: string) =>
          new Member(scenario.kafka, { groupId: 'g', topics: 't', assignors: [assignor], rack })
        const members = [join('a'), join('b')] as const
        const sizes = () => members.map(({ assigned = [] }) => assigned.length).join()
        for (let tries = 0; sizes() !== '3,3' && tries < 200; tries++) await scenario.advance(100)
        const admin = scenario.kafka.admin()
        const [description] = await admin.describeTopics(['t'])
        for (const [i, member] of members.entries()) {
          const local = description!.partitions.filter(({ replicas }) => replicas.includes(i + 1))
          expect(member.assigned).toEqual(local.map(({ partition }) => partition))
        }
        expect(subscriptionOf(scenario.seen(JoinGroup)[0]!)).toMatchObject({ rack: expect.stringMatching(/[ab]/) })
        await admin.close()
        await Promise.all(members.map((member) => member.leave()))
      }),
  )
})

describe('changed racks', () => {
  const rejoinsWith = (rack: string | undefined) =>
    onTestkit({ topics: { t: 1 }, brokers: 2, racks: ['a', 'b'], replicationFactor: 1 }, async (scenario) => {
      const member = new Member(scenario.kafka, { groupId: 'g', topics: 't', rack })
      await scenario.advance('1s')
      const admin = scenario.kafka.admin()
      const [before] = await admin.describeTopics(['t'])
      const other = before!.partitions[0]!.replicas[0] === 1 ? 2 : 1
      await scenario.request(AlterPartitionReassignments, {
        timeoutMs: 5_000,
        topics: [{ name: 't', partitions: [{ partitionIndex: 0, replicas: [other] }] }],
      })
      await scenario.advance('10m')
      const { generation } = member.consumer.groupMetadata()
      await admin.close()
      await member.leave()
      return generation
    })

  test('make a leader with a rack assign again', async () => {
    expect(await rejoinsWith('a')).toBe(2)
  })

  test('make no difference to one without', async () => {
    expect(await rejoinsWith(undefined)).toBe(1)
  })
})

describe('rejoin', () => {
  test('of the leader makes the group assign again, with the reason of the application', () =>
    onTestkit({ topics: { t: 4 } }, async (scenario) => {
      const loads: string[] = []
      const assignor: Assignor = {
        ...first,
        userData: () => Buffer.from(`load ${loads.length}`),
        assign: (context) => {
          loads.push(context.members.map(({ userData }) => text(userData)).join())
          return all(context)
        },
      }
      const member = new Member(scenario.kafka, { groupId: 'g', topics: 't', assignors: [assignor] })
      const { consumer } = member
      const reasons: string[] = []
      consumer.on('rebalancing', ({ groupId, reason }) => reasons.push(`${groupId}: ${reason}`))
      await scenario.advance('1s')
      const { memberId } = consumer.groupMetadata()
      expect(consumer.status()).toEqual({
        membership: 'stable',
        rebalancing: false,
        isLeader: true,
        leaderId: memberId,
      })
      consumer.rejoin({ reason: 'x'.repeat(300) })
      consumer.rejoin({ reason: 'the second one' })
      expect(consumer.status()).toMatchObject({ rebalancing: true, isLeader: true })
      await scenario.advance('1s')
      expect(consumer.status()).toMatchObject({ rebalancing: false, isLeader: true })
      expect(loads).toEqual(['load 0', 'load 1'])
      expect(scenario.seen(JoinGroup).at(-1)!.body.reason).toBe('x'.repeat(255))
      expect(consumer.groupMetadata().generation).toBe(2)
      expect(reasons).toEqual(['g: first join', `g: ${'x'.repeat(255)}`])
      await member.leave()
      expect(consumer.status()).toMatchObject({ membership: 'left', rebalancing: false, isLeader: false })
      expect(() => consumer.rejoin()).toThrow(expect.objectContaining({ code: 'CLOSED' }))
    }))

  test('of another member makes the group assign again too', () =>
    onTestkit({ topics: { t: 4 } }, async (scenario) => {
      const join = () => new Member(scenario.kafka, { groupId: 'g', topics: 't', assignors: [first] })
      const leader = join()
      await scenario.advance('1s')
      const follower = join()
      await scenario.advance('8s')
      const { memberId: leaderId, generation } = leader.consumer.groupMetadata()
      expect(follower.consumer.status()).toMatchObject({ isLeader: false, leaderId })
      follower.consumer.rejoin()
      await scenario.advance('8s')
      expect(follower.consumer.groupMetadata().generation).toBe(generation + 1)
      expect(leader.consumer.groupMetadata().generation).toBe(generation + 1)
      expect(scenario.seen(JoinGroup).map(({ body }) => body.reason)).toContain('the application called rejoin()')
      await Promise.all([leader.leave(), follower.leave()])
    }))

  test('is refused without membership, and with options that do not exist', () =>
    onTestkit({ topics: { t: 1 } }, async (scenario) => {
      const consumer = scenario.kafka.consumer({ assign: [{ topic: 't', partition: 0 }] })
      expect(() => consumer.rejoin()).toThrow(/no member of a group/)
      expect(consumer.status()).toMatchObject({ membership: 'none', rebalancing: false })
      expect(() => consumer.rejoin({ why: 'x' } as never)).toThrow(/'why' of consumer.rejoin\(\) does not exist/)
      expect(() => consumer.rejoin({ reason: 1 as never })).toThrow(/'reason' of consumer.rejoin\(\) must be a string/)
      await consumer.close()
    }))
})
