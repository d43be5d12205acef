import { ConsumerGroupHeartbeat, OffsetCommit, OffsetFetch } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import type { ConsumerOptions, KafkaError } from '../../src/index.ts'
import { re2 } from '../../src/index.ts'
import { Member } from '../support/member.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i)
const sorted = (values: readonly string[]) => values.toSorted((a, b) => Number(a) - Number(b))

class Group {
  readonly scenario: Scenario

  constructor(scenario: Scenario) {
    this.scenario = scenario
  }

  member(options: Partial<ConsumerOptions> = {}, handle?: ConstructorParameters<typeof Member>[2]): Member {
    return new Member(this.scenario.kafka, { groupId: 'g', topics: 't', protocol: 'consumer', ...options }, handle)
  }

  /** Members with these numbers of partitions; with 'in any order' whichever of them has more. */
  async share(members: readonly Member[], counts: readonly number[], order?: 'in any order'): Promise<void> {
    const held = () => {
      const sizes = members.map(({ assigned }) => assigned?.length)
      return (order === undefined ? sizes : sizes.sort()).join()
    }
    for (let tries = 0; held() !== counts.join() && tries < 600; tries++) await this.scenario.advance(100)
    expect(held()).toBe(counts.join())
    expect(new Set(members.flatMap(({ assigned }) => assigned)).size).toBe(counts.reduce((sum, n) => sum + n, 0))
  }

  async produce(from: number, count: number, partitions = 4): Promise<void> {
    const producer = this.scenario.kafka.producer()
    await producer.send(
      numbers(count).map((i) => ({ topic: 't', partition: (from + i) % partitions, value: `${from + i}` })),
    )
    await producer.close()
  }

  beats() {
    return this.scenario.seen(ConsumerGroupHeartbeat)
  }

  commits() {
    return this.scenario.seen(OffsetCommit)
  }
}

const onGroup = (play: (group: Group, scenario: Scenario) => Promise<void>, options = {}) =>
  onTestkit({ topics: { t: 4 }, ...options }, (scenario) => play(new Group(scenario), scenario))

