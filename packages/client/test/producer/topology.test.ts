import { CreatePartitions, Metadata } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import { onTestkit } from '../support/on-testkit.ts'
import { failure } from '../support/settled.ts'

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)

const keys = upTo(12).map((i) => `k${i}`)

describe('a topic that was deleted and created again', () => {
  const seeds = upTo(6)

  test.each(seeds)(
    'takes records within seconds where its leader epochs begin below the cached ones (seed %i)',
    (seed) =>
      onTestkit({ seed, as: '3.9', brokers: 3, replicationFactor: 3, topics: { t: 3 } }, async (scenario) => {
        const { cluster, kafka, advance } = scenario
        const producer = kafka.producer()
        const toAll = (value: string) => upTo(3).map((partition) => ({ topic: 't', partition, value }))
        await producer.send(toAll('a'))
        for (const broker of cluster.brokers) {
          await broker.shutdown()
          await advance('2s')
          await broker.restart()
          await advance('3s')
        }
        await producer.send(toAll('b'))
        await scenario.deleteTopic('t')
        await cluster.createTopic({ name: 't', partitions: 3, replicationFactor: 3 })
        const startedMs = scenario.nowMs
        await expect(producer.send(toAll('c'))).resolves.toHaveLength(3)
        expect(scenario.nowMs - startedMs).toBeLessThan(5_000)
        for (const partition of upTo(3)) expect(await scenario.values('t', partition)).toEqual(['c'])
      }),
  )

  const releases = ['3.9', '4.3'] as const

  test.each(releases)('with fewer partitions gets its keys by the new number of them (%s)', (as) =>
    onTestkit({ as, topics: { t: 6 } }, async (scenario) => {
      const { cluster, kafka, advance } = scenario
      const producer = kafka.producer()
      const send = (value: string) => producer.send(keys.map((key) => ({ topic: 't', key, value })))
      await send('a')
      await scenario.deleteTopic('t')
      await cluster.createTopic({ name: 't', partitions: 3, replicationFactor: 1 })
      await advance('20s')
      const startedMs = scenario.nowMs
      const receipts = await send('b')
      expect(scenario.nowMs - startedMs).toBeLessThan(5_000)
      for (const { partition, offset } of receipts) {
        const stored = await scenario.stored('t', partition)
        expect(stored.some(({ batch }) => batch.baseOffset <= offset! && batch.lastOffset >= offset!)).toBe(true)
      }
      const all = await Promise.all(upTo(3).map((partition) => scenario.values('t', partition)))
      expect(all.flat()).toHaveLength(keys.length)
      expect(producer.bufferedBytes).toBe(0)
      const others = await kafka.producer().send(keys.map((key) => ({ topic: 't', key, value: 'c' })))
      expect(receipts.map(({ partition }) => partition)).toEqual(others.map(({ partition }) => partition))
      expect(await producer.send({ topic: 't', value: 'without a key' })).toMatchObject({ topic: 't' })
      const error = await failure(producer.send({ topic: 't', partition: 5, value: 'd' }))
      expect(error).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', outcome: 'not-written', partition: 5 })
    }),
  )

  test.each(releases)('stores a record once whose response was lost before the new topic is known (%s)', (as) =>
    onTestkit({ as, topics: { t: 1 } }, async (scenario) => {
      const { cluster, kafka } = scenario
      const producer = kafka.producer()
      await producer.send({ topic: 't', value: 'a' })
      await scenario.deleteTopic('t')
      await cluster.createTopic({ name: 't', partitions: 1, replicationFactor: 1 })
      scenario.fault('Produce', 'closeAfterWork', { times: 2 })
      await producer.send({ topic: 't', value: 'b' })
      await producer.send({ topic: 't', value: 'c' })
      expect(await scenario.values('t')).toEqual(['b', 'c'])
    }),
  )

  test.each(releases)('receives no request that was prepared for the old topic (%s)', (as) =>
    onTestkit({ as, topics: { t: 1 } }, async (scenario) => {
      const { cluster, kafka, advance } = scenario
      const producer = kafka.producer()
      await producer.send({ topic: 't', value: 'a' })
      await scenario.deleteTopic('t')
      await cluster.createTopic({ name: 't', partitions: 1, replicationFactor: 1 })
      // The next attempt waits for its connection while the metadata with the new topic arrives.
      scenario.fault('Produce', 'close', 'once')
      scenario.fault('Metadata', { delay: '400ms' })
      scenario.fault('ApiVersions', { delay: '1s' })
      const sent = producer.send({ topic: 't', value: 'b' })
      await advance('300ms')
      scenario.fault('Produce', 'closeAfterWork', 'once')
      await sent
      expect(await scenario.values('t')).toEqual(['b'])
    }),
  )

  test('with fewer partitions gets the records that are in flight to those it lacks, within seconds', () =>
    onTestkit({ topics: { t: 6 } }, async (scenario) => {
      const { cluster, kafka, advance } = scenario
      const producer = kafka.producer()
      const send = (value: string) => producer.send(keys.map((key) => ({ topic: 't', key, value })))
      await send('a')
      scenario.fault('Produce', { delay: '4s' }, 'once')
      const inFlight = send('b')
      await advance('100ms')
      await scenario.deleteTopic('t')
      await cluster.createTopic({ name: 't', partitions: 3, replicationFactor: 1 })
      const startedMs = scenario.nowMs
      const other = producer.send({ topic: 't', partition: 0, value: 'c' })
      await expect(inFlight).resolves.toHaveLength(keys.length)
      await other
      expect(scenario.nowMs - startedMs).toBeLessThan(6_000)
      const all = await Promise.all(upTo(3).map((partition) => scenario.values('t', partition)))
      expect(all.flat().filter((value) => value === 'b')).toHaveLength(keys.length)
    }))

  test('with fewer partitions fails the records that wait for one of those it lacks, within seconds', () =>
    onTestkit({ topics: { t: 6 } }, async (scenario) => {
      const { cluster, kafka } = scenario
      const producer = kafka.producer()
      await producer.send({ topic: 't', partition: 5, value: 'a' })
      scenario.fault('Produce', { error: 'NOT_ENOUGH_REPLICAS' }, 'always', { topic: 't', partition: 5 })
      const waiting = failure(producer.send({ topic: 't', partition: 5, value: 'b' }))
      await scenario.advance('1s')
      await scenario.deleteTopic('t')
      await cluster.createTopic({ name: 't', partitions: 3, replicationFactor: 1 })
      const startedMs = scenario.nowMs
      await producer.send({ topic: 't', partition: 0, value: 'c' })
      expect(await waiting).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', partition: 5, retriable: true })
      expect(scenario.nowMs - startedMs).toBeLessThan(5_000)
    }))

  test('with fewer partitions moves no record that names its partition, also after another of its batch was aborted', () =>
    onTestkit({ topics: { t: 6 } }, async (scenario) => {
      const { cluster, kafka } = scenario
      const producer = kafka.producer()
      await producer.send({ topic: 't', partition: 5, value: 'a' })
      scenario.fault('Produce', { error: 'NOT_ENOUGH_REPLICAS' }, 'always', { topic: 't', partition: 5 })
      const first = failure(producer.send({ topic: 't', partition: 5, value: 'b' }))
      await scenario.advance('100ms')
      const abort = new AbortController()
      const aborted = failure(producer.send({ topic: 't', partition: 5, value: 'c' }, { signal: abort.signal }))
      const other = failure(producer.send({ topic: 't', partition: 5, value: 'd' }))
      abort.abort()
      expect(await aborted).toMatchObject({ code: 'ABORTED', outcome: 'not-written' })
      await scenario.deleteTopic('t')
      await cluster.createTopic({ name: 't', partitions: 3, replicationFactor: 1 })
      await producer.send({ topic: 't', partition: 0, value: 'e' })
      for (const lost of [first, other]) expect(await lost).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' })
      const all = await Promise.all(upTo(3).map((partition) => scenario.values('t', partition)))
      expect(all.flat()).toEqual(['e'])
    }))
})

