import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { membersOf, names, resultsOf, stepsOf } from '../../../test/support/java-steps.ts'
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from '../consumer-protocol.ts'
import type { TopicPartition } from '../membership.ts'
import type { AssignorGroup, GroupMember } from './assignor.ts'
import { cooperativeSticky } from './cooperative-sticky.ts'
import { range } from './range.ts'
import { sticky } from './sticky.ts'
import { decodeHistory, encodeHistory } from './sticky-history.ts'

// Written by test/interop/java/AssignorSteps.java with the assignors of kafka-clients 4.3.1.
const steps = stepsOf(readFileSync(new URL('./goldens/java-steps.jsonl', import.meta.url), 'utf8'))

const at = (topic: string, partition: number): TopicPartition => ({ topic, partition })
const plain = (assignment: ReadonlyMap<string, readonly TopicPartition[]>) =>
  Object.fromEntries([...assignment].map(([id, own]) => [id, names(own)]))

function member(memberId: string, topics: readonly string[], more: Partial<GroupMember> = {}): GroupMember {
  return { memberId, topics, instanceId: null, owned: [], generation: -1, rack: null, userData: null, ...more }
}

/** The plan of cooperative-sticky for topics without racks. */
function planOf(counts: ReadonlyMap<string, number>, members: readonly GroupMember[]) {
  return cooperativeSticky.assign(groupOf(counts, members))
}

function groupOf(counts: ReadonlyMap<string, number>, members: readonly GroupMember[]): AssignorGroup {
  return {
    members,
    topics: new Map([...counts].map(([topic, partitionCount]) => [topic, { partitionCount, racks: [] }])),
  }
}

describe('like Java', () => {
  test.each(['range', 'roundrobin', 'sticky', 'cooperative-sticky'])(
    '%s gives each member the partitions that it has in Java, step by step',
    (name) => {
      const own = steps.filter(({ assignor }) => assignor === name)
      expect(own.length).toBeGreaterThanOrEqual(48)
      for (const [i, step] of own.entries()) {
        const results = resultsOf(step)
        expect(results.own, `step ${i}`).toEqual(results.java)
      }
    },
  )

  test('the steps have what the assignors differ in: racks, faults, old clients, static members, changing topics', () => {
    const members = steps.flatMap(membersOf)
    expect(steps.length).toBeGreaterThanOrEqual(300)
    expect(members.filter(({ rack }) => rack !== null).length).toBeGreaterThan(100)
    expect(members.filter(({ instanceId }) => instanceId !== null).length).toBeGreaterThan(100)
    const versions = new Set(steps.flatMap((step) => step.members.map(([, , metadata]) => metadata.slice(0, 4))))
    expect([...versions].sort()).toEqual(['0000', '0001', '0002', '0003'])
    const behind = (step: (typeof steps)[number]) =>
      new Set(membersOf(step).map(({ generation }) => generation)).size > 2
    expect(steps.filter(behind).length).toBeGreaterThan(20)
  })

  test('encodes subscriptions and assignments to the same bytes', () => {
    for (const step of steps) {
      for (const [, , metadata] of step.members) {
        if (!metadata.startsWith('0003')) continue
        expect(encodeSubscription(decodeSubscription(Buffer.from(metadata, 'hex'))).toString('hex')).toBe(metadata)
      }
      for (const assignment of Object.values(step.result)) {
        const { partitions, userData } = decodeAssignment(Buffer.from(assignment, 'hex'))
        expect(encodeAssignment(partitions, userData).toString('hex')).toBe(assignment)
      }
    }
  })

  test("encodes the history of 'sticky' to the same bytes", () => {
    const histories = steps
      .filter(({ assignor }) => assignor === 'sticky')
      .flatMap(membersOf)
      .flatMap(({ userData }) => userData ?? [])
    expect(histories.length).toBeGreaterThan(100)
    for (const bytes of histories) {
      const { partitions = [], generation = -1 } = decodeHistory(bytes) ?? {}
      expect(encodeHistory(partitions, generation)).toEqual(bytes)
    }
  })
})