describe('a member', () => {
  test('reports everything when it joins, then only what changed, at the interval of the brokers, and says that it leaves', () =>
    onGroup(async (group, scenario) => {
      const member = group.member({ rack: 'a', remoteAssignor: 'range', rebalanceTimeoutMs: 60_000 })
      await group.share([member], [4])
      await scenario.advance('20s')
      await member.leave()
      const [join, ack, ...rest] = group.beats().map(({ body }) => body)
      expect(join).toMatchObject({
        memberEpoch: 0,
        rackId: 'a',
        serverAssignor: 'range',
        rebalanceTimeoutMs: 60_000,
        subscribedTopicNames: ['t'],
        topicPartitions: [],
      })
      expect(join!.memberId).toMatch(/^[\w-]{22}$/)
      expect(ack).toMatchObject({ memberId: join!.memberId, rackId: null, subscribedTopicNames: null })
      expect(ack!.topicPartitions).toMatchObject([{ partitions: [0, 1, 2, 3] }])
      const beats = rest.slice(0, -1)
      expect(beats.length).toBeGreaterThanOrEqual(3)
      expect(beats.length).toBeLessThanOrEqual(6)
      for (const beat of beats) expect(beat).toMatchObject({ topicPartitions: null, subscribedTopicNames: null })
      expect(rest.at(-1)).toMatchObject({ memberEpoch: -1, memberId: join!.memberId })
    }))

  test('gives partitions up to another one: commits, reports, and only then does the other one receive them', () =>
    onGroup(async (group, scenario) => {
      await group.produce(0, 40)
      const first = group.member({ commit: { intervalMs: 60_000 } })
      await group.share([first], [4])
      await scenario.advance('1s')
      expect(group.commits().flatMap(({ body }) => body.topics).length).toBeLessThanOrEqual(1)
      const second = group.member()
      await group.share([first, second], [2, 2])
      const freed = group.beats().find(({ body }) => body.topicPartitions?.[0]?.partitions.length === 2)!
      const stored = group.commits().filter(({ sequence }) => sequence < freed.sequence)
      const committed = new Map(
        stored.flatMap(({ body }) =>
          body.topics.flatMap(({ partitions }) =>
            partitions.map(({ partitionIndex, committedOffset }) => [partitionIndex, committedOffset] as const),
          ),
        ),
      )
      for (const partition of second.assigned!) expect(committed.get(partition)).toBe(10n)
      await group.produce(40, 40)
      await scenario.advance('1s')
      expect(sorted([...first.values, ...second.values])).toEqual(numbers(80).map(String))
      await first.leave()
      await group.share([second], [4])
      await second.leave()
    }))

  test('keeps heartbeats going while a hook runs, and gives nothing up before it has ended', () =>
    onGroup(async (group, scenario) => {
      let finish = () => {}
      const onRevoked = () => new Promise<void>((resolve) => (finish = resolve))
      const first = group.member({ onRevoked })
      await group.share([first], [4])
      const second = group.member()
      await scenario.advance('30s')
      expect(second.assigned).toEqual([])
      expect(first.consumer.assignment()).toHaveLength(4)
      const before = group.beats().length
      await scenario.advance('20s')
      expect(group.beats().length - before).toBeGreaterThan(6)
      finish()
      await group.share([first, second], [2, 2])
      const left = first.leave()
      await scenario.advance(100)
      finish()
      await left
      await second.leave()
    }))

  test.each(['FENCED_MEMBER_EPOCH', 'UNKNOWN_MEMBER_ID'] as const)(
    'loses its partitions by %s, joins again under its id, and resumes from the commits',
    (error) =>
      onGroup(async (group, scenario) => {
        await group.produce(0, 40)
        const lost: number[] = []
        const member = group.member({ onLost: (partitions) => void lost.push(partitions.length) })
        await group.share([member], [4])
        await scenario.advance('8s')
        const { memberId } = group.beats()[0]!.body
        scenario.fault('ConsumerGroupHeartbeat', { error }, 'once')
        await scenario.advance('6s')
        expect(lost).toEqual([4])
        await group.share([member], [4])
        const joins = group.beats().filter(({ body }) => body.memberEpoch === 0)
        expect(joins.map(({ body }) => body.memberId)).toEqual([memberId, memberId])
        await group.produce(40, 20)
        await scenario.advance('1s')
        expect(sorted(member.values)).toEqual(numbers(60).map(String))
        await member.leave()
      }),
  )

  test('loses its partitions when no heartbeat has a response for a session', () =>
    onGroup(async (group, scenario) => {
      let losses = 0
      const member = group.member({ sessionTimeoutMs: 10_000, onLost: () => void losses++ })
      await group.share([member], [4])
      const fault = scenario.fault('ConsumerGroupHeartbeat', 'dropResponse')
      await scenario.advance('9s')
      expect(losses).toBe(0)
      await scenario.advance('6s')
      expect(losses).toBe(1)
      fault.remove()
      await scenario.advance('60s')
      await group.share([member], [4])
      await member.leave()
    }))

  test('reports everything again after a heartbeat without a response, and keeps its partitions', () =>
    onGroup(async (group, scenario) => {
      const member = group.member({ onLost: () => expect.unreachable() })
      await group.share([member], [4])
      for (let at = 0; at < 3; at++) {
        scenario.fault('ConsumerGroupHeartbeat', 'closeAfterWork', 'once')
        const other = group.member()
        await group.share([member, other], [2, 2])
        const rebalances = member.assignments.length
        scenario.fault('ConsumerGroupHeartbeat', 'closeAfterWork', 'once')
        await scenario.advance('6s')
        expect(member.assignments, 'an assignment that is repeated is no rebalance').toHaveLength(rebalances)
        await other.leave()
        await group.share([member], [4])
      }
      const full = group.beats().filter(({ body }) => body.memberEpoch > 0 && body.rebalanceTimeoutMs > 0)
      expect(full.length).toBeGreaterThanOrEqual(3)
      for (const { body } of full) expect(body).toMatchObject({ subscribedTopicNames: ['t'] })
      for (const { body } of full) expect(body.topicPartitions).not.toBeNull()
      await member.leave()
    }))

  test('that closes before the response to its join says that it leaves: the others do not wait for its session', () =>
    onGroup(async (group, scenario) => {
      scenario.fault('ConsumerGroupHeartbeat', 'dropResponse', 'once')
      const first = group.member()
      await scenario.advance('1s')
      await first.leave()
      expect(group.beats().map(({ body }) => body.memberEpoch)).toEqual([0, -1])
      const second = group.member()
      await scenario.advance('1s')
      expect(second.assigned).toHaveLength(4)
      await second.leave()
    }))

  test('keeps its partitions when the coordinator moves', () =>
    onGroup(
      async (group, scenario) => {
        const { cluster } = scenario
        const member = group.member({ onLost: () => expect.unreachable() })
        await group.share([member], [4])
        await group.produce(0, 40)
        for (const id of [1, 2, 3]) {
          await cluster.broker(id).kill()
          await scenario.advance('15s')
          await cluster.broker(id).restart()
          await scenario.advance('10s')
        }
        await group.produce(40, 40)
        await scenario.advance('5s')
        expect(member.consumer.assignment()).toHaveLength(4)
        expect(sorted(member.values)).toEqual(numbers(80).map(String))
        await member.leave()
      },
      { brokers: 3, replicationFactor: 3 },
    ))
})

