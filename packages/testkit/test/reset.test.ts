import { DescribeCluster, Fetch, FindCoordinator, Heartbeat, OffsetCommit } from '@ottla/codec'
import { afterEach, describe, expect, test } from 'vitest'
import { createCluster, type TestCluster } from '../src/index.ts'
import { batchOf } from './support/batches.ts'
import { eventually, TopicClient } from './support/topic-client.ts'
import { Wire } from './support/wire.ts'
import { WireClient } from './support/wire-client.ts'

let cluster: TestCluster
afterEach(() => cluster.close().catch(() => {}))

const topics = [{ name: 't', partitions: 1, replicationFactor: 2 }]

async function commitSomething(client: TopicClient): Promise<void> {
  await client.wire.request(FindCoordinator, { keyType: 0, coordinatorKeys: ['g'] })
  const partitions = [{ partitionIndex: 0, committedOffset: 7n, committedMetadata: '' }]
  const body = { groupId: 'g', memberId: '', topics: [{ name: 't', partitions }] }
  for (let turn = 0; turn < 200; turn++) {
    const response = await client.wire.request(OffsetCommit, body, 9)
    if (response.topics[0]?.partitions[0]?.errorCode === 0) return
    await client.wire.request(Heartbeat, { groupId: 'g', generationId: 1, memberId: 'm' })
  }
  throw new Error('No commit succeeded')
}

test('the state is JSON, with partitions, logs, producers and groups', async () => {
  cluster = await createCluster({ brokers: 1, topics: [{ name: 't', configs: { 'retention.ms': 5 } }] })
  const client = await TopicClient.connect(cluster, 't')
  await client.produce(batchOf(['a', 'b'], { producerId: 42n, producerEpoch: 3, baseSequence: 0 }))
  await commitSomething(client)
  const state = JSON.parse(JSON.stringify(cluster.state()))
  expect(state.brokers).toEqual([{ id: 1, isUp: true, connections: 1 }])
  const [topic] = state.topics
  expect(topic).toMatchObject({ name: 't', configs: { 'retention.ms': '5' } })
  expect(topic.partitions).toMatchObject([{ partition: 0, leader: 1, isr: [1] }])
  expect(topic.partitions[0].logs).toMatchObject([
    {
      brokerId: 1,
      isLeader: true,
      highWatermark: 2,
      logEndOffset: 2,
      producers: [{ producerId: '42', producerEpoch: 3, lastSequence: 1, lastOffset: 1 }],
    },
  ])
  expect(state.groups).toMatchObject([{ groupId: 'g', offsets: [{ topic: 't', partition: 0, offset: '7' }] }])
})

test('a reset restores the state of the options, at the same addresses', async () => {
  cluster = await createCluster({ brokers: 2, listen: true, topics, traffic: true })
  const { bootstrap } = cluster
  const client = await TopicClient.connect(cluster, 't')
  await client.produce(batchOf(['a']))
  await cluster.createTopic({ name: 'other' })
  const oneBroker = await TopicClient.connect(cluster, 't', 1)
  cluster.faults.add({ match: { api: 'Fetch' }, action: 'close' })
  await oneBroker.wire.request(FindCoordinator, { keyType: 0, coordinatorKeys: ['g'] })
  await cluster.broker(2).kill()
  await cluster.reset()
  expect(cluster.bootstrap).toEqual(bootstrap)
  expect(cluster.brokers.map(({ isUp }) => isUp)).toEqual([true, true])
  expect(cluster.topics()).toEqual(['t'])
  expect([cluster.groups(), cluster.faults.list(), cluster.saw()]).toEqual([[], [], []])
  await eventually(
    () => cluster.partition('t', 0),
    ({ isr, logEndOffset }) => isr.length === 2 && logEndOffset === 0,
  )
  const again = await TopicClient.connect(cluster, 't')
  expect((await again.produce(batchOf(['b']))).baseOffset).toBe(0n)
})

test('a reset deletes groups and their offsets', async () => {
  cluster = await createCluster({ brokers: 1, topics: [{ name: 't' }] })
  const client = await TopicClient.connect(cluster, 't')
  await commitSomething(client)
  expect(cluster.groups()).toHaveLength(1)
  await cluster.reset()
  expect([cluster.groups(), cluster.topics()]).toEqual([[], ['t']])
  await commitSomething(client)
  expect(cluster.groups()).toHaveLength(1)
})

test('a reset sets the wall clock back, in real and in virtual time', async () => {
  for (const time of ['real', 'virtual'] as const) {
    cluster = await createCluster({ brokers: 2, time, topics })
    const startedAtMs = cluster.clock.now()
    cluster.clock.jump(3_600_000)
    await cluster.clock.advance('1d')
    cluster.clock.jump(-7_200_000)
    const monotonic = cluster.runtime.monoNow()
    await cluster.reset()
    expect(cluster.clock.wallShiftMs).toBe(0)
    // Real time has continued.
    expect(cluster.clock.now() - startedAtMs).toBeLessThan(60_000)
    expect(cluster.runtime.monoNow()).toBeGreaterThanOrEqual(monotonic)
    await cluster.close()
  }
})

