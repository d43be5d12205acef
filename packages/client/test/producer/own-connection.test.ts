import { Produce } from '@ottla/codec'
import { expect, test } from 'vitest'
import { onTestkit } from '../support/on-testkit.ts'

test('a record with acks=1 does not wait for a follower that the acks=all of another producer waits for', () =>
  onTestkit({ brokers: 2, topics: { slow: 1, fast: 1 } }, async (scenario) => {
    const { cluster, kafka, advance } = scenario
    await cluster.reassign('slow', 0, [1, 2])
    await cluster.reassign('fast', 0, [1])
    await advance('5s')
    await cluster.electLeader('slow', 0, 'preferred')
    const slow = kafka.producer()
    const fast = kafka.producer({ acks: 1, idempotent: false })
    for (const [producer, topic] of [[slow, 'slow'] as const, [fast, 'fast'] as const]) {
      expect(await producer.send({ topic, value: 'first' })).toMatchObject({ offset: 0n })
      expect(cluster.partition(topic, 0).leader).toBe(1)
    }
    cluster.broker(2).pauseReplication()
    const held = slow.send({ topic: 'slow', value: 'held' })
    await advance(100)
    const startedMs = scenario.nowMs
    await fast.send({ topic: 'fast', value: 'not delayed' })
    expect(scenario.nowMs - startedMs).toBeLessThan(100)
    expect(scenario.seen(Produce).filter(({ outcome }) => outcome === 'pending')).toHaveLength(1)
    cluster.broker(2).resumeReplication()
    await held
  }))

test("the connections of a producer are closed with it, those of the client's other parts are not", () =>
  onTestkit({ brokers: 3, topics: { t: 3 } }, async ({ kafka }) => {
    const open: string[] = []
    kafka.on('connected', ({ broker, purpose }) => open.push(`${purpose}@${broker.id}`))
    kafka.on('disconnected', ({ broker, purpose }) => open.splice(open.indexOf(`${purpose}@${broker.id}`), 1))
    const produce = () => open.filter((name) => name.startsWith('produce:'))
    const producers = [kafka.producer(), kafka.producer()] as const
    for (const producer of producers) {
      for (const partition of [0, 1, 2]) await producer.send({ topic: 't', partition, value: 'x' })
    }
    expect(new Set(produce()).size).toBe(6)
    await producers[0].close()
    expect(produce()).toHaveLength(3)
    await producers[1].send({ topic: 't', partition: 0, value: 'y' })
    await producers[1].close()
    expect(produce()).toEqual([])
    expect(open.filter((name) => name.startsWith('general@')).length).toBeGreaterThan(0)
  }))

test('a request whose time is over does not hold up the attempts after it', () =>
  onTestkit({}, async (scenario) => {
    const producer = scenario.kafka.producer({ requestTimeoutMs: 2_000 })
    await producer.send({ topic: 't', value: 'first' })
    scenario.fault('Produce', 'hang', 'once')
    const startedMs = scenario.nowMs
    const receipt = await producer.send({ topic: 't', value: 'held' })
    expect(receipt.offset).toBe(1n)
    expect(scenario.nowMs - startedMs).toBeLessThan(2_500)
  }))
