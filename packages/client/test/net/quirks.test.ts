import { ApiVersions, Metadata, Produce } from '@ottla/codec'
import type { QuirkOptions } from '@ottla/testkit'
import { describe, expect, test } from 'vitest'
import type { KafkaError, ProducerOptions } from '../../src/index.ts'
import { onTestkit, type Scenario, type ScenarioOptions } from '../support/on-testkit.ts'

/** Three brokers, each partition on two of them. */
function onQuirky<T>(quirks: QuirkOptions, play: (scenario: Scenario) => Promise<T>, options: ScenarioOptions = {}) {
  const config = { 'broker.session.timeout.ms': 300, 'group.initial.rebalance.delay.ms': 0 }
  const cluster = { brokers: 3, replicationFactor: 2, topics: { t: 3 }, config }
  return onTestkit({ ...cluster, ...options, quirks, onDiagnostic: () => {} }, play)
}

/** Writes records, and reads them in a group. */
async function roundTrips({ kafka }: Scenario, options: ProducerOptions = {}): Promise<void> {
  const producer = kafka.producer(options)
  const records = Array.from({ length: 30 }, (_, n) => ({ topic: 't', value: String(n), partition: n % 3 }))
  await producer.send(records)
  const consumer = kafka.consumer({ groupId: 'g', topics: ['t'], offsetReset: 'earliest' })
  const seen = new Set<number>()
  for await (const message of consumer) {
    seen.add(Number(message.value))
    if (seen.size === records.length) break
  }
  await consumer.close()
  expect(seen.size).toBe(records.length)
}

const errorOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: KafkaError) => error,
  )

describe('brokers that reset the connection at an unknown version of ApiVersions', () => {
  const quirks = { versions: { ApiVersions: 3 }, resetsAbove: { ApiVersions: 3 } }

  test('are written to and read from', () => onQuirky(quirks, (scenario) => roundTrips(scenario)))

  test('reset two connections for each address, and no more', () =>
    onQuirky(quirks, async (scenario) => {
      await roundTrips(scenario)
      const { connectFailures } = scenario.kafka.metrics().counters
      // Up to three bootstrap addresses, and three brokers.
      expect(connectFailures).toBeLessThanOrEqual(2 * 6)
      expect(new Set(scenario.seen(ApiVersions).map(({ version }) => version))).toEqual(new Set([3]))
    }))

  test('get the first record through within 2 s', () =>
    onQuirky(quirks, async ({ kafka, cluster, ...scenario }) => {
      const startedMs = cluster.virtual!.nowMs
      await kafka.producer().send({ topic: 't', value: 'x' })
      expect(cluster.virtual!.nowMs - startedMs).toBeLessThan(2_000)
      return scenario
    }))
})

test('brokers that advertise versions at which they reset the connection are written to and read from', () =>
  onQuirky({ resetsAbove: { Metadata: 10, Produce: 11, FindCoordinator: 3 } }, async (scenario) => {
    await roundTrips(scenario)
    expect(new Set(scenario.seen(Metadata).map(({ version }) => version))).toEqual(new Set([10]))
    expect(new Set(scenario.seen(Produce).map(({ version }) => version))).toEqual(new Set([11]))
  }))

test('brokers with Metadata up to version 5, without leader epochs and topic ids, are written to and read from', () =>
  onQuirky({ versions: { Metadata: 5 } }, async (scenario) => {
    await roundTrips(scenario)
    expect(new Set(scenario.seen(Metadata).map(({ version }) => version))).toEqual(new Set([5]))
  }))

describe('brokers without InitProducerId', () => {
  const quirks = { versions: { InitProducerId: null } }

  test('fail an idempotent producer with the option that helps', () =>
    onQuirky(quirks, async ({ kafka, cluster }) => {
      const startedMs = cluster.virtual!.nowMs
      expect(await errorOf(kafka.producer().send({ topic: 't', value: 'x' }))).toMatchObject({
        code: 'UNSUPPORTED_VERSION',
        retriable: false,
        outcome: 'not-written',
        hint: expect.stringContaining('`idempotent: false`'),
      })
      expect(cluster.virtual!.nowMs - startedMs).toBeLessThan(1_000)
    }))

  test('are written to with `idempotent: false`', () =>
    onQuirky(quirks, (scenario) => roundTrips(scenario, { idempotent: false })))
})

describe.each(['none', 'inner'] as const)('brokers whose hints of a new leader have %s addresses', (hintEndpoints) => {
  test('get a record through within 1 s after the leader moved', () =>
    onQuirky({ hintEndpoints }, async ({ kafka, cluster, advance }) => {
      const producer = kafka.producer()
      await producer.send({ topic: 't', value: 'before', partition: 0 })
      const { leader, replicas } = cluster.partition('t', 0)
      // The new leader is a broker that the client may never have connected to.
      const to = cluster.brokers.map(({ id }) => id).filter((id) => !replicas.includes(id))
      await cluster.reassign('t', 0, to)
      await advance('2s')
      expect(cluster.partition('t', 0).leader).not.toBe(leader)
      const startedMs = cluster.virtual!.nowMs
      const receipt = await producer.send({ topic: 't', value: 'after', partition: 0 })
      expect(receipt.offset).toBe(1n)
      expect(cluster.virtual!.nowMs - startedMs).toBeLessThan(1_000)
    }))

  test('are read from after the leader moved', () =>
    onQuirky({ hintEndpoints }, async ({ kafka, cluster, advance }) => {
      const consumer = kafka.consumer({ assign: [{ topic: 't', partition: 0, offset: 0n }] })
      await kafka.producer().send({ topic: 't', value: 'before', partition: 0 })
      const values: string[] = []
      const reading = consumer.run({ each: (message) => void values.push(String(message.value)) })
      await advance('1s')
      const { replicas } = cluster.partition('t', 0)
      await cluster.reassign(
        't',
        0,
        cluster.brokers.map(({ id }) => id).filter((id) => !replicas.includes(id)),
      )
      await advance('2s')
      await kafka.producer().send({ topic: 't', value: 'after', partition: 0 })
      await advance('1s')
      expect(values).toEqual(['before', 'after'])
      await consumer.close()
      await reading
    }))
})