describe('racks', () => {
  const layout = (...racks: string[][]) => ({ partitionCount: racks.length, racks })

  test('range gives members the partitions in their rack, as many as without racks', () => {
    const topics = new Map([['t', layout(['b'], ['a'], ['b'], ['a'])]])
    const members = [member('m1', ['t'], { rack: 'a' }), member('m2', ['t'], { rack: 'b' })]
    expect(plain(range.assign({ topics, members }))).toEqual({ m1: ['t-1', 't-3'], m2: ['t-0', 't-2'] })
  })

  test('cooperative-sticky moves a partition to the rack of its replicas, in two rebalances', () => {
    const topics = new Map([['t', layout(['b'], ['a'])]])
    const owned = (memberId: string, partition: number, rack: string) =>
      member(memberId, ['t'], { rack, owned: [at('t', partition)], generation: 1 })
    const first = cooperativeSticky.assign({ topics, members: [owned('m1', 0, 'a'), owned('m2', 1, 'b')] })
    expect(plain(first)).toEqual({ m1: [], m2: [] })
    const free = [member('m1', ['t'], { rack: 'a' }), member('m2', ['t'], { rack: 'b' })]
    expect(plain(cooperativeSticky.assign({ topics, members: free }))).toEqual({ m1: ['t-1'], m2: ['t-0'] })
  })
})

describe('sticky', () => {
  const context = { groupId: 'g', memberId: 'm', isLeader: false, userData: null }
  const subscription = { ...context, instanceId: null, rack: null, topics: ['t'], owned: [], generation: 3 }

  test('reports what it had, which remains with it', () => {
    const assignor = sticky()
    expect(assignor.userData?.(subscription)).toBeNull()
    void assignor.onAssigned?.({ ...context, generation: 3, partitions: [at('t', 2), at('t', 3)] })
    const userData = assignor.userData?.(subscription) as Uint8Array
    const members = [member('a', ['t']), member('b', ['t'], { userData })]
    const plan = assignor.assign(groupOf(new Map([['t', 4]]), members)) as Map<string, TopicPartition[]>
    expect(plain(plan)).toEqual({ a: ['t-0', 't-1'], b: ['t-2', 't-3'] })
  })

  test.each([
    ['no history', Buffer.from('garbage')],
    ['a history that ends early', Buffer.from([0, 0, 0, 9, 0, 1])],
    ['a negative length', Buffer.from([0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0])],
  ])('ignores %s', (_, userData) => {
    const plan = sticky().assign(groupOf(new Map([['t', 2]]), [member('a', ['t'], { userData }), member('b', ['t'])]))
    expect(plain(plan as Map<string, TopicPartition[]>)).toEqual({ a: ['t-0'], b: ['t-1'] })
  })
})

