import { CreateTopics, errorOf, IncrementalAlterConfigs } from '@ottla/codec'
import { expect, test } from 'vitest'
import { createCluster } from '../src/index.ts'
import { WireClient } from './support/wire-client.ts'

test('assigns new replicas to brokers with only cordoned log directories only manually', async () => {
  await using cluster = await createCluster({ brokers: 3 })
  const wires = await Promise.all(cluster.bootstrap.map((address) => WireClient.connect(cluster.runtime, address)))
  const [wire] = wires
  if (wire === undefined) throw new Error('No broker')
  const cordon = async (id: number, configOperation: number) => {
    const configs = [{ name: 'cordoned.log.dirs', configOperation, value: '*' }]
    const resources = [{ resourceType: 4, resourceName: String(id), configs }]
    await wires[id - 1]?.request(IncrementalAlterConfigs, { resources, validateOnly: false })
  }
  const create = async (name: string, more: { readonly replicationFactor: number; readonly on?: number }) => {
    const { replicationFactor, on } = more
    const assignments = on === undefined ? [] : [{ partitionIndex: 0, brokerIds: [on] }]
    const topic = { name, numPartitions: on === undefined ? 3 : -1, replicationFactor, assignments, configs: [] }
    const { topics } = await wire.request(CreateTopics, { topics: [topic], timeoutMs: 1000 })
    return `${errorOf(topics[0]?.errorCode ?? -1).name} ${topics[0]?.errorMessage}`
  }
  await cordon(3, 0)
  expect(await create('three', { replicationFactor: 3 })).toBe(
    'INVALID_REPLICATION_FACTOR Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached because only 2 broker(s) are registered or some brokers have all their log directories cordoned.',
  )
  expect(await create('two', { replicationFactor: 2 })).toBe('NONE null')
  for (const partition of [0, 1, 2]) expect([...cluster.partition('two', partition).replicas].sort()).toEqual([1, 2])
  expect(await create('there', { replicationFactor: -1, on: 3 })).toBe('NONE null')
  await cordon(1, 0)
  await cordon(2, 0)
  expect(await create('none', { replicationFactor: 1 })).toBe(
    'INVALID_REPLICATION_FACTOR Unable to replicate the partition 1 time(s): All brokers are currently fenced, or have all their log directories cordoned.',
  )
  for (const id of [1, 2, 3]) await cordon(id, 1)
  expect(await create('again', { replicationFactor: 3 })).toBe('NONE null')
})
