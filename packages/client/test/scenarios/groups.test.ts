import { expect, test } from 'vitest'
import { type ConsumerOptions, type Kafka, silentLogger } from '../../src/index.ts'
import { Member, untilShared } from '../support/member.ts'
import { onTargets } from '../support/targets.ts'
import { until } from '../support/until.ts'

/** Short, so that a test does not wait long for a crashed member. */
const quick = { sessionTimeoutMs: 2500, heartbeatIntervalMs: 200 }

onTargets('groups', (target) => {
  const produce = (kafka: Kafka, topic: string, partitions: number, from: number, count: number) =>
    kafka.producer().send(
      Array.from({ length: count }, (_, i) => ({
        topic,
        partition: (from + i) % partitions,
        value: String(from + i),
      })),
    )

  function group(topic: string, base: string) {
    const groupId = target().uniqueName(base)
    const join = (options: Partial<ConsumerOptions> = {}, kafka = target().newKafka()) =>
      new Member(kafka, { ...quick, groupId, topics: [topic], ...options })
    return { groupId, join }
  }

  test('two members share the partitions, a third idles and takes over when one leaves', async () => {
    const topic = await target().createTopic('shared', { partitions: 2 })
    const { join } = group(topic, 'shared')

    const first = join()
    await untilShared([first], [2])
    const second = join()
    await untilShared([first, second], [1, 1])
    const third = join()
    await until('the third is in', () => third.assigned?.length !== undefined)
    const busy = await until('two have a partition each and one none', () => {
      const all = [first, second, third]
      const holders = all.filter(({ assigned }) => assigned?.length === 1)
      return holders.length === 2 && all.some(({ assigned }) => assigned?.length === 0) && holders
    })
    const left = busy[0] as Member
    await left.leave()
    await untilShared(
      [first, second, third].filter((member) => member !== left),
      [1, 1],
    )
  })

  test('the next member resumes from the committed offsets', async () => {
    const topic = await target().createTopic('resume')
    const { join } = group(topic, 'resume')
    const kafka = target().newKafka()
    await produce(kafka, topic, 1, 0, 50)

    const first = join()
    await until('the first has read all', () => first.seen.length === 50)
    await first.leave()
    await produce(kafka, topic, 1, 50, 50)
    const second = join()
    await until('the second has read the rest', () => second.seen.length >= 50)

    expect(second.values).toEqual(Array.from({ length: 50 }, (_, i) => String(50 + i)))
  })

  test('moves the partitions of a killed member when its session expires, and loses nothing', {
    timeout: 60_000,
  }, async () => {
    const topic = await target().createTopic('killed', { partitions: 2 })
    const { groupId, join } = group(topic, 'killed')
    const kafka = target().newKafka()
    const { kafka: doomed, crash } = target().newCrashable()
    const first = join({ commit: { intervalMs: 100 } }, doomed)
    const second = join()
    await untilShared([first, second], [1, 1])
    await produce(kafka, topic, 2, 0, 100)
    await until('both have read', () => first.seen.length === 50 && second.seen.length === 50)
    await until('the first has committed', async () => {
      const offsets = await kafka.admin().listConsumerGroupOffsets(groupId)
      return offsets.some(({ partition, offset }) => partition === first.assigned?.[0] && offset === 50n)
    })

    crash()
    await produce(kafka, topic, 2, 100, 100)
    await untilShared([second], [2])
    await until('the second has read both partitions', () => second.seen.length >= 150)

    const all = new Set([...first.values, ...second.values])
    expect(all.size).toBe(200)
    expect(second.seen.length, 'from the commit on, nothing twice').toBe(150)
  })

  test('range assigns neighbours, roundrobin alternates', async () => {
    const topic = await target().createTopic('assignors', { partitions: 4 })

    const ranges = group(topic, 'range')
    const ranged = [ranges.join({ assignors: ['range'] }), ranges.join({ assignors: ['range'] })]
    expect((await untilShared(ranged, [2, 2])).sort()).toEqual([
      [0, 1],
      [2, 3],
    ])

    const robins = group(topic, 'roundrobin')
    const robin = [robins.join({ assignors: ['roundrobin'] }), robins.join({ assignors: ['roundrobin'] })]
    expect((await untilShared(robin, [2, 2])).sort()).toEqual([
      [0, 2],
      [1, 3],
    ])
  })

  test('cooperative-sticky revokes only the partitions that move', async () => {
    const topic = await target().createTopic('cooperative', { partitions: 4 })
    const { join } = group(topic, 'cooperative')
    const sticky = { assignors: ['cooperative-sticky'] as const }

    const first = join(sticky)
    await untilShared([first], [4])
    const second = join(sticky)
    const [kept = [], moved = []] = await untilShared([first, second], [2, 2])

    expect([...kept, ...moved].sort()).toEqual([0, 1, 2, 3])
    expect(first.revoked.flat().sort()).toEqual([...moved].sort())
  })

  test('processes each record once and in order while members join and leave', {
    timeout: 60_000,
  }, async () => {
    const partitions = 6
    const topic = await target().createTopic('busy', { partitions })
    const { join } = group(topic, 'busy')
    const producer = target().newKafka().producer()
    const total = 3000
    let sent = 0
    const flow = async () => {
      for (; sent < total; sent += 50) {
        const next = Array.from({ length: 50 }, (_, i) => sent + i)
        await producer.send(next.map((n) => ({ topic, partition: n % partitions, value: String(n) })))
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
    const flowing = flow()

    const first = join()
    await untilShared([first], [6])
    const second = join()
    await untilShared([first, second], [3, 3])
    const third = join()
    await untilShared([first, second, third], [2, 2, 2])
    await second.leave()
    await untilShared([first, third], [3, 3])
    await flowing
    const members = [first, second, third]
    const count = () => members.reduce((sum, member) => sum + member.seen.length, 0)
    await until(`all are read`, () => new Set(members.flatMap(({ values }) => values)).size === total)

    expect(count(), 'in order means that nothing is handled twice either').toBe(total)
    for (const { seen } of members) {
      for (let p = 0; p < partitions; p++) {
        const offsets = seen.filter(({ partition }) => partition === p).map(({ offset }) => Number(offset))
        expect(offsets).toEqual([...offsets].sort((a, b) => a - b))
      }
    }
  })

  test('awaits hooks before partitions are added and revoked, and lets them commit', async () => {
    const topic = await target().createTopic('hooks')
    const { groupId, join } = group(topic, 'hooks')
    const kafka = target().newKafka()
    await produce(kafka, topic, 1, 0, 10)
    const calls: string[] = []
    const member = join({
      commit: 'manual',
      onAssigned: (list) => void calls.push(`assigned ${list.map(({ partition }) => partition)}`),
      onRevoked: async (list) => {
        calls.push(`revoked ${list.map(({ partition }) => partition)}`)
        await member.consumer.commit([{ topic, partition: 0, offset: 7n }])
      },
    })
    await until('all are read', () => member.seen.length === 10)
    await member.leave()

    expect(calls).toEqual(['assigned 0', 'revoked 0'])
    const [offset] = await kafka.admin().listConsumerGroupOffsets(groupId)
    expect(offset).toMatchObject({ topic, partition: 0, offset: 7n })
  })

  test('reads a topic that is created after the consumer started', { timeout: 60_000 }, async () => {
    const topic = target().uniqueName('later')
    const { join } = group(topic, 'later')
    const member = join({}, target().newKafka({ logger: silentLogger, topicTimeoutMs: 200 }))
    await until('the group has met', () => member.assigned !== undefined)

    await target().createTopicNamed(topic, { partitions: 2 })
    await produce(target().newKafka(), topic, 2, 0, 10)

    await until('its records are read', () => member.seen.length === 10)
  })

  test('a pattern matches topics that are created later', { timeout: 60_000 }, async () => {
    const base = target().uniqueName('pattern')
    await target().createTopicNamed(`${base}.a`)
    const kafka = target().newKafka({ metadataMaxAgeMs: 500 })
    const groupId = target().uniqueName('pattern')
    const member = new Member(kafka, { ...quick, groupId, topics: [new RegExp(`^${base}\\.`)] })
    await produce(kafka, `${base}.a`, 1, 0, 1)
    await until('the first topic is read', () => member.seen.length === 1)

    await target().createTopicNamed(`${base}.b`)
    await produce(target().newKafka(), `${base}.b`, 1, 1, 1)

    await until('the second topic is read', () => member.seen.length === 2)
  })
})
