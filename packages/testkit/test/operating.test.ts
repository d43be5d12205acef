import { errorOf, IncrementalAlterConfigs } from '@ottla/codec'
import { afterEach, describe, expect, test } from 'vitest'
import { type ClusterOptions, createCluster, type TestCluster } from '../src/index.ts'
import { batchOf } from './support/batches.ts'
import { eventually, TopicClient } from './support/topic-client.ts'

let cluster: TestCluster

afterEach(() => cluster.close())

type Configs = Readonly<Record<string, string | number>>

async function start(configs: Configs = {}, config: ClusterOptions['config'] = {}): Promise<TopicClient> {
  cluster = await createCluster({
    config: { 'broker.session.timeout.ms': 20, 'replica.lag.time.max.ms': 100, ...config },
    topics: [{ name: 't', partitions: 1, replicationFactor: 3, configs }],
  })
  return TopicClient.connect(cluster, 't')
}

const nameOf = ({ errorCode }: { readonly errorCode: number }) => errorOf(errorCode).name
const leader = () => cluster.partition('t', 0).leader
const followers = () => cluster.partition('t', 0).replicas.filter((id) => id !== leader())
const isr = () => [...cluster.partition('t', 0).isr].sort()
const ends = () => cluster.replicas('t', 0).map(({ logEndOffset }) => logEndOffset)
const starts = () => cluster.replicas('t', 0).map(({ logStartOffset }) => logStartOffset)
const isWhole = () => eventually(isr, ({ length }) => length === 3)

async function moved(from: number): Promise<TopicClient> {
  await eventually(leader, (id) => id > 0 && id !== from)
  return TopicClient.connect(cluster, 't')
}

async function alter(client: TopicClient, name: string, value: string) {
  const resources = [{ resourceType: 2, resourceName: 't', configs: [{ name, configOperation: 0, value }] }]
  const { responses } = await client.wire.request(IncrementalAlterConfigs, { resources, validateOnly: false })
  return errorOf(responses[0]?.errorCode ?? -1).name
}

const replicated = (offset: number) =>
  eventually(
    () => cluster.replicas('t', 0).map(({ highWatermark }) => highWatermark),
    (marks) => marks.every((mark) => mark === offset),
  )

describe('a log', () => {
  test('deletes old segments on all replicas, and consumers get OFFSET_OUT_OF_RANGE', async () => {
    const client = await start({ 'segment.ms': 1 })
    for (let n = 0; n < 4; n++) await client.produce(batchOf([`v${n}`], { timestamp: Date.now() - 10_000 + n * 100 }))
    await replicated(4)
    cluster.applyRetention()
    expect(starts()).toEqual([0, 0, 0])
    expect(await alter(client, 'retention.ms', '9850')).toBe('NONE')
    const applied = () => {
      cluster.applyRetention()
      return starts()
    }
    await eventually(applied, (at) => at.every((offset) => offset >= 2))
    expect(nameOf(await client.fetch({ fetchOffset: 0 }))).toBe('OFFSET_OUT_OF_RANGE')
    expect((await client.listOffset(-2n)).offset).toBeGreaterThanOrEqual(2n)
  })

  test('is checked every log.retention.check.interval.ms', async () => {
    const client = await start({ 'retention.ms': 0 }, { 'log.retention.check.interval.ms': 5 })
    await client.produce(batchOf(['old'], { timestamp: 1 }))
    await eventually(starts, (at) => at.every((offset) => offset === 1))
    expect(await client.produce(batchOf(['new'], { timestamp: Date.now() + 60_000 }))).toMatchObject({ baseOffset: 1n })
    expect((await client.fetch({ fetchOffset: 1 })).values).toEqual(['new'])
  })

  test('is compacted on all replicas, and a consumer reads across the gaps', async () => {
    const client = await start({ 'cleanup.policy': 'compact', 'segment.ms': 1 })
    for (const [n, value] of ['a', 'b', 'c', 'd'].entries())
      await client.produce(batchOf([value], { timestamp: n * 10 }))
    await replicated(4)
    await cluster.compact()
    expect(await client.readAll()).toEqual(['c', 'd'])
    expect(await client.readAll(1)).toEqual(['c', 'd'])
    expect(starts()).toEqual([0, 0, 0])
    const old = leader()
    await cluster.broker(old).kill()
    expect(await (await moved(old)).readAll()).toEqual(['c', 'd'])
  })

  test('of a replica on an empty disk is copied as compacted', async () => {
    const client = await start({ 'cleanup.policy': 'compact', 'segment.ms': 1 })
    for (const [n, value] of ['a', 'b', 'c', 'd'].entries())
      await client.produce(batchOf([value], { timestamp: n * 10 }))
    await replicated(4)
    await cluster.compact()
    const [back = 0] = followers()
    await cluster.broker(back).kill()
    await eventually(isr, ({ length }) => length === 2)
    await cluster.broker(back).restart({ wipe: true })
    await isWhole()
    expect(ends()).toEqual([4, 4, 4])
  })
})

