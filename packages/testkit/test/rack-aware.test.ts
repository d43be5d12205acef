import { DescribeConfigs, Fetch } from '@ottla/codec'
import { afterEach, describe, expect, test } from 'vitest'
import { type ClusterOptions, createCluster, type TestCluster } from '../src/index.ts'
import { batchOf } from './support/batches.ts'
import { eventually, TopicClient } from './support/topic-client.ts'
import { WireClient } from './support/wire-client.ts'

const selector = { 'replica.selector.class': 'org.apache.kafka.common.replica.RackAwareReplicaSelector' }

let cluster: TestCluster
afterEach(() => cluster.close())

/** Three brokers in the racks a, b and c, with the records one and two on all of them. */
async function start(
  options: ClusterOptions = {},
): Promise<{ leader: number; followers: number[]; client: TopicClient }> {
  const topics = [{ name: 't', partitions: 1, replicationFactor: 3 }]
  cluster = await createCluster({ brokers: 3, racks: ['a', 'b', 'c'], topics, config: selector, ...options })
  const { leader, replicas } = cluster.partition('t', 0)
  const client = await TopicClient.connect(cluster, 't')
  await client.produce(batchOf(['one', 'two']))
  await eventually(
    () => cluster.replicas('t', 0),
    (all) => all.every(({ highWatermark }) => highWatermark === 2),
  )
  return { leader, followers: replicas.filter((id) => id !== leader), client }
}

const rackOf = (id: number): string => cluster.broker(id).rack ?? ''