describe('the member epoch', () => {
  test('of a commit that is stale is read again, and the commit is stored', () =>
    onGroup(async (group, scenario) => {
      await group.produce(0, 40)
      const failures: KafkaError[] = []
      const member = group.member({ commit: { intervalMs: 200 }, onLost: () => expect.unreachable() })
      member.consumer.on('commitFailed', ({ error }) => failures.push(error))
      await group.share([member], [4])
      scenario.fault('OffsetCommit', { error: 'STALE_MEMBER_EPOCH' }, 'once')
      // Another member changes the epoch.
      const other = group.member()
      await group.produce(40, 40)
      await group.share([member, other], [2, 2])
      await scenario.advance('5s')
      await member.leave()
      await other.leave()
      expect(failures).toEqual([])
      const [, stale, next] = group.commits()
      const between = ({ sequence }: { sequence: number }) => sequence > stale!.sequence && sequence < next!.sequence
      expect(group.beats().filter(between), 'the epoch is read again before the commit is').not.toEqual([])
      const again = new Member(scenario.kafka, { groupId: 'g', topics: 't', protocol: 'consumer' })
      await group.share([again], [4])
      await scenario.advance('1s')
      expect(again.values).toEqual([])
      await again.leave()
    }))

  test('that is the same after its rejection lets automatic commits continue', () =>
    onGroup(async (group, scenario) => {
      const member = group.member({ commit: { intervalMs: 200 } })
      await group.share([member], [4])
      await scenario.advance('1s')
      scenario.fault('OffsetCommit', { error: 'STALE_MEMBER_EPOCH' }, 'once')
      await group.produce(0, 40)
      await scenario.advance('10s')
      const offsets = group.commits().flatMap(({ body }) => body.topics.flatMap(({ partitions }) => partitions))
      expect(member.values.length).toBe(40)
      const latest = new Map(offsets.map(({ partitionIndex, committedOffset }) => [partitionIndex, committedOffset]))
      expect([...latest.values()], 'each partition, without another rebalance').toEqual([10n, 10n, 10n, 10n])
      expect(group.commits().length).toBeGreaterThanOrEqual(3)
      await member.leave()
    }))

  test('is in the look-up of commits, and a stale one is looked up again', () =>
    onGroup(async (group, scenario) => {
      scenario.fault('OffsetFetch', { error: 'STALE_MEMBER_EPOCH' }, 'once')
      const member = group.member()
      await group.share([member], [4])
      const { memberId } = group.beats()[0]!.body
      const fetched = scenario.seen(OffsetFetch).map(({ body }) => body.groups[0])
      expect(fetched.length).toBeGreaterThanOrEqual(2)
      for (const of of fetched) expect(of).toMatchObject({ memberId })
      for (const of of fetched) expect(of!.memberEpoch).toBeGreaterThan(0)
      await member.leave()
    }))
})

