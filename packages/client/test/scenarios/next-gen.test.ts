import { expect, test } from 'vitest'
import { type ConsumerOptions, re2 } from '../../src/index.ts'
import { Member, untilShared } from '../support/member.ts'
import { onTargets } from '../support/targets.ts'
import { until } from '../support/until.ts'

onTargets('groups by the protocol of KIP-848', (target) => {
  function group(topic: string, base: string) {
    const groupId = target().uniqueName(base)
    const kafka = target().newKafka()
    const join = (options: Partial<ConsumerOptions> = {}) =>
      new Member(target().newKafka(), { groupId, topics: [topic], protocol: 'consumer', ...options })
    const produce = (from: number, count: number) =>
      kafka
        .producer()
        .send(Array.from({ length: count }, (_, i) => ({ topic, partition: (from + i) % 2, value: String(from + i) })))
    return { groupId, join, produce }
  }
  const expected = (count: number) => Array.from({ length: count }, (_, i) => String(i)).sort()

  /** Members come and go: the last one leaves alone. Each record is handled once. */
  async function handsOver(name: string, of: (first: boolean) => Partial<ConsumerOptions>): Promise<void> {
    const topic = await target().createTopic(name, { partitions: 2 })
    const { join, produce } = group(topic, name)
    const first = join(of(true))
    await untilShared([first], [2])
    await produce(0, 20)
    await until('the first has read all', () => first.seen.length === 20)
    const second = join(of(false))
    await untilShared([first, second], [1, 1])
    await produce(20, 20)
    await until('both have read', () => first.seen.length + second.seen.length === 40)
    await first.leave()
    await untilShared([second], [2])
    await produce(40, 20)
    await until('the second has read the rest', () => first.seen.length + second.seen.length === 60)
    expect([...first.values, ...second.values].sort()).toEqual(expected(60))
    await second.leave()
  }

  const classic: Partial<ConsumerOptions> = {
    protocol: 'classic',
    assignors: ['cooperative-sticky'],
    sessionTimeoutMs: 6_000,
    heartbeatIntervalMs: 200,
  }

  // Side by side: members wait for the heartbeat of each other, every 5 s by default.
  test('partitions move between two members, also of both protocols in a group that migrates, and nothing is lost or repeated', {
    timeout: 60_000,
  }, async () => {
    await Promise.all([
      handsOver('next', () => ({})),
      handsOver('upgrade', (isFirst) => (isFirst ? classic : { protocol: 'auto' })),
      handsOver('downgrade', (isFirst) => (isFirst ? {} : classic)),
    ])
  })

  test('a static member keeps its partitions across a restart; the brokers match re2()', {
    timeout: 60_000,
  }, async () => {
    const topic = await target().createTopic('static', { partitions: 2 })
    const { join, produce } = group(topic, 'static')
    const topics = [re2(`${topic.replaceAll('.', '[.]')}.*`)]
    const [restarting, other] = [join({ instanceId: 'a', topics }), join({ instanceId: 'b', topics })]
    await untilShared([restarting, other], [1, 1])
    const { assigned } = restarting
    const rebalances = other.assignments.length
    await restarting.leave()
    const again = join({ instanceId: 'a', topics })
    await untilShared([again, other], [1, 1])
    expect(again.assigned).toEqual(assigned)
    expect(other.assignments).toHaveLength(rebalances)
    await produce(0, 20)
    await until('both have read', () => again.seen.length + other.seen.length === 20)
    await again.leave()
    await other.leave()
  })
})