describe('a partition that the cached metadata lacks', () => {
  test('takes a record that names it, once the brokers have confirmed that it exists', () =>
    onTestkit({ topics: { t: 3 } }, async (scenario) => {
      const producer = scenario.kafka.producer()
      await producer.send({ topic: 't', value: 'x' })
      const topics = [{ name: 't', count: 6, assignments: null }]
      await scenario.request(CreatePartitions, { topics, timeoutMs: 5_000, validateOnly: false })
      const startedMs = scenario.nowMs
      const values = upTo(20).map((i) => `${i}`)
      await Promise.all(values.map((value) => producer.send({ topic: 't', partition: 4, value })))
      expect(await scenario.values('t', 4)).toEqual(values)
      expect(scenario.nowMs - startedMs).toBeLessThan(2_000)
    }))

  test('fails only the records that name it, after one request to the brokers', () =>
    onTestkit({ topics: { t: 3 } }, async (scenario) => {
      const producer = scenario.kafka.producer()
      await producer.send({ topic: 't', value: 'x' })
      const before = scenario.seen(Metadata).length
      const lost = failure(producer.send({ topic: 't', partition: 40, value: 'a' }))
      const sent = producer.send({ topic: 't', partition: 1, value: 'b' })
      expect(await lost).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', outcome: 'not-written', partition: 40 })
      expect(scenario.seen(Metadata)).toHaveLength(before + 1)
      await sent
      const reports: unknown[] = []
      producer.enqueue({ topic: 't', partition: 40, value: 'c' }, (error) => reports.push(error))
      await producer.flush()
      expect(reports).toEqual([expect.objectContaining({ code: 'UNKNOWN_TOPIC_OR_PARTITION' })])
    }))
})

test('acks=0 finds the new leader after the old one closed the connection', () =>
  onTestkit({ brokers: 3, replicationFactor: 3 }, async (scenario) => {
    const { cluster, kafka, advance } = scenario
    const producer = kafka.producer({ acks: 0 })
    const send = async (count: number) => {
      for (let i = 0; i < count; i++) {
        await producer.send({ topic: 't', value: `${i}` })
        await advance('100ms')
      }
    }
    await send(3)
    const { leader } = cluster.partition('t', 0)
    await cluster.reassign('t', 0, [1, 2, 3].filter((id) => id !== leader).concat(leader))
    await advance('2s')
    const metadata = scenario.seen(Metadata).length
    await cluster.electLeader('t', 0, 'preferred')
    expect(cluster.partition('t', 0).leader).not.toBe(leader)
    const before = Number(cluster.partition('t', 0).logEndOffset)
    await send(100)
    await advance('1s')
    expect(Number(cluster.partition('t', 0).logEndOffset) - before).toBeGreaterThan(90)
    expect(scenario.seen(Metadata).length - metadata).toBeLessThan(4)
  }))