describe('with the rack-aware selector', () => {
  test('the leader redirects a consumer to the follower in its rack, without records and without waiting', async () => {
    const { followers, client } = await start()
    const [follower = 0] = followers
    for (const fetchOffset of [0, 2]) {
      const response = await client.fetch({ rackId: rackOf(follower), fetchOffset, maxWaitMs: 600_000 })
      expect(response).toMatchObject({ errorCode: 0, preferredReadReplica: follower, values: [] })
      expect(response).toMatchObject({ highWatermark: 2n, lastStableOffset: 2n, abortedTransactions: null })
    }
  })

  test('the follower serves the redirected consumer up to its own high watermark', async () => {
    const { followers } = await start()
    const [follower = 0] = followers
    const reader = await TopicClient.connect(cluster, 't', follower)
    const request = { rackId: rackOf(follower) }
    expect(await reader.fetch(request)).toMatchObject({ preferredReadReplica: -1, values: ['one', 'two'] })
    expect((await reader.fetch({ ...request, fetchOffset: 3 })).errorCode).toBe(1)
  })

  test('the leader serves consumers in its own rack, in an unknown rack and without one', async () => {
    const { leader, client } = await start()
    for (const rackId of [rackOf(leader), 'elsewhere', '']) {
      expect(await client.fetch({ rackId })).toMatchObject({ preferredReadReplica: -1, values: ['one', 'two'] })
    }
  })

  test('the leader serves clients of versions without a rack', async () => {
    const { followers, client } = await start()
    const fetched = await client.fetch({ rackId: rackOf(followers[0] ?? 0), version: 10 })
    expect(fetched.values).toEqual(['one', 'two'])
  })

  test('the leader does not redirect to a follower that lacks the fetch offset or is out of sync', async () => {
    const { leader, followers, client } = await start({ config: { ...selector, 'replica.lag.time.max.ms': 60_000 } })
    const [follower = 0] = followers
    const rackId = rackOf(follower)
    cluster.broker(follower).pauseReplication()
    await client.produce(batchOf(['three']), { acks: 1 })
    expect(await client.fetch({ rackId, fetchOffset: 2 })).toMatchObject({ preferredReadReplica: follower })
    expect(await client.fetch({ rackId, fetchOffset: 3 })).toMatchObject({ errorCode: 0, preferredReadReplica: -1 })
    await cluster.clock.advance('90s')
    await eventually(
      () => cluster.partition('t', 0).isr,
      (isr) => !isr.includes(follower),
    )
    expect(await client.fetch({ rackId, fetchOffset: 0 })).toMatchObject({ preferredReadReplica: -1 })
    expect(cluster.partition('t', 0).leader).toBe(leader)
  })

  test('the leader does not redirect to a follower whose broker is down', async () => {
    const { followers, client } = await start()
    const [follower = 0] = followers
    await cluster.broker(follower).shutdown()
    expect(await client.fetch({ rackId: rackOf(follower) })).toMatchObject({ values: ['one', 'two'] })
  })

  test('the most caught-up follower in the rack is selected', async () => {
    const { followers, client } = await start({ racks: ['a', 'a', 'a'] })
    // All brokers are in the same rack as the leader: no redirect.
    expect(await client.fetch({ rackId: 'a' })).toMatchObject({ preferredReadReplica: -1 })
    await cluster.close()
    const leader = followers.includes(1) ? (followers.includes(2) ? 3 : 2) : 1
    const again = await start({ racks: [1, 2, 3].map((id) => (id === leader ? 'far' : 'near')) })
    if (again.leader !== leader) throw new Error('The same options elect the same leader')
    const [ahead = 0, behind = 0] = [...again.followers].sort((a, b) => a - b)
    cluster.broker(behind).pauseReplication()
    await again.client.produce(batchOf(['three']), { acks: 1 })
    await eventually(
      () => cluster.replicas('t', 0),
      (all) => all.filter(({ logEndOffset }) => logEndOffset === 3).length === 2,
    )
    await again.client.fetch()
    expect(await again.client.fetch({ rackId: 'near' })).toMatchObject({ preferredReadReplica: ahead })
  })

  test('the redirect comes after the check of the leader epoch', async () => {
    const { followers, client } = await start()
    const rackId = rackOf(followers[0] ?? 0)
    // 75: UNKNOWN_LEADER_EPOCH.
    expect(await client.fetch({ rackId, currentLeaderEpoch: 9 })).toMatchObject({ errorCode: 75, values: [] })
  })

  test('a redirect counts as a change in an incremental fetch session', async () => {
    const { leader, followers } = await start()
    const wire = await WireClient.connect(cluster.runtime, cluster.bootstrap[leader - 1] ?? '')
    const topicId = cluster.state().topics[0]?.topicId ?? ''
    const fetch = (
      sessionId: number,
      sessionEpoch: number,
      topics: readonly { partition: number; fetchOffset: bigint; partitionMaxBytes: number }[],
    ) =>
      wire.request(Fetch, {
        ...{ maxWaitMs: 0, minBytes: 1, sessionId, sessionEpoch, forgottenTopicsData: [] },
        rackId: rackOf(followers[0] ?? 0),
        topics: topics.length === 0 ? [] : [{ topicId, partitions: topics }],
      })
    const { sessionId } = await fetch(0, 0, [{ partition: 0, fetchOffset: 2n, partitionMaxBytes: 1000 }])
    for (const epoch of [1, 2]) {
      const { responses } = await fetch(sessionId, epoch, [])
      expect(responses[0]?.partitions[0]).toMatchObject({ preferredReadReplica: followers[0] })
    }
  })

  test('DescribeConfigs shows the selector and the rack of the broker', async () => {
    await start()
    const wire = await WireClient.connect(cluster.runtime, cluster.bootstrap[1] ?? '')
    const configurationKeys = ['replica.selector.class', 'broker.rack']
    const resources = [{ resourceType: 4, resourceName: '2', configurationKeys }]
    const { results } = await wire.request(DescribeConfigs, { resources })
    expect(Object.fromEntries(results[0]?.configs.map(({ name, value }) => [name, value]) ?? [])).toEqual({
      'replica.selector.class': selector['replica.selector.class'],
      'broker.rack': 'b',
    })
  })
})

test('without a selector, the leader serves consumers of every rack', async () => {
  const { followers, client } = await start({ config: {} })
  const fetched = await client.fetch({ rackId: rackOf(followers[0] ?? 0) })
  expect(fetched).toMatchObject({ preferredReadReplica: -1, values: ['one', 'two'] })
})

test('a selector class that does not exist is refused', async () => {
  cluster = await createCluster({ brokers: 1 })
  const config = { 'replica.selector.class': 'com.example.Nearest' }
  await expect(createCluster({ config })).rejects.toThrow(
    "Config 'replica.selector.class' must be org.apache.kafka.common.replica.RackAwareReplicaSelector or empty, not 'com.example.Nearest'",
  )
})