test('a reset heals all network partitions, also of brokers that were fenced meanwhile', async () => {
  cluster = await createCluster({ brokers: 3, config: { 'broker.session.timeout.ms': 1_000 }, topics })
  cluster.disconnect(1, 'controller')
  cluster.disconnect('controller', 2, { oneWay: true })
  cluster.disconnect(2, 3)
  const heal = cluster.disconnect('clients', 1)
  cluster.disconnect(3, 'clients', { oneWay: true })
  await cluster.clock.advance('1m')
  await cluster.reset()
  for (const id of [1, 2, 3]) {
    const client = await TopicClient.connect(cluster, 't', id)
    const { brokers } = await client.wire.request(DescribeCluster, {
      ...{ endpointType: 1, includeFencedBrokers: false, includeClusterAuthorizedOperations: false },
    })
    expect(brokers.map(({ brokerId }) => brokerId)).toEqual([1, 2, 3])
    client.wire.close()
  }
  const client = await TopicClient.connect(cluster, 't')
  expect((await client.produce(batchOf(['a']))).errorCode).toBe(0)
  // Healing a partition of before the reset does nothing to a later one.
  cluster.disconnect('clients', 1)
  heal()
  const cut = await WireClient.connect(cluster.runtime, cluster.bootstrap[0] ?? '')
  const unserved = cut.request(FindCoordinator, { keyType: 0, coordinatorKeys: ['g'] })
  const outcome = await Promise.race([unserved, cluster.clock.advance('1s').then(() => 'no response')])
  expect(outcome).toBe('no response')
  await Promise.all([cluster.close(), expect(unserved).rejects.toThrow()])
})

describe('leakCheck does not report clients that have just closed', () => {
  test.each([
    ['in memory', {}],
    ['in virtual time', { time: 'virtual' }],
    ['on the cluster for in-memory clients with TCP', { listen: true }],
  ] as const)('%s', async (_, options) => {
    cluster = await createCluster({ brokers: 1, leakCheck: true, ...options })
    const connect = () => WireClient.connect(cluster.runtime, cluster.bootstrap[0] ?? '')
    const client = await ('time' in options ? cluster.run(connect) : connect())
    client.close()
    await cluster.close()
  })

  test.each([
    'idle',
    'with a held fetch',
    'with a held fetch and a pipelined one',
    'with a held fetch of a broker that hangs',
  ])('over TCP, %s', async (state) => {
    cluster = await createCluster({
      brokers: 1,
      leakCheck: true,
      listen: true,
      traffic: true,
      topics: [{ name: 't' }],
    })
    const wires = await Promise.all([1, 2, 3].map(() => Wire.open(cluster.bootstrap[0] ?? '')))
    const topicId = cluster.state().topics[0]?.topicId ?? ''
    const partitions = [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1000 }]
    const body = { maxWaitMs: 600_000, minBytes: 1, topics: [{ topicId, partitions }], forgottenTopicsData: [] }
    const held = state === 'idle' ? [] : wires.map((wire) => wire.request(Fetch, 13, body))
    await eventually(
      () => cluster.saw({ api: 'Fetch' }).length,
      (count) => count === held.length,
    )
    // The broker does not read it yet, nor the end of the connection behind it.
    const behind = state.includes('pipelined') ? wires.map((wire) => wire.request(Fetch, 13, body)) : []
    if (state.endsWith('hangs')) cluster.broker(1).pause()
    for (const wire of wires) wire.close()
    await Promise.allSettled([...held, ...behind])
    await cluster.close()
  })
})

test('close lists connections and timers that clients left open', async () => {
  cluster = await createCluster({ brokers: 1, leakCheck: true })
  const client = await TopicClient.connect(cluster, 't', 1)
  expect(cluster.leaks().connections).toEqual([{ node: 1, connection: 0, client: 'wire' }])
  const timer = cluster.runtime.setTimer(() => {}, 60_000)
  await expect(cluster.close()).rejects.toThrow(
    'Clients left 1 connections (wire, connection 0 of broker 1) and 1 timers open',
  )
  cluster.runtime.clearTimer(timer)
  client.wire.close()
})

test('close succeeds when clients were closed before', async () => {
  cluster = await createCluster({ brokers: 1, leakCheck: true, topics: [{ name: 't' }] })
  const client = await TopicClient.connect(cluster, 't')
  client.wire.close()
  await eventually(
    () => cluster.leaks(),
    ({ connections, timers }) => connections.length === 0 && timers === 0,
  )
  await cluster.close()
})
