import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from '../consumer-protocol.ts'
import type { TopicPartition } from '../membership.ts'
import type { Assignment, GroupMember } from './assignor.ts'
import { cooperativeSticky } from './cooperative-sticky.ts'
import { range } from './range.ts'
import { roundRobin } from './round-robin.ts'

interface Scenario {
  readonly counts: Record<string, number>
  readonly members: readonly { memberId: string; instanceId: string | null; topics: string[] }[]
  readonly range: Record<string, string[]>
  readonly roundrobin: Record<string, string[]>
  readonly 'cooperative-sticky': readonly { sizes: number[]; moved: number }[]
}

// Written by goldens/AssignorGoldens.java with the assignors of kafka-clients 4.3.1.
const lines = readFileSync(new URL('./goldens/java-assignments.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
const scenarios = lines.slice(0, -1).map((line) => JSON.parse(line) as Scenario)
const bytes = JSON.parse(lines.at(-1)!) as Record<'subscription' | 'emptySubscription' | 'assignment', string>

const at = (topic: string, partition: number): TopicPartition => ({ topic, partition })
const names = (partitions: readonly TopicPartition[]) => partitions.map((p) => `${p.topic}-${p.partition}`).sort()
const plain = (assignment: Assignment) => Object.fromEntries([...assignment].map(([id, own]) => [id, names(own)]))

function member(memberId: string, topics: readonly string[], more: Partial<GroupMember> = {}): GroupMember {
  return { memberId, topics, instanceId: null, owned: [], generation: -1, rack: null, userData: null, ...more }
}

describe('like Java', () => {
  test.each(scenarios.map((scenario, i) => [i, scenario] as const))(
    'assigns with range and round-robin, scenario %i',
    (_, scenario) => {
      const counts = new Map(Object.entries(scenario.counts))
      const members = scenario.members.map((m) => member(m.memberId, m.topics, { instanceId: m.instanceId }))
      expect(plain(range.assign(counts, members))).toEqual(scenario.range)
      expect(plain(roundRobin.assign(counts, members))).toEqual(scenario.roundrobin)
    },
  )

  test.each(scenarios.map((scenario, i) => [i, scenario] as const))(
    'assigns cooperatively, scenario %i',
    (_, scenario) => {
      const counts = new Map(Object.entries(scenario.counts))
      const all = scenario.members.map((m) => member(m.memberId, m.topics, { instanceId: m.instanceId }))
      let owned = new Map<string, readonly TopicPartition[]>()
      scenario['cooperative-sticky'].forEach(({ sizes, moved }, step) => {
        const present = step === 1 && all.length > 1 ? all.slice(0, -1) : all
        owned = new Map([...owned].filter(([id]) => present.some((m) => m.memberId === id)))
        let ownMoved = 0
        for (let round = 0; round < 3; round++) {
          const members = present.map((m) => ({
            ...m,
            owned: owned.get(m.memberId) ?? [],
            generation: step * 3 + round,
          }))
          const next = cooperativeSticky.assign(counts, members)
          for (const [id, before] of owned) {
            const after = new Set(names(next.get(id) ?? []))
            ownMoved += names(before).filter((name) => !after.has(name)).length
          }
          owned = next
        }
        const ownSizes = [...owned.values()].map((list) => list.length).sort((a, b) => a - b)
        expect(spread(ownSizes)).toBeLessThanOrEqual(spread(sizes))
        expect(ownSizes.reduce((a, b) => a + b, 0)).toBe(sizes.reduce((a, b) => a + b, 0))
        if (spread(ownSizes) === spread(sizes)) expect(ownMoved).toBeLessThanOrEqual(moved)
      })
    },
  )

  test('encodes a subscription and an assignment to the same bytes', () => {
    const subscription = {
      topics: ['b', 'a'],
      owned: [at('a', 0), at('a', 2), at('b', 1)],
      generation: 7,
      rack: 'rack-1',
      userData: cooperativeSticky.userData!(7),
    }
    expect(encodeSubscription(subscription).toString('hex')).toBe(bytes.subscription)
    expect(decodeSubscription(Buffer.from(bytes.subscription, 'hex'))).toEqual({
      ...subscription,
      topics: ['a', 'b'],
      userData: Buffer.from([0, 0, 0, 7]),
    })
    const empty = { topics: ['z'], owned: [], generation: -1, rack: null, userData: null }
    expect(encodeSubscription(empty).toString('hex')).toBe(bytes.emptySubscription)
    expect(encodeAssignment([at('a', 1), at('a', 3)]).toString('hex')).toBe(bytes.assignment)
    expect(decodeAssignment(Buffer.from(bytes.assignment, 'hex'))).toEqual([at('a', 1), at('a', 3)])
  })
})

/** Sum of squares: what balancing lowers. */
const spread = (sizes: readonly number[]) => sizes.reduce((sum, size) => sum + size * size, 0)

describe('cooperative-sticky', () => {
  test('assigns a partition that moves to no member until its owner has revoked it', () => {
    const counts = new Map([['t', 4]])
    const owner = member('a', ['t'], { owned: [0, 1, 2, 3].map((p) => at('t', p)), generation: 3 })
    const first = cooperativeSticky.assign(counts, [owner, member('b', ['t'])])
    expect(first.get('a')).toHaveLength(2)
    expect(first.get('b')).toEqual([])
    const after = [{ ...owner, owned: first.get('a')!, generation: 4 }, member('b', ['t'], { generation: 4 })]
    const second = cooperativeSticky.assign(counts, after)
    expect(second.get('a')).toEqual(first.get('a'))
    expect(second.get('b')).toHaveLength(2)
  })

  test('prefers the newest claim, ignores two claims of the same generation, and assigns no partition twice', () => {
    const counts = new Map([['t', 2]])
    const stale = member('stale', ['t'], { owned: [at('t', 0)], generation: 1 })
    const fresh = member('fresh', ['t'], { owned: [at('t', 0)], generation: 5 })
    expect(plain(cooperativeSticky.assign(counts, [stale, fresh]))).toEqual({ stale: ['t-1'], fresh: [] })
    const twin = member('twin', ['t'], { owned: [at('t', 0)], generation: 5 })
    const twins = plain(cooperativeSticky.assign(counts, [twin, fresh]))
    expect([...twins.twin!, ...twins.fresh!]).toEqual(['t-1'])
  })

  test('reads the generation of older clients from the user data, and ignores other bytes there', () => {
    const counts = new Map([['t', 1]])
    const old = member('old', ['t'], { owned: [at('t', 0)], userData: cooperativeSticky.userData!(9) })
    const odd = member('odd', ['t'], { owned: [at('t', 0)], userData: Buffer.from('garbage') })
    // Both claim it, so neither receives it; once `odd` has revoked it, `old` keeps it.
    expect(plain(cooperativeSticky.assign(counts, [old, odd]))).toEqual({ old: [], odd: [] })
    expect(plain(cooperativeSticky.assign(counts, [old, { ...odd, owned: [] }]))).toEqual({ old: ['t-0'], odd: [] })
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
    const plan = cooperativeSticky.assign(counts, members)
    expect(plan.get('m0')).toHaveLength(50)
    expect(process.cpuUsage(before).user).toBeLessThan(1_000_000)
  })
})

/** Repeats rebalances as a group does, until no member has to revoke a partition. */
function checkSettles(counts: ReadonlyMap<string, number>, start: readonly GroupMember[]): void {
  let members = start
  for (let round = 0; ; round++) {
    expect(round).toBeLessThan(4)
    const plan = cooperativeSticky.assign(counts, members)
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