describe('a machine that crashes', () => {
  test('loses unflushed records, and fetches them from other replicas', async () => {
    const client = await start()
    for (let n = 0; n < 5; n++) await client.produce(batchOf([`v${n}`]))
    await replicated(5)
    const old = leader()
    await cluster.broker(old).kill({ fsync: 'none' })
    expect(cluster.replicas('t', 0).find(({ brokerId }) => brokerId === old)?.logEndOffset).toBe(0)
    await moved(old)
    await cluster.broker(old).restart()
    await isWhole()
    expect(ends()).toEqual([5, 5, 5])
  })

  test('keeps records flushed by flush.messages; a killed process keeps everything', async () => {
    const client = await start({ 'flush.messages': 2 })
    for (let n = 0; n < 5; n++) await client.produce(batchOf([`v${n}`]))
    await replicated(5)
    const [a = 0, b = 0] = followers()
    await cluster.broker(a).kill({ fsync: 'none' })
    await cluster.broker(b).kill()
    const endOf = (id: number) => cluster.replicas('t', 0).find(({ brokerId }) => brokerId === id)?.logEndOffset
    expect([endOf(a), endOf(b)]).toEqual([4, 5])
  })

  test('loses acknowledged records that no other replica has', async () => {
    const client = await start()
    for (const id of followers()) await cluster.broker(id).kill()
    await eventually(isr, ({ length }) => length === 1)
    expect(nameOf(await client.produce(batchOf(['gone'])))).toBe('NONE')
    const last = leader()
    await cluster.broker(last).kill({ fsync: 'none' })
    await cluster.broker(last).restart()
    await eventually(leader, (id) => id === last)
    expect(cluster.partition('t', 0)).toMatchObject({ logEndOffset: 0, highWatermark: 0 })
  })
})

describe('a broker that hangs', () => {
  test('does not respond, is replaced, and truncates its unreplicated records after resuming', async () => {
    const client = await start()
    await client.produce(batchOf(['a']))
    await replicated(1)
    const old = leader()
    cluster.broker(old).pause()
    const stale = client.produce(batchOf(['zombie']), { acks: 1 })
    const next = await moved(old)
    expect(await next.produce(batchOf(['b']))).toMatchObject({ errorCode: 0, baseOffset: 1n })
    expect(cluster.broker(old)).toMatchObject({ isUp: true, isPaused: true, connectionCount: 1 })
    cluster.broker(old).resume()
    // It still believed it was the leader until it received the metadata.
    expect(['NONE', 'NOT_LEADER_OR_FOLLOWER']).toContain(nameOf(await stale))
    await isWhole()
    await replicated(2)
    expect((await next.fetch()).values).toEqual(['a', 'b'])
  })

  test('remains the leader if it resumes within its session timeout', async () => {
    const client = await start({}, { 'broker.session.timeout.ms': 10_000 })
    const old = leader()
    cluster.broker(old).pause()
    const held = client.produce(batchOf(['a']))
    cluster.broker(old).resume()
    expect(nameOf(await held)).toBe('NONE')
    expect(cluster.partition('t', 0)).toMatchObject({ leader: old, leaderEpoch: 0 })
  })

  test('can be killed and restarted', async () => {
    await start()
    const old = leader()
    cluster.broker(old).pause()
    await cluster.broker(old).kill()
    await moved(old)
    await cluster.broker(old).restart()
    await isWhole()
  })
})

