import { FindCoordinator, Heartbeat, OffsetCommit } from '@ottla/codec'
import { afterEach, expect, test } from 'vitest'
import { createCluster, type TestCluster } from '../src/index.ts'
import { batchOf } from './support/batches.ts'
import { eventually, TopicClient } from './support/topic-client.ts'

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

test('close succeeds without leaks', async () => {
  cluster = await createCluster({ brokers: 1, leakCheck: true, topics: [{ name: 't' }] })
  const client = await TopicClient.connect(cluster, 't')
  client.wire.close()
  await eventually(
    () => cluster.leaks(),
    ({ connections, timers }) => connections.length === 0 && timers === 0,
  )
  await cluster.close()
})
