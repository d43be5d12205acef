import { AlterClientQuotas, CreatePartitions, CreateTopics, DeleteTopics, errorOf, Fetch, Produce } from '@ottla/codec'
import { afterEach, describe, expect, test } from 'vitest'
import { createCluster, type TestCluster } from '../src/index.ts'
import { batchOf } from './support/batches.ts'
import { eventually } from './support/topic-client.ts'
import { WireClient } from './support/wire-client.ts'

let cluster: TestCluster

afterEach(() => cluster.close())

async function start(): Promise<WireClient> {
  cluster = await createCluster({ brokers: 1, topics: [{ name: 't' }] })
  return connect('app')
}

const connect = (clientId: string) => WireClient.connect(cluster.runtime, cluster.bootstrap[0] ?? '', clientId)

async function limit(wire: WireClient, entity: Readonly<Record<string, string | null>>, key: string, value: number) {
  const components = Object.entries(entity).map(([entityType, entityName]) => ({ entityType, entityName }))
  const entries = [{ entity: components, ops: [{ key, value, remove: false }] }]
  const response = await wire.request(AlterClientQuotas, { entries, validateOnly: false })
  expect(response.entries.map(({ errorMessage }) => errorMessage)).toEqual([null])
  // The broker applies the metadata a turn later.
  await new Promise((resolve) => setImmediate(resolve))
}

const produce = (wire: WireClient, bytes: number) =>
  wire.request(
    Produce,
    {
      transactionalId: null,
      acks: -1,
      timeoutMs: 1000,
      topicData: [{ name: 't', partitionData: [{ index: 0, records: batchOf(['x'.repeat(bytes)]) }] }],
    },
    12,
  )

const fetch = (wire: WireClient) => {
  const partitions = [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1 << 20 }]
  return wire.request(
    Fetch,
    { maxWaitMs: 0, minBytes: 0, topics: [{ topic: 't', partitions }], forgottenTopicsData: [] },
    12,
  )
}

describe('producer_byte_rate', () => {
  test('throttles the connection of a client above it until the rate is back at the limit', async () => {
    const wire = await start()
    await limit(wire, { 'client-id': 'app' }, 'producer_byte_rate', 100)
    // The rate counts 11 windows of one second: 1000 bytes use up 10 of them.
    expect((await produce(wire, 500)).throttleTimeMs).toBe(0)
    const { throttleTimeMs } = await produce(wire, 3000)
    expect(throttleTimeMs).toBeGreaterThan(20_000)
    expect(throttleTimeMs).toBeLessThan(40_000)
    let hasResponse = false
    const next = produce(wire, 1).then(() => {
      hasResponse = true
    })
    await cluster.clock.advance(throttleTimeMs - 100)
    expect(hasResponse).toBe(false)
    await cluster.clock.advance(101)
    await next
  })

  test('does not affect other clients', async () => {
    const wire = await start()
    await limit(wire, { 'client-id': 'app' }, 'producer_byte_rate', 10)
    const other = await connect('other')
    expect((await produce(other, 3000)).throttleTimeMs).toBe(0)
  })

  test('of a user precedes that of a client id, and that of both precedes each', async () => {
    const wire = await start()
    await limit(wire, { 'client-id': 'app' }, 'producer_byte_rate', 1)
    await limit(wire, { user: null }, 'producer_byte_rate', 1_000_000)
    expect((await produce(wire, 3000)).throttleTimeMs).toBe(0)
    await limit(wire, { user: 'ANONYMOUS', 'client-id': null }, 'producer_byte_rate', 1)
    expect((await produce(wire, 3000)).throttleTimeMs).toBeGreaterThan(0)
  })
})

