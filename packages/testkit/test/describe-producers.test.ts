import { DescribeProducers } from '@ottla/codec'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createCluster, type TestCluster } from '../src/index.ts'
import { batchOf } from './support/batches.ts'
import { eventually, TopicClient } from './support/topic-client.ts'
import { WireClient } from './support/wire-client.ts'

let cluster: TestCluster

beforeEach(async () => {
  cluster = await createCluster({ brokers: 3, topics: [{ name: 't', partitions: 1, replicationFactor: 2 }] })
  const client = await TopicClient.connect(cluster, 't')
  await client.produce(batchOf(['a', 'b'], { producerId: 42n, producerEpoch: 3, baseSequence: 0 }))
})

afterEach(() => cluster.close())

async function describeAt(brokerId: number, topic = 't', partition = 0) {
  const wire = await WireClient.connect(cluster.runtime, cluster.bootstrap[brokerId - 1] ?? '')
  const { topics } = await wire.request(DescribeProducers, { topics: [{ name: topic, partitionIndexes: [partition] }] })
  wire.close()
  return topics[0]?.partitions[0]
}

const active = [
  { producerId: 42n, producerEpoch: 3, lastSequence: 1, coordinatorEpoch: -1, currentTxnStartOffset: -1n },
]

describe('DescribeProducers', () => {
  test('is served by the leader and by its followers, each from its own log', async () => {
    const { leader, replicas } = cluster.partition('t', 0)
    const follower = replicas.find((id) => id !== leader) ?? 0
    await eventually(
      () => cluster.replicas('t', 0),
      (all) => all.every(({ logEndOffset }) => logEndOffset === 2),
    )
    expect(await describeAt(leader)).toMatchObject({ errorCode: 0, activeProducers: active })
    expect(await describeAt(follower)).toMatchObject({ errorCode: 0, activeProducers: active })
    cluster.broker(follower).pauseReplication()
    const client = await TopicClient.connect(cluster, 't')
    await client.produce(batchOf(['c'], { producerId: 42n, producerEpoch: 3, baseSequence: 2 }), { acks: 1 })
    expect(await describeAt(leader)).toMatchObject({ activeProducers: [{ lastSequence: 2 }] })
    expect(await describeAt(follower)).toMatchObject({ activeProducers: [{ lastSequence: 1 }] })
  })

  test('fails on a broker without a replica, and for unknown partitions and topics', async () => {
    const { replicas } = cluster.partition('t', 0)
    const other = [1, 2, 3].find((id) => !replicas.includes(id)) ?? 0
    expect(await describeAt(other)).toMatchObject({ errorCode: 6, errorMessage: null, activeProducers: [] })
    expect(await describeAt(other, 't', 7)).toMatchObject({ errorCode: 3, activeProducers: [] })
    expect(await describeAt(other, 'unknown')).toMatchObject({ errorCode: 3, activeProducers: [] })
  })
})