describe('a static member', () => {
  test('that restarts keeps its partitions, and no other member notices', () =>
    onGroup(async (group, scenario) => {
      const restarting = group.member({ instanceId: 'a' })
      const other = group.member({ instanceId: 'b' })
      await group.share([restarting, other], [2, 2])
      const { assigned } = restarting
      const rebalances = other.assignments.length
      await restarting.leave()
      expect(group.beats().at(-1)!.body).toMatchObject({ memberEpoch: -2, instanceId: 'a' })
      await scenario.advance('10s')
      const again = group.member({ instanceId: 'a' })
      await group.share([again], [2])
      expect(again.assigned).toEqual(assigned)
      expect(other.assignments).toHaveLength(rebalances)
      await again.leave()
      await other.leave()
    }))

  test('whose instance id is in use waits for the end of that session, then fails with a hint', () =>
    onGroup(async (group, scenario) => {
      const first = group.member({ instanceId: 'a' })
      await group.share([first], [4])
      const second = group.member({ instanceId: 'a', sessionTimeoutMs: 20_000 })
      await scenario.advance('15s')
      expect(second.assigned).toBeUndefined()
      await scenario.advance('10s')
      await expect(second.running).rejects.toMatchObject({ code: 'UNRELEASED_INSTANCE_ID', fatal: true })
      await expect(second.running).rejects.toThrow(/instance id 'a'/)
      expect(first.consumer.assignment()).toHaveLength(4)
      await first.leave()
    }))
})

describe('topics', () => {
  test('with more partitions, and created again, are read', () =>
    onGroup(async (group, scenario) => {
      const member = group.member()
      await group.share([member], [4])
      await scenario.kafka.admin().createPartitions({ t: 6 })
      await group.share([member], [6])
      await group.produce(0, 60, 6)
      await scenario.advance('2s')
      expect(sorted(member.values)).toEqual(numbers(60).map(String))
      await scenario.deleteTopic('t')
      await scenario.advance('10s')
      await scenario.cluster.createTopic({ name: 't', partitions: 2, replicationFactor: 1 })
      await group.share([member], [2])
      await group.produce(60, 20, 2)
      await scenario.advance('2s')
      expect(sorted(member.values)).toEqual(numbers(80).map(String))
      await member.leave()
    }))

  test('of re2() patterns are matched by the brokers, later ones are read from their start, and older ones are not', () =>
    onGroup(
      async (group, scenario) => {
        const producer = scenario.kafka.producer()
        await producer.send({ topic: 'eu.orders', value: 'old' })
        const member = group.member({ topics: [re2('eu[.].*'), re2('us')], offsetReset: 'latest' })
        await group.share([member], [1])
        await scenario.cluster.createTopic({ name: 'eu.later', partitions: 1, replicationFactor: 1 })
        await scenario.cluster.createTopic({ name: 'us-east', partitions: 1, replicationFactor: 1 })
        await producer.send({ topic: 'eu.later', value: 'from the start' })
        await scenario.advance('20m')
        await producer.send({ topic: 'eu.orders', value: 'new' })
        await scenario.advance('2s')
        expect(member.values.toSorted()).toEqual(['from the start', 'new'])
        expect(group.beats()[0]!.body.subscribedTopicRegex).toBe('(?:eu[.].*)|(?:us)')
        await member.leave()
      },
      { topics: { 'eu.orders': 1, other: 1 } },
    ))
})