test('consumer_byte_rate limits the returned records, which can be fetched later', async () => {
  const wire = await start()
  await produce(wire, 600)
  await limit(wire, { 'client-id': 'app' }, 'consumer_byte_rate', 100)
  const sizeOf = ({ responses }: Awaited<ReturnType<typeof fetch>>) => responses[0]?.partitions[0]?.records?.length
  const first = await fetch(wire)
  expect([first.throttleTimeMs, sizeOf(first)]).toEqual([0, expect.any(Number)])
  const second = await fetch(wire)
  expect(second.throttleTimeMs).toBeGreaterThan(0)
  expect(second.responses).toEqual([])
  await cluster.clock.advance(20_000)
  expect(sizeOf(await fetch(wire))).toBe(sizeOf(first))
})

describe('controller_mutation_rate', () => {
  const create = (wire: WireClient, name: string, version?: number) => {
    const topics = [{ name, numPartitions: 8, replicationFactor: 1, assignments: [], configs: [] }]
    return wire.request(CreateTopics, { topics, timeoutMs: 1000 }, version)
  }

  test('rejects excess mutations in versions with an error code for it', async () => {
    const wire = await start()
    await limit(wire, { user: 'ANONYMOUS' }, 'controller_mutation_rate', 1)
    for (const name of ['a', 'b'])
      expect(errorOf((await create(wire, name)).topics[0]?.errorCode ?? -1).name).toBe('NONE')
    const { topics, throttleTimeMs } = await create(wire, 'c')
    expect(errorOf(topics[0]?.errorCode ?? -1).name).toBe('THROTTLING_QUOTA_EXCEEDED')
    // 16 partitions, a burst of 11 and one per second: 5 s, minus the passed time.
    expect(Math.ceil(throttleTimeMs / 1000)).toBe(5)
    const again = create(wire, 'c')
    await cluster.clock.advance(5000)
    expect(errorOf((await again).topics[0]?.errorCode ?? -1).name).toBe('NONE')
    const other = await connect('other')
    const gone = await other.request(DeleteTopics, {
      topics: [{ name: 'a', topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }],
      timeoutMs: 1,
    })
    expect(errorOf(gone.responses[0]?.errorCode ?? -1).name).toBe('THROTTLING_QUOTA_EXCEEDED')
    const third = await connect('third')
    const more = { topics: [{ name: 'b', count: 9, assignments: null }], timeoutMs: 1, validateOnly: false }
    const grown = await third.request(CreatePartitions, more)
    expect(errorOf(grown.results[0]?.errorCode ?? -1).name).toBe('THROTTLING_QUOTA_EXCEEDED')
  })

  test('serves older versions, and throttles them', async () => {
    const wire = await start()
    await limit(wire, { user: 'ANONYMOUS' }, 'controller_mutation_rate', 1)
    expect((await create(wire, 'a', 5)).throttleTimeMs).toBe(0)
    const { topics, throttleTimeMs } = await create(wire, 'b', 5)
    expect(topics[0]?.errorCode).toBe(0)
    expect(Math.ceil(throttleTimeMs / 1000)).toBe(5)
  })
})

test('connection_creation_rate closes an excess connection without serving it', async () => {
  const wire = await start()
  await limit(wire, { ip: null }, 'connection_creation_rate', 1)
  const wires: WireClient[] = []
  for (let i = 0; i < 12; i++) wires.push(await connect(`c${i}`))
  await cluster.clock.advance(15_000)
  await eventually(
    () => wires.filter(({ isClosed }) => isClosed).length,
    (closed) => closed === 2,
  )
})

test('a removed quota throttles no client', async () => {
  const wire = await start()
  await limit(wire, { 'client-id': 'app' }, 'producer_byte_rate', 1)
  const entity = [{ entityType: 'client-id', entityName: 'app' }]
  const ops = [{ key: 'producer_byte_rate', value: 0, remove: true }]
  await wire.request(AlterClientQuotas, { entries: [{ entity, ops }], validateOnly: false })
  await new Promise((resolve) => setImmediate(resolve))
  expect((await produce(wire, 3000)).throttleTimeMs).toBe(0)
})