describe('a network that is cut', () => {
  test('between a leader and a follower shrinks the ISR, which expands after healing', async () => {
    for (const oneWay of [false, true]) {
      const client = await start()
      const [cut = 0] = followers()
      const heal = cluster.disconnect(leader(), cut, { oneWay })
      expect(nameOf(await client.produce(batchOf(['a'])))).toBe('NONE')
      expect(isr()).not.toContain(cut)
      heal()
      await isWhole()
      expect(ends()).toEqual([1, 1, 1])
      if (!oneWay) await cluster.close()
    }
  })

  test('between a leader and the controller moves the leadership, and the old leader commits nothing', async () => {
    const client = await start({ 'min.insync.replicas': 2 })
    const old = leader()
    const heal = cluster.disconnect(old, 'controller')
    const next = await moved(old)
    expect(nameOf(await client.produce(batchOf(['lost']), { timeoutMs: 30 }))).not.toBe('NONE')
    expect(nameOf(await next.produce(batchOf(['kept'])))).toBe('NONE')
    heal()
    await isWhole()
    await replicated(1)
    expect((await next.fetch()).values).toEqual(['kept'])
  })

  test.each(['to', 'from'] as const)(
    '%s the broker leaves a client waiting, and its request completes after healing',
    async (direction) => {
      const client = await start()
      const id = leader()
      const heal =
        direction === 'to'
          ? cluster.disconnect('clients', id, { oneWay: true })
          : cluster.disconnect(id, 'clients', { oneWay: true })
      let hasResponse = false
      const produced = client.produce(batchOf(['a'])).finally(() => {
        hasResponse = true
      })
      if (direction === 'from') await replicated(1)
      else await new Promise((resolve) => setTimeout(resolve, 10))
      expect([hasResponse, cluster.partition('t', 0).logEndOffset]).toEqual([false, direction === 'from' ? 1 : 0])
      heal()
      expect(nameOf(await produced)).toBe('NONE')
    },
  )
})

test('a slow broker responds later, in order', async () => {
  const client = await start()
  cluster.broker(leader()).slow(15)
  const before = performance.now()
  const both = await Promise.all([client.produce(batchOf(['a'])), client.produce(batchOf(['b']))])
  expect(performance.now() - before).toBeGreaterThan(28)
  expect(both.map(({ baseOffset }) => baseOffset)).toEqual([0n, 1n])
})

test('a full disk accepts no records from producers or leaders until there is space', async () => {
  const client = await start()
  const id = leader()
  const [full = 0] = followers()
  cluster.broker(full).fillDisk()
  expect(nameOf(await client.produce(batchOf(['a'])))).toBe('NONE')
  expect(isr()).not.toContain(full)
  cluster.broker(id).fillDisk()
  expect(nameOf(await client.produce(batchOf(['b'])))).toBe('KAFKA_STORAGE_ERROR')
  expect((await client.fetch()).values).toEqual(['a'])
  for (const each of cluster.brokers) each.freeDisk()
  await isWhole()
  expect(nameOf(await client.produce(batchOf(['c'])))).toBe('NONE')
})

describe('a clean shutdown', () => {
  test('moves the leaders before the broker stops, without waiting for a session timeout', async () => {
    await start({}, { 'broker.session.timeout.ms': 600_000 })
    const old = cluster.partition('t', 0)
    await cluster.broker(old.leader).shutdown()
    expect(cluster.partition('t', 0)).toMatchObject({ leader: old.replicas[1], leaderEpoch: 1 })
    expect(isr()).not.toContain(old.leader)
    await cluster.broker(old.leader).restart()
    await isWhole()
    expect(await cluster.electLeader('t', 0, 'preferred')).toBe('NONE')
    expect(leader()).toBe(old.leader)
    expect(await cluster.electLeader('t', 0, 'preferred')).toBe('ELECTION_NOT_NEEDED')
  })
})

describe('an unclean election', () => {
  async function withoutLeader(): Promise<number> {
    const client = await start()
    const [behind = 0, other = 0] = followers()
    await cluster.broker(behind).kill()
    await eventually(isr, ({ length }) => length === 2)
    await cluster.broker(other).kill()
    await eventually(isr, ({ length }) => length === 1)
    await client.produce(batchOf(['lost']))
    await cluster.broker(leader()).kill()
    await eventually(leader, (id) => id === -1)
    await cluster.broker(behind).restart()
    expect(leader()).toBe(-1)
    return behind
  }

  test('runs on request', async () => {
    const behind = await withoutLeader()
    expect(await cluster.electLeader('t', 0, 'unclean')).toBe('NONE')
    expect(cluster.partition('t', 0)).toMatchObject({ leader: behind, isr: [behind], logEndOffset: 0 })
  })

  test('runs as soon as the topic enables it', async () => {
    const behind = await withoutLeader()
    expect(await alter(await TopicClient.connect(cluster, 't', behind), 'unclean.leader.election.enable', 'true')).toBe(
      'NONE',
    )
    await eventually(leader, (id) => id === behind)
  })
})
