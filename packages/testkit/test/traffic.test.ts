import { ApiVersions } from '@ottla/codec'
import { afterEach, expect, test } from 'vitest'
import { createCluster, type TestCluster } from '../src/index.ts'
import { batchOf } from './support/batches.ts'
import { TopicClient } from './support/topic-client.ts'

let cluster: TestCluster
afterEach(() => cluster.close())

const topics = [{ name: 't' }, { name: 'u' }]
const software = { clientSoftwareName: 'wire', clientSoftwareVersion: '1' }

test('keeps decoded requests and responses, by topic name even for requests with ids', async () => {
  cluster = await createCluster({ brokers: 1, topics, traffic: true })
  const client = await TopicClient.connect(cluster, 't')
  await client.produce(batchOf(['a']))
  const [seen, ...more] = cluster.saw({ api: 'Produce', topic: 't', node: 1, client: 'wire' })
  expect(more).toEqual([])
  expect(seen).toMatchObject({ api: 'Produce', node: 1, client: 'wire', outcome: 'responded', request: { acks: -1 } })
  expect(seen?.response).toMatchObject({ responses: [{ partitionResponses: [{ index: 0, errorCode: 0 }] }] })
  expect(cluster.saw({ topic: 'u' })).toEqual([])
  expect(cluster.saw({ client: 'other' })).toEqual([])
  expect(cluster.saw().map(({ api }) => api)).toEqual(['Metadata', 'Produce'])
})

test('drops the oldest requests first', async () => {
  cluster = await createCluster({ brokers: 1, traffic: { limit: 3 } })
  const client = await TopicClient.connect(cluster, 't', 1)
  for (let i = 0; i < 5; i++) await client.wire.request(ApiVersions, software)
  expect(cluster.saw().map(({ sequence }) => sequence)).toEqual([3, 4, 5])
})

test('lists the faults of a request, and requests without a response', async () => {
  cluster = await createCluster({ brokers: 1, topics, traffic: true })
  const client = await TopicClient.connect(cluster, 't')
  const fault = cluster.faults.add({ match: { api: 'Produce' }, action: 'close' })
  await expect(client.produce(batchOf(['a']))).rejects.toThrow()
  expect(cluster.saw({ api: 'Produce' })).toMatchObject([{ outcome: 'closed', faults: [fault.id] }])
})

test('a request can be awaited, also without the log', async () => {
  cluster = await createCluster({ brokers: 1, topics })
  const client = await TopicClient.connect(cluster, 't')
  const coming = cluster.awaitTraffic({ api: 'Produce' })
  const responded = cluster.awaitTraffic({ api: 'Produce' }, { responded: true })
  await client.produce(batchOf(['a']))
  expect((await coming).api).toBe('Produce')
  expect((await responded).response).toBeDefined()
  await expect(cluster.awaitTraffic({ api: 'Fetch' }, { timeoutMs: 1 })).rejects.toThrow(
    'No request matched {"api":"Fetch"} within 1 ms',
  )
  expect(() => cluster.saw()).toThrow('Traffic is not kept')
})

test('waiting for a request fails when the cluster closes', async () => {
  cluster = await createCluster({ brokers: 1 })
  const waiting = expect(cluster.awaitTraffic({})).rejects.toThrow('The cluster was closed')
  await cluster.close()
  await waiting
})

test('rejects an invalid match', async () => {
  cluster = await createCluster({ brokers: 1, traffic: true })
  expect(() => cluster.saw({ api: 'Nonsense' as 'Fetch' })).toThrow('does not serve "Nonsense"')
})
