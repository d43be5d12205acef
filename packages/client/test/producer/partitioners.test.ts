import { expect, test } from 'vitest'
import type { Receipt } from '../../src/index.ts'
import { onTestkit } from '../support/on-testkit.ts'

const keys = Array.from({ length: 16 }, (_, i) => `user-${i}`)

const partitionsOf = (receipts: readonly Receipt[]) => receipts.map(({ partition }) => partition)

test.each([
  { partitioner: 'murmur2' as const, partitions: [7, 8, 8, 11, 7, 10, 5, 8, 9, 11, 2, 10, 6, 7, 5, 8] },
  { partitioner: 'murmur2-random' as const, partitions: [7, 8, 8, 11, 7, 10, 5, 8, 9, 11, 2, 10, 6, 7, 5, 8] },
  { partitioner: 'consistent-random' as const, partitions: [2, 8, 10, 0, 3, 9, 3, 9, 0, 6, 10, 4, 6, 8, 7, 5] },
  { partitioner: 'kafkajs-legacy' as const, partitions: [10, 7, 3, 3, 0, 3, 1, 0, 6, 4, 6, 8, 7, 0, 6, 11] },
])('$partitioner stores a key where its original does', ({ partitioner, partitions }) =>
  onTestkit({ topics: { t: 12 } }, async ({ kafka }) => {
    const producer = kafka.producer({ partitioner })
    const receipts = await producer.send(keys.map((key) => ({ topic: 't', key, value: key })))
    expect(partitionsOf(receipts)).toEqual(partitions)
    const bytes = await producer.send(keys.map((key) => ({ topic: 't', key: Buffer.from(key), value: key })))
    expect(partitionsOf(bytes)).toEqual(partitions)
  }),
)

test("'round-robin' takes the partitions in turn, with and without keys, but for those without a leader", () =>
  onTestkit(
    { brokers: 3, topics: { t: 6 }, kafka: { metadataMaxAgeMs: 2_000 } },
    async ({ kafka, cluster, advance }) => {
      const producer = kafka.producer({ partitioner: 'round-robin' })
      const records = (count: number) =>
        Array.from({ length: count }, (_, i) =>
          i % 2 === 0 ? { topic: 't', value: 'x' } : { topic: 't', key: 'k', value: 'x' },
        )
      const first = partitionsOf(await producer.send(records(12)))
      expect(new Set(first.slice(0, 6)).size).toBe(6)
      expect(first).toEqual(first.map((_, i) => (first[0]! + i) % 6))
      await cluster.broker(3).kill()
      await advance('10s')
      const led = [0, 1, 2, 3, 4, 5].filter((partition) => cluster.partition('t', partition).leader >= 0)
      expect(led.length).toBeLessThan(6)
      const sent = producer.send(records(12))
      await expect(sent).resolves.toHaveLength(12)
      const second = partitionsOf(await sent)
      expect([...new Set(second)].sort()).toEqual(led)
      for (const partition of led) expect(second.filter((each) => each === partition)).toHaveLength(12 / led.length)
    },
  ))

test("records without a key that 'kafkajs-legacy' places take the partitions in turn", () =>
  onTestkit({ topics: { t: 3 } }, async ({ kafka }) => {
    const producer = kafka.producer({ partitioner: 'kafkajs-legacy' })
    const partitions = partitionsOf(await producer.send(Array.from({ length: 9 }, () => ({ topic: 't', value: 'x' }))))
    expect(partitions).toEqual(partitions.map((_, i) => (partitions[0]! + i) % 3))
  }))

test.each(['murmur2', 'consistent-random', 'murmur2-random'] as const)(
  'records without a key that %s places fill one batch, and then move to another partition',
  (partitioner) =>
    onTestkit({ topics: { t: 4 } }, async ({ kafka }) => {
      const producer = kafka.producer({ partitioner })
      const seen: number[] = []
      for (let round = 0; round < 12; round++) {
        const empty = partitioner === 'consistent-random' ? { key: '' } : {}
        const receipts = await producer.send(Array.from({ length: 20 }, () => ({ topic: 't', ...empty, value: 'x' })))
        expect(new Set(partitionsOf(receipts)).size).toBe(1)
        expect(receipts[0]!.partition).not.toBe(seen.at(-1))
        seen.push(receipts[0]!.partition)
      }
      expect(new Set(seen).size).toBe(4)
    }),
)

test.each([1, 2, 3])('records without a key avoid a slow broker (seed %i)', (seed) =>
  onTestkit({ seed, brokers: 3, topics: { t: 6 } }, async (scenario) => {
    const { cluster, kafka, advance } = scenario
    const slow = cluster.partition('t', 0).leader
    scenario.fault('Produce', { delay: '400ms' }, 'always', { node: slow })
    const producer = kafka.producer({ maxBatchBytes: 2_000 })
    const sent: Promise<Receipt>[] = []
    for (let i = 0; i < 3_000; i++) {
      sent.push(producer.send({ topic: 't', value: 'x'.repeat(100) }))
      if (i % 3 === 0) await advance('5ms')
    }
    const partitions = partitionsOf(await Promise.all(sent))
    const onSlow = partitions.filter((partition) => cluster.partition('t', partition).leader === slow).length
    expect(onSlow).toBeGreaterThan(0)
    // A third of the partitions.
    expect(onSlow / partitions.length).toBeLessThan(0.15)
  }),
)

test.each([1, 2, 3])(
  'records without a key are not placed on a broker that hangs, and return to it (seed %i)',
  (seed) =>
    onTestkit(
      { seed, brokers: 3, topics: { t: 6 }, config: { 'broker.session.timeout.ms': 60_000 } },
      async (scenario) => {
        const { cluster, kafka, advance } = scenario
        const producer = kafka.producer({ requestTimeoutMs: 20_000 })
        await producer.send(Array.from({ length: 6 }, (_, partition) => ({ topic: 't', partition, value: 'x' })))
        const hung = cluster.partition('t', 0).leader
        const isOnHung = ({ partition }: Receipt) => cluster.partition('t', partition).leader === hung
        cluster.broker(hung).pause()
        const stuck = producer.send({ topic: 't', partition: 0, value: 'stuck' })
        await advance('1100ms')
        for (let i = 0; i < 200; i++) {
          const sent = producer.send({ topic: 't', value: 'x' })
          await expect(sent).resolves.toSatisfy((receipt: Receipt) => !isOnHung(receipt))
        }
        cluster.broker(hung).resume()
        await stuck
        let returned = 0
        for (let i = 0; i < 50; i++) if (isOnHung(await producer.send({ topic: 't', value: 'x' }))) returned++
        expect(returned).toBeGreaterThan(5)
      },
    ),
)

test('a partitioner that keeps its argument sees nothing of a record later', () =>
  onTestkit({ topics: { t: 2 } }, async ({ kafka }) => {
    const kept: unknown[] = []
    const producer = kafka.producer({
      partitioner: (args) => {
        kept.push(args, args.key)
        return args.key === 'b' ? 1 : 0
      },
    })
    const receipts = await producer.send(['a', 'b'].map((key) => ({ topic: 't', key, value: key })))
    expect(partitionsOf(receipts)).toEqual([0, 1])
    const [first, a, second, b] = kept
    expect([a, b]).toEqual(['a', 'b'])
    expect(second).toBe(first)
    expect(first).toMatchObject({ topic: 't', key: null, value: null })
  }))
