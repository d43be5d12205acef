import { Metadata } from '@ottla/codec'
import { expect, test } from 'vitest'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'

const cluster3 = { brokers: 3, replicationFactor: 3 }

const seeds = Array.from({ length: 20 }, (_, i) => i)

/** How long after the election a record is through that was sent to the old leader. */
async function failoverMs(scenario: Scenario, stop: (leader: number) => unknown): Promise<number> {
  const { cluster, kafka, advance } = scenario
  const producer = kafka.producer()
  await producer.send({ topic: 't', value: 'first' })
  const { leader } = cluster.partition('t', 0)
  await stop(leader)
  const through = producer.send({ topic: 't', value: 'second' }).then(() => scenario.nowMs)
  let electedMs: number | undefined
  while (electedMs === undefined) {
    await advance('10ms')
    const { leader: now } = cluster.partition('t', 0)
    if (now >= 0 && now !== leader) electedMs = scenario.nowMs
  }
  const throughMs = await through
  expect(await scenario.values('t')).toEqual(['first', 'second'])
  return throughMs - electedMs
}

test.each(seeds)('a record is through within 2 s of the election after its leader hangs (seed %i)', (seed) =>
  onTestkit({ seed, ...cluster3 }, async (scenario) => {
    const { cluster } = scenario
    let hung = 0
    const ms = await failoverMs(scenario, (leader) => {
      hung = leader
      cluster.broker(leader).pause()
    })
    expect(ms).toBeLessThan(2_000)
    cluster.broker(hung).resume()
  }),
)

test.each(seeds.slice(0, 5))(
  'a record is through within 2 s of the election after its leader is killed (seed %i)',
  (seed) =>
    onTestkit({ seed, ...cluster3 }, async (scenario) => {
      expect(await failoverMs(scenario, (leader) => scenario.cluster.broker(leader).kill())).toBeLessThan(2_000)
    }),
)

test('a hung leader that resumes stores nothing twice, and the order is kept', () =>
  onTestkit(cluster3, async (scenario) => {
    const { cluster, kafka, advance } = scenario
    const producer = kafka.producer({ maxBatchBytes: 1024 })
    const sent: Promise<unknown>[] = []
    const send = async (count: number) => {
      for (let i = 0; i < count; i++) {
        sent.push(producer.send({ topic: 't', value: `${sent.length} ${'x'.repeat(300)}` }))
        if (i % 5 === 0) await advance('20ms')
      }
    }
    for (let round = 0; round < 4; round++) {
      await send(50)
      const { leader } = cluster.partition('t', 0)
      cluster.broker(leader).pause()
      await send(50)
      await advance('3s')
      cluster.broker(leader).resume()
      await send(50)
      await advance('5s')
    }
    await Promise.all(sent)
    const numbers = (await scenario.values('t')).map((value) => Number.parseInt(value!, 10))
    expect(numbers).toEqual(sent.map((_, i) => i))
  }))

test.each(seeds)('the first record of another topic waits a second at most for a broker that hangs (seed %i)', (seed) =>
  onTestkit({ seed, ...cluster3, topics: { t: 3, u: 1 } }, async (scenario) => {
    const { cluster, kafka, advance } = scenario
    const producer = kafka.producer()
    await producer.send([0, 1, 2].map((partition) => ({ topic: 't', partition, value: 'x' })))
    const hung = cluster.brokers.find(({ id }) => id !== cluster.partition('u', 0).leader)!
    hung.pause()
    await advance('20s')
    const before = scenario.seen(Metadata).length
    const startedMs = scenario.nowMs
    await producer.send({ topic: 'u', value: 'x' })
    expect(scenario.nowMs - startedMs).toBeLessThan(1_200)
    expect(scenario.seen(Metadata).length - before).toBeLessThanOrEqual(3)
    hung.resume()
  }),
)

test.each(seeds)('the first record of a producer waits a second at most for a broker that hangs (seed %i)', (seed) =>
  onTestkit({ seed, ...cluster3, topics: { t: 3, u: 1 } }, async (scenario) => {
    const { cluster, kafka } = scenario
    const first = kafka.producer()
    await first.send([0, 1, 2].map((partition) => ({ topic: 't', partition, value: 'x' })))
    await first.send({ topic: 'u', value: 'x' })
    const hung = cluster.brokers.find(({ id }) => id !== cluster.partition('u', 0).leader)!
    hung.pause()
    const startedMs = scenario.nowMs
    for (let n = 0; n < 3; n++) await kafka.producer().send({ topic: 'u', value: 'x' })
    expect(scenario.nowMs - startedMs).toBeLessThan(3 * 1_200)
    hung.resume()
  }),
)
