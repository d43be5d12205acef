import { expect, onTestFinished, test } from 'vitest'
import type { AssignorName } from '../../src/index.ts'
import { Member } from '../support/member.ts'
import { onRealKafka } from '../support/real-target.ts'
import { until } from '../support/until.ts'
import { JavaMember } from './java-program.ts'

const partitions = 4
const assignors: readonly (readonly [AssignorName, string])[] = [
  ['range', 'RangeAssignor'],
  ['roundrobin', 'RoundRobinAssignor'],
  ['sticky', 'StickyAssignor'],
  ['cooperative-sticky', 'CooperativeStickyAssignor'],
]

onRealKafka('a Java consumer and an ottla consumer in one group', (real) => {
  async function javaJoins(topic: string, groupId: string, assignor: string): Promise<JavaMember> {
    const strategy = `partition.assignment.strategy=org.apache.kafka.clients.consumer.${assignor}`
    const member = await JavaMember.join(real().target.bootstrap, topic, groupId, [strategy])
    onTestFinished(() => member.kill())
    return member
  }

  async function send(topic: string, from: number, count: number): Promise<string[]> {
    const values = Array.from({ length: count }, (_, i) => String(from + i))
    const producer = real().target.newKafka().producer()
    await producer.send(values.map((value, i) => ({ topic, partition: i % partitions, value })))
    return values
  }

  test.each(assignors)(
    '%s: each member gets its partitions with either leader',
    { timeout: 120_000 },
    async (name, javaName) => {
      const { target } = real()
      const topic = await target.createTopic('java-group', { partitions })
      const groupId = target.uniqueName('mixed')
      const options = { groupId, topics: [topic], assignors: [name] } as const

      // ottla is the leader of the group, and Java joins.
      const first = new Member(target.newKafka(), options)
      await until('ottla has all partitions', () => first.assigned?.length === partitions)
      const java = await javaJoins(topic, groupId, javaName)
      await java.has(2)
      await until('ottla released half', () => first.assigned?.length === 2)
      expect([...java.assigned, ...(first.assigned ?? [])].sort()).toEqual([0, 1, 2, 3])
      const [described] = await target.newKafka().admin().describeConsumerGroups([groupId])
      expect(described).toMatchObject({ state: 'Stable', assignor: name })
      expect(described?.members).toHaveLength(2)

      const values = await send(topic, 0, 100)
      await until(
        'all are read, each by the owner of its partition',
        () => java.records.length + first.seen.length === 100,
      )
      expect([...java.records, ...first.seen].map(({ value }) => value).sort()).toEqual([...values].sort())
      for (const { partition } of java.records) expect(java.assigned).toContain(partition)
      for (const { partition } of first.seen) expect(first.assigned).toContain(partition)

      // Java remains alone and is the leader; a new ottla member joins and resumes from the commits.
      await first.leave()
      await java.has(partitions)
      const second = new Member(target.newKafka(), options)
      await until('the newcomer has half', () => second.assigned?.length === 2)
      await java.has(2)
      await send(topic, 100, 100)
      await until('the rest is read once', () => java.records.length + first.seen.length + second.seen.length >= 200)
      const all = [...java.records, ...first.seen, ...second.seen].map(({ value }) => value)
      expect(new Set(all).size).toBe(200)
      expect(all).toHaveLength(200)

      // Vice versa: ottla resumes from Java's commits.
      await java.leave()
      await until('the newcomer has all', () => second.assigned?.length === partitions)
      await second.leave()
      const offsets = await target.newKafka().admin().listConsumerGroupOffsets(groupId)
      expect(offsets.map(({ offset }) => offset)).toEqual([50n, 50n, 50n, 50n])
    },
  )

  test('the defaults of both clients have a protocol in common', { timeout: 60_000 }, async () => {
    const { target } = real()
    const topic = await target.createTopic('java-defaults', { partitions })
    const groupId = target.uniqueName('defaults')
    const java = await JavaMember.join(target.bootstrap, topic, groupId, [])
    onTestFinished(() => java.kill())
    await java.has(partitions)

    const ottla = new Member(target.newKafka(), { groupId, topics: [topic] })

    await until('ottla has half', () => ottla.assigned?.length === 2)
    await java.has(2)
    expect([...java.assigned, ...(ottla.assigned ?? [])].sort()).toEqual([0, 1, 2, 3])
  })
})
