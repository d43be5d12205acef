import { DescribeShareGroupOffsets, errorOf, ListGroups } from '@ottla/codec'
import { createCluster, type TestCluster } from '@ottla/testkit'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ack, ShareClient, type Taken, until } from './support/share-client.ts'

let cluster: TestCluster
const clients: ShareClient[] = []

function client(memberId = 'one', groupId = 'g'): ShareClient {
  const made = new ShareClient(cluster, groupId, { memberId })
  clients.push(made)
  return made
}

/** A member of a group that starts with the first record. */
async function joined(memberId = 'one'): Promise<ShareClient> {
  const member = client(memberId)
  if (memberId === 'one') await member.configure({ 'share.auto.offset.reset': 'earliest' })
  await member.join()
  return member
}

const values = (taken: readonly Taken[]) => taken.map(({ value }) => value)

beforeEach(async () => {
  cluster = await createCluster({
    topics: [{ name: 't', partitions: 1, replicationFactor: 3 }],
    config: { 'broker.session.timeout.ms': 50, 'group.share.max.share.sessions': 2 },
  })
})

afterEach(async () => {
  for (const each of clients.splice(0)) each.close()
  await cluster.close()
})

/** Fetches until records are acquired. */
async function take(member: ShareClient, options: { maxRecords?: number } = {}): Promise<Taken[]> {
  let taken: Taken[] = []
  await until('records are acquired', async () => {
    taken = await member.fetch(options)
    return taken.length > 0
  })
  return taken
}

describe('a record of a share group', () => {
  test('is acquired by one member until its lock expires, then by another', async () => {
    const one = await joined()
    await one.produce('a', 'b')
    expect(values(await take(one))).toEqual(['a', 'b'])
    const two = await joined('two')
    expect(await two.fetch()).toEqual([])
    await cluster.clock.advance('31s')
    expect(await take(two)).toEqual([
      { value: 'a', offset: 0, deliveryCount: 2 },
      { value: 'b', offset: 1, deliveryCount: 2 },
    ])
    expect(await one.acknowledge([0, 1, ack.accept])).toBe('INVALID_RECORD_STATE')
    expect(await two.acknowledge([0, 1, ack.accept])).toBe('NONE')
  })

  test('is kept longer by renewing its lock', async () => {
    const one = await joined()
    await one.produce('a')
    await take(one)
    const two = await joined('two')
    await cluster.clock.advance('20s')
    expect(await one.acknowledge([0, 0, ack.renew])).toBe('NONE')
    await cluster.clock.advance('20s')
    expect(await two.fetch()).toEqual([])
    expect(await one.acknowledge([0, 0, ack.accept])).toBe('NONE')
  })

  test('is delivered at most group.share.delivery.count.limit times', async () => {
    const one = await joined()
    await one.produce('a')
    await one.produce('b')
    for (let deliveryCount = 1; deliveryCount <= 5; deliveryCount++) {
      const taken = await take(one, { maxRecords: 1 })
      expect(taken).toEqual([{ value: 'a', offset: 0, deliveryCount }])
      expect(await one.acknowledge([0, 0, ack.release])).toBe('NONE')
    }
    expect(values(await take(one))).toEqual(['b'])
  })

  test('that was accepted is not delivered again after a change of leader and coordinator', async () => {
    const one = await joined()
    await one.produce('a', 'b', 'c')
    await take(one)
    expect(await one.acknowledge([0, 0, ack.accept], [1, 1, ack.release])).toBe('NONE')
    const { leader } = cluster.partition('t', 0)
    await cluster.broker(leader).kill()
    await until('another broker is the leader', async () => ![leader, -1].includes(cluster.partition('t', 0).leader))
    expect(values(await take(one))).toEqual(['b', 'c'])
  })

  test('is released when its member leaves, dies or releases it', async () => {
    const one = await joined()
    await one.produce('a')
    await take(one)
    one.close()
    const two = await joined('two')
    expect(await take(two)).toEqual([{ value: 'a', offset: 0, deliveryCount: 2 }])
  })

  test('is not acquired beyond the limits of sessions and locks', async () => {
    const one = await joined()
    await one.configure({ 'share.partition.max.record.locks': 100 })
    await one.produce(...Array.from({ length: 60 }, (_, i) => `${i}`))
    await one.produce(...Array.from({ length: 60 }, (_, i) => `${60 + i}`))
    await one.produce('last')
    expect((await take(one, { maxRecords: 1000 })).length).toBe(120)
    expect(await one.fetch()).toEqual([])
    await joined('two')
    await client('two').join()
    const three = client('three')
    await three.join()
    const other = client('two', 'other')
    await other.join()
    await until('two sessions', async () => (await clients[1]?.fetchRaw())?.errorCode === 0)
    expect(errorOf((await three.fetchRaw()).errorCode).name).toBe('SHARE_SESSION_LIMIT_REACHED')
  })
})

test('a share group is listed with its lag, and survives a change of its coordinator', async () => {
  const one = await joined()
  await one.produce('a', 'b', 'c')
  await take(one)
  await one.acknowledge([0, 1, ack.accept])
  const lagOf = async () => {
    const coordinator = await one.coordinator()
    const { groups } = await coordinator.request(DescribeShareGroupOffsets, {
      groups: [{ groupId: 'g', topics: null }],
    })
    return groups[0]?.topics[0]?.partitions[0]?.lag
  }
  expect(await lagOf()).toBe(1n)
  const coordinator = await one.coordinator()
  const { groups } = await coordinator.request(ListGroups, { statesFilter: [], typesFilter: ['share'] })
  expect(groups).toEqual([{ groupId: 'g', protocolType: 'share', groupState: 'Stable', groupType: 'share' }])
  for (const { id } of cluster.state().brokers) {
    await cluster.broker(id).kill()
    await cluster.broker(id).restart()
  }
  one.close()
  await until('its member is known', async () => (await one.heartbeat()).errorCode === 0)
  await until('its lag is known', async () => (await lagOf()) === 1n)
})

test('a member without heartbeats is removed after its session timeout', async () => {
  const one = await joined()
  const two = await joined('two')
  await cluster.clock.advance('40s')
  expect((await two.heartbeat()).errorCode).toBe(0)
  await cluster.clock.advance('10s')
  expect(errorOf((await one.heartbeat()).errorCode).name).toBe('UNKNOWN_MEMBER_ID')
  expect((await two.heartbeat()).errorCode).toBe(0)
})