describe('brokers that advertise addresses of an inner network', () => {
  const mapBroker = (host: string, port: number) => ({ host: host.replace('.inner', ''), port })

  test('are reached by `mapBroker`', () =>
    onQuirky({ innerAddresses: true }, (scenario) => roundTrips(scenario), { kafka: { mapBroker } }))

  test('are reached by `mapBroker` when hints have inner addresses too', () =>
    onQuirky({ innerAddresses: true, hintEndpoints: 'inner' }, (scenario) => roundTrips(scenario), {
      kafka: { mapBroker },
    }))

  test.each([
    ['an idempotent producer', {}],
    ['a producer without idempotence', { idempotent: false }],
  ])('fail %s with the address and the option that helps', (_, options) =>
    onQuirky({ innerAddresses: true }, async ({ kafka }) => {
      const producer = kafka.producer({ ...options, deliveryTimeoutMs: 5_000 })
      const error = await errorOf(producer.send({ topic: 't', value: 'x', partition: 0 }))
      expect(error).toMatchObject({
        code: 'DELIVERY_TIMED_OUT',
        message: expect.stringContaining('.inner:'),
        hint: expect.stringContaining('`mapBroker`'),
      })
    }),
  )

  test('fail an admin call with the address and the option that helps', () =>
    onQuirky({ innerAddresses: true }, async ({ kafka }) => {
      const error = await errorOf(kafka.admin().listGroups({ timeoutMs: 3_000 }))
      expect(error).toMatchObject({
        message: expect.stringContaining('.inner:'),
        hint: expect.stringContaining('`mapBroker`'),
      })
    }))
})

describe('a network that forgets idle connections', () => {
  const quirks = { forgetsIdleMs: 60_000 }
  const kafka = { requestTimeoutMs: 2_000 }

  test('delays a record by no more than a request timeout, and repeats none', () =>
    onQuirky(
      quirks,
      async (scenario) => {
        const { advance } = scenario
        const producer = scenario.kafka.producer()
        for (let n = 0; n < 6; n++) {
          const startedMs = scenario.nowMs
          const { offset } = await producer.send({ topic: 't', value: String(n), partition: 0 })
          expect(offset).toBe(BigInt(n))
          expect(scenario.nowMs - startedMs).toBeLessThan(3_500)
          await advance('90s')
        }
        expect(await scenario.values('t', 0)).toEqual(['0', '1', '2', '3', '4', '5'])
      },
      { kafka },
    ))

  test('delays no record if connections are closed earlier by `connectionsMaxIdleMs`', () =>
    onQuirky(
      quirks,
      async (scenario) => {
        const producer = scenario.kafka.producer()
        for (let n = 0; n < 6; n++) {
          const startedMs = scenario.nowMs
          await producer.send({ topic: 't', value: String(n), partition: 0 })
          expect(scenario.nowMs - startedMs).toBeLessThan(500)
          await scenario.advance('90s')
        }
      },
      { kafka: { ...kafka, connectionsMaxIdleMs: 50_000 } },
    ))

  test('lowers no version', () =>
    onQuirky(
      quirks,
      async (scenario) => {
        const producer = scenario.kafka.producer()
        for (let n = 0; n < 6; n++) {
          await producer.send({ topic: 't', value: String(n), partition: 0 })
          await scenario.advance('90s')
        }
        for (const api of [ApiVersions, Produce, Metadata]) {
          expect(new Set(scenario.seen(api).map(({ version }) => version)).size).toBe(1)
        }
      },
      { kafka },
    ))
})

test('killed and restarted brokers lower no version', () =>
  onQuirky({}, async (scenario) => {
    const { kafka, cluster, advance } = scenario
    const producer = kafka.producer()
    let failed = 0
    for (let round = 0; round < 12; round++) {
      const { leader } = cluster.partition('t', 0)
      for (let n = 0; n < 20; n++) {
        const record = { topic: 't', value: String(n), partition: n % 3 }
        producer.enqueue(record, (error) => {
          if (error !== undefined) failed++
        })
        await advance(1)
      }
      await cluster.broker(leader).kill()
      await advance('1s')
      await cluster.broker(leader).restart()
      await advance('1s')
    }
    await producer.flush()
    expect(failed).toBe(0)
    for (const api of [ApiVersions, Produce, Metadata]) {
      expect(new Set(scenario.seen(api).map(({ version }) => version)).size).toBe(1)
    }
  }))