describe('cooperative-sticky', () => {
  test('assigns a partition that moves to no member until its owner has revoked it', () => {
    const counts = new Map([['t', 4]])
    const owner = member('a', ['t'], { owned: [0, 1, 2, 3].map((p) => at('t', p)), generation: 3 })
    const first = planOf(counts, [owner, member('b', ['t'])])
    expect(first.get('a')).toHaveLength(2)
    expect(first.get('b')).toEqual([])
    const after = [{ ...owner, owned: first.get('a')!, generation: 4 }, member('b', ['t'], { generation: 4 })]
    const second = planOf(counts, after)
    expect(second.get('a')).toEqual(first.get('a'))
    expect(second.get('b')).toHaveLength(2)
  })

  test('prefers the newest claim, ignores two claims of the same generation, and assigns no partition twice', () => {
    const counts = new Map([['t', 2]])
    const stale = member('stale', ['t'], { owned: [at('t', 0)], generation: 1 })
    const fresh = member('fresh', ['t'], { owned: [at('t', 0)], generation: 5 })
    expect(plain(planOf(counts, [stale, fresh]))).toEqual({ stale: ['t-1'], fresh: ['t-0'] })
    const twin = member('twin', ['t'], { owned: [at('t', 0)], generation: 5 })
    const twins = plain(planOf(counts, [twin, fresh]))
    expect([...twins.twin!, ...twins.fresh!]).toEqual(['t-1'])
  })

  test('reads the generation of older clients from the user data, and ignores other bytes there', () => {
    const counts = new Map([['t', 1]])
    const old = member('old', ['t'], { owned: [at('t', 0)], userData: Buffer.from([0, 0, 0, 9]) })
    const odd = member('odd', ['t'], { owned: [at('t', 0)], userData: Buffer.from('garbage') })
    // Both claim it, so neither receives it; once `odd` has revoked it, `old` keeps it.
    expect(plain(planOf(counts, [old, odd]))).toEqual({ old: [], odd: [] })
    expect(plain(planOf(counts, [old, { ...odd, owned: [] }]))).toEqual({ old: ['t-0'], odd: [] })
  })

  test('terminates for random groups, balanced, with each subscribed partition assigned once', () => {
    let seed = 1
    const random = (below: number) => {
      seed = (seed * 48_271) % 2_147_483_647
      return seed % below
    }
    for (let run = 0; run < 300; run++) {
      const counts = new Map(Array.from({ length: 1 + random(5) }, (_, t) => [`t${t}`, 1 + random(12)]))
      const members = Array.from({ length: 1 + random(7) }, (_, m) =>
        member(
          `m${m}`,
          [...counts.keys()].filter(() => random(3) > 0),
          {
            owned: Array.from({ length: random(10) }, () => at(`t${random(6)}`, random(14) - 1)),
            generation: random(4) - 1,
          },
        ),
      )
      checkSettles(counts, members)
    }
  })

  test('plans a large group within a second of CPU time', () => {
    const counts = new Map(Array.from({ length: 100 }, (_, t) => [`t${t}`, 20]))
    const topics = [...counts.keys()]
    const everything = topics.flatMap((topic) => Array.from({ length: 20 }, (_, p) => at(topic, p)))
    const members = Array.from({ length: 40 }, (_, m) => member(`m${m}`, topics))
    members[0] = { ...members[0]!, owned: everything, generation: 1 }
    const before = process.cpuUsage()
    const plan = planOf(counts, members)
    expect(plan.get('m0')).toHaveLength(50)
    expect(process.cpuUsage(before).user).toBeLessThan(1_000_000)
  })
})

/** Repeats rebalances as a group does, until no member has to revoke a partition. */
function checkSettles(counts: ReadonlyMap<string, number>, start: readonly GroupMember[]): void {
  let members = start
  for (let round = 0; ; round++) {
    expect(round).toBeLessThan(4)
    const plan = planOf(counts, members)
    const given = [...plan.values()].flatMap(names)
    expect(new Set(given).size).toBe(given.length)
    const before = members
    members = members.map((m) => ({ ...m, owned: plan.get(m.memberId)!, generation: 10 + round }))
    const settled = before.every((m, i) => names(m.owned).join() === names(members[i]!.owned).join())
    if (!settled) continue
    const subscribed = [...counts].filter(([topic]) => members.some((m) => m.topics.includes(topic)))
    expect(given.length).toBe(subscribed.reduce((sum, [, count]) => sum + count, 0))
    expectBalanced(members)
    return
  }
}

/** No member can receive a partition from another one that has at least two more. */
function expectBalanced(members: readonly GroupMember[]): void {
  for (const rich of members) {
    for (const poor of members) {
      if (rich.owned.length <= poor.owned.length + 1) continue
      expect(rich.owned.filter(({ topic }) => poor.topics.includes(topic))).toEqual([])
    }
  }
}