describe('protocols', () => {
  test.each([
    { as: '4.3', used: 'consumer' },
    { as: '3.9', used: 'classic' },
  ] as const)("'auto' uses $used with Kafka $as", ({ as, used }) =>
    onGroup(
      async (group) => {
        const member = group.member({ protocol: 'auto' })
        await group.share([member], [4])
        expect(group.beats().length > 0).toBe(used === 'consumer')
        await member.leave()
      },
      { as },
    ),
  )

  test("'consumer' with brokers that lack it fails with a hint", () =>
    onGroup(
      async (group, scenario) => {
        const member = group.member()
        await scenario.advance('10s')
        const failed = expect(member.running).rejects
        await failed.toMatchObject({ code: 'UNSUPPORTED_VERSION', fatal: true, hint: /KIP-848.*'classic' or 'auto'/ })
      },
      { as: '3.9' },
    ))

  const refusals: [string, Partial<ConsumerOptions>, string, RegExp, RegExp][] = [
    [
      'an assignor that the brokers lack',
      { remoteAssignor: 'best' },
      'UNSUPPORTED_ASSIGNOR',
      /^Group membership failed \(group 'g', .*\): UNSUPPORTED_ASSIGNOR, .*best/,
      /`remoteAssignor` that the brokers have/,
    ],
    [
      'a pattern that is no RE2',
      { topics: re2('a(b') },
      'INVALID_REGULAR_EXPRESSION',
      /^Group membership failed \(group 'g', .*\): INVALID_REGULAR_EXPRESSION, .*a\(b/,
      /Correct the pattern of re2\(\)/,
    ],
  ]
  test.each(refusals)('%s fails the member with a clear error', (_, options, code, message, hint) =>
    onGroup(async (group, scenario) => {
      const member = group.member(options)
      const failed = expect(member.running).rejects.toMatchObject({
        ...{ code, fatal: true, retriable: false },
        message: expect.stringMatching(message),
        hint: expect.stringMatching(hint),
      })
      await scenario.advance('1s')
      await failed
      expect(group.beats(), 'it is not repeated').toHaveLength(1)
    }),
  )

  test('a full group refuses one more member with a clear error, and the others keep their partitions', () =>
    onGroup(
      async (group, scenario) => {
        const first = group.member()
        await group.share([first], [4])
        const second = group.member()
        const failed = expect(second.running).rejects.toMatchObject({
          ...{ code: 'GROUP_MAX_SIZE_REACHED', fatal: true },
          message: expect.stringMatching(/^Group membership failed \(group 'g', .*\): GROUP_MAX_SIZE_REACHED, /),
          hint: expect.stringContaining('group.consumer.max.size'),
        })
        await scenario.advance('5s')
        await failed
        expect(first.assigned).toHaveLength(4)
        await first.leave()
      },
      { config: { 'group.consumer.max.size': 1 } },
    ))

  test('a hook that lasts beyond the rebalance timeout ends its consumer, and the group does not wait longer', () =>
    onGroup(async (group, scenario) => {
      let aborted = false
      const onRevoked: ConsumerOptions['onRevoked'] = (_, { signal }) => {
        signal.addEventListener('abort', () => (aborted = true))
        return new Promise(() => {})
      }
      const limits = { rebalanceTimeoutMs: 10_000, revokeGraceMs: 1_000 }
      const first = group.member({ ...limits, onRevoked })
      await group.share([first], [4])
      const failed = expect(first.running).rejects.toMatchObject({
        ...{ code: 'HANDLER_FAILED', fatal: true },
        message: expect.stringMatching(/onRevoked/),
      })
      const second = group.member(limits)
      await scenario.advance('9s')
      expect(second.assigned).toEqual([])
      expect(aborted).toBe(false)
      await scenario.advance('12s')
      await failed
      expect(aborted).toBe(true)
      await group.share([second], [4])
      await group.produce(0, 40)
      await scenario.advance('1s')
      expect(sorted(second.values)).toEqual(numbers(40).map(String))
      await second.leave()
    }))

  test.each([
    [{ protocol: 'consumer', assignors: ['range'] }, /assignors.*no effect/],
    [{ protocol: 'consumer', heartbeatIntervalMs: 100 }, /heartbeatIntervalMs.*no effect/],
    [{ protocol: 'classic', topics: re2('a') }, /requires protocol 'consumer'/],
    [{ protocol: 'auto', remoteAssignor: 'range' }, /remoteAssignor.*requires protocol 'consumer'/],
  ] as const)('options of the other protocol are refused: %j', (options, message) =>
    onGroup(async (group) => {
      expect(() => group.member(options)).toThrow(message)
    }),
  )

  test('members of both share a group, which migrates from one to the other and back without losing anything', () =>
    onGroup(async (group, scenario) => {
      const all: Member[] = []
      const add = (protocol: 'classic' | 'consumer') => {
        const assignors = protocol === 'classic' ? { assignors: ['cooperative-sticky'] as const } : {}
        const member = group.member({ protocol, ...assignors })
        all.push(member)
        return member
      }
      let sent = 0
      const more = async () => {
        await group.produce(sent, 40)
        sent += 40
        await scenario.advance('1s')
      }
      const [a, b] = [add('classic'), add('classic')]
      await group.share([a, b], [2, 2])
      await more()
      const c = add('consumer')
      await group.share([a, b, c], [1, 1, 2], 'in any order')
      await scenario.advance('20s')
      await more()
      await a.leave()
      await b.leave()
      await group.share([c], [4])
      await more()
      const d = add('classic')
      await group.share([c, d], [2, 2])
      await more()
      await c.leave()
      await group.share([d], [4])
      await more()
      await d.leave()
      expect(sorted(all.flatMap(({ values }) => values))).toEqual(numbers(sent).map(String))
    }))
})
