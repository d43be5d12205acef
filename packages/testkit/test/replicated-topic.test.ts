import { errorOf, Fetch, ListOffsets } from '@ottla/codec'
import { afterEach, describe, expect, test } from 'vitest'
import { type ClusterOptions, createCluster, type TestCluster } from '../src/index.ts'
import { batchOf } from './support/batches.ts'
import { eventually, TopicClient } from './support/topic-client.ts'

let cluster: TestCluster

afterEach(() => cluster.close())

async function start(config: ClusterOptions['config'] = {}, partitions = 1): Promise<TopicClient> {
  cluster = await createCluster({
    brokers: 3,
    config: { 'broker.session.timeout.ms': 20, ...config },
    topics: [{ name: 't', partitions, replicationFactor: 3 }],
  })
  return TopicClient.connect(cluster, 't')
}

const nameOf = ({ errorCode }: { readonly errorCode: number }) => errorOf(errorCode).name
const isr = () => [...cluster.partition('t', 0).isr].sort()
const leader = () => cluster.partition('t', 0).leader
const followers = () => [1, 2, 3].filter((id) => id !== leader())

describe('acks=all', () => {
  test('is acknowledged when all in-sync replicas have the record, which consumers see then', async () => {
    const client = await start()
    cluster.broker(followers()[0] ?? 0).pauseReplication()
    const produced = client.produce(batchOf(['a']))
    const other = await TopicClient.connect(cluster, 't')
    expect((await other.fetch({ maxWaitMs: 20 })).values).toEqual([])
    for (const id of followers()) cluster.broker(id).resumeReplication()
    expect(await produced).toMatchObject({ errorCode: 0, baseOffset: 0n })
    expect((await other.fetch()).values).toEqual(['a'])
  })

  test('that takes too long is REQUEST_TIMED_OUT, but the record is in the log', async () => {
    const client = await start()
    const [paused = 0] = followers()
    cluster.broker(paused).pauseReplication()
    expect(nameOf(await client.produce(batchOf(['a']), { timeoutMs: 10 }))).toBe('REQUEST_TIMED_OUT')
    cluster.broker(paused).resumeReplication()
    expect((await client.fetch({ maxWaitMs: 1000 })).values).toEqual(['a'])
  })

  test('is rejected before the append when fewer replicas are in sync than min.insync.replicas', async () => {
    const client = await start({ 'min.insync.replicas': 3 })
    expect(nameOf(await client.produce(batchOf(['a'])))).toBe('NONE')
    await cluster.broker(followers()[0] ?? 0).kill()
    await eventually(isr, (ids) => ids.length === 2)
    expect(await client.produce(batchOf(['b']))).toMatchObject({ errorCode: 19, baseOffset: -1n })
    expect(cluster.partition('t', 0).logEndOffset).toBe(1)
  })

  test('times out without a commit when the ISR shrinks below min.insync.replicas while it waits', async () => {
    const client = await start({ 'min.insync.replicas': 3 })
    await cluster.broker(followers()[0] ?? 0).kill()
    expect(nameOf(await client.produce(batchOf(['a']), { timeoutMs: 100 }))).toBe('REQUEST_TIMED_OUT')
    expect(isr()).toHaveLength(2)
    expect(cluster.partition('t', 0)).toMatchObject({ highWatermark: 0, logEndOffset: 1 })
  })

  test('and acks=1 do not advance the high watermark while too few replicas are in sync', async () => {
    const client = await start({ 'min.insync.replicas': 3 })
    await cluster.broker(followers()[0] ?? 0).kill()
    await eventually(isr, (ids) => ids.length === 2)
    expect(await client.produce(batchOf(['a']), { acks: 1 })).toMatchObject({ errorCode: 0, baseOffset: 0n })
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(cluster.partition('t', 0)).toMatchObject({ highWatermark: 0, logEndOffset: 1 })
    expect((await client.fetch()).values).toEqual([])
  })
})

describe('a follower that lags', () => {
  test('leaves the ISR after replica.lag.time.max.ms, and rejoins it when it has caught up', async () => {
    const client = await start({ 'replica.lag.time.max.ms': 40 })
    const [slow = 0] = followers()
    cluster.broker(slow).pauseReplication()
    const produced = client.produce(batchOf(['a']))
    await eventually(isr, (ids) => ids.length === 2)
    expect(nameOf(await produced)).toBe('NONE')
    cluster.broker(slow).resumeReplication()
    await eventually(isr, (ids) => ids.length === 3)
    const ends = cluster.replicas('t', 0).map(({ logEndOffset, highWatermark }) => [logEndOffset, highWatermark])
    expect(ends).toEqual([
      [1, 1],
      [1, 1],
      [1, 1],
    ])
  })
})

describe('a killed leader', () => {
  test('is replaced by the next replica in order, in a new epoch, without losing acknowledged records', async () => {
    const client = await start()
    for (let n = 0; n < 20; n++) await client.produce(batchOf([`v${n}`]))
    const before = cluster.partition('t', 0)
    await cluster.broker(before.leader).kill()
    const after = await eventually(
      () => cluster.partition('t', 0),
      (seen) => seen.leader !== before.leader && seen.leader > 0,
    )
    expect(after).toMatchObject({ leader: before.replicas[1], leaderEpoch: before.leaderEpoch + 1, logEndOffset: 20 })
    await eventually(
      () => cluster.partition('t', 0).highWatermark,
      (offset) => offset === 20,
    )
    const next = await TopicClient.connect(cluster, 't')
    expect((await next.fetch()).values).toHaveLength(20)
    expect(await next.produce(batchOf(['more']))).toMatchObject({ errorCode: 0, baseOffset: 20n })
  })

  test('truncates records that only it had when it restarts, and rejoins the ISR', async () => {
    const client = await start()
    await client.produce(batchOf(['kept']))
    const old = leader()
    for (const id of followers()) cluster.broker(id).pauseReplication()
    await client.produce(batchOf(['lost']), { acks: 1 })
    await cluster.broker(old).kill()
    await eventually(leader, (id) => id !== old && id > 0)
    for (const id of [1, 2, 3]) cluster.broker(id).resumeReplication()
    const next = await TopicClient.connect(cluster, 't')
    await next.produce(batchOf(['instead']))
    await cluster.broker(old).restart()
    await eventually(isr, (ids) => ids.length === 3)
    await eventually(
      () => cluster.replicas('t', 0).map(({ logEndOffset, highWatermark }) => `${logEndOffset}/${highWatermark}`),
      (ends) => ends.every((end) => end === '2/2'),
    )
    await cluster.broker(next === undefined ? 0 : leader()).kill()
    await eventually(leader, (id) => id > 0 && cluster.broker(id).isUp)
    expect((await (await TopicClient.connect(cluster, 't')).fetch()).values).toEqual(['kept', 'instead'])
  })

  test('resets its connections and refuses new ones until it restarts', async () => {
    const client = await start()
    const id = leader()
    const failed = expect(client.fetch({ maxWaitMs: 60_000 })).rejects.toThrow('ECONNRESET')
    await cluster.broker(id).kill()
    await failed
    await expect(TopicClient.connect(cluster, 't', id)).rejects.toThrow('ECONNREFUSED')
    await cluster.broker(id).restart()
    await eventually(isr, (ids) => ids.length === 3)
    expect(nameOf(await (await TopicClient.connect(cluster, 't', leader())).produce(batchOf(['a'])))).toBe('NONE')
  })

  test('leaves no leader when no other replica is in sync, until it restarts', async () => {
    const client = await start()
    await client.produce(batchOf(['a']))
    const last = leader()
    for (const id of followers()) await cluster.broker(id).kill()
    await eventually(isr, (ids) => ids.length === 1)
    await cluster.broker(last).kill()
    await eventually(leader, (id) => id === -1)
    await cluster.broker((last % 3) + 1).restart()
    expect(cluster.partition('t', 0)).toMatchObject({ leader: -1, isr: [] })
    await cluster.broker(last).restart()
    await eventually(leader, (id) => id === last)
    expect((await (await TopicClient.connect(cluster, 't')).fetch({ maxWaitMs: 1000 })).values).toEqual(['a'])
  })
})

describe('a new leader', () => {
  test('does not return the latest offset before its high watermark reaches the start of its epoch', async () => {
    const client = await start()
    await client.produce(batchOf(['a']))
    const old = cluster.partition('t', 0)
    const [, second = 0, third = 0] = old.replicas
    await eventually(
      () => cluster.replicas('t', 0).map(({ highWatermark }) => highWatermark),
      (marks) => marks.every((mark) => mark === 1),
    )
    cluster.broker(third).pauseReplication()
    await client.produce(batchOf(['b']), { acks: 1 })
    await eventually(
      () => cluster.replicas('t', 0).find(({ brokerId }) => brokerId === second)?.logEndOffset,
      (end) => end === 2,
    )
    await cluster.broker(old.leader).kill()
    await eventually(leader, (id) => id === second)
    const next = await TopicClient.connect(cluster, 't')
    expect(nameOf(await next.listOffset(-1n))).toBe('OFFSET_NOT_AVAILABLE')
    expect(await next.listOffset(-2n)).toMatchObject({ errorCode: 0, offset: 0n })
    cluster.broker(third).resumeReplication()
    await eventually(
      () => cluster.partition('t', 0).highWatermark,
      (mark) => mark === 2,
    )
    expect(await next.listOffset(-1n)).toMatchObject({ errorCode: 0, offset: 2n })
  })

  test('ends a waiting fetch of the old epoch', async () => {
    await start()
    const old = leader()
    await cluster.broker(old).kill()
    await eventually(leader, (id) => id !== old && id > 0)
    await cluster.broker(old).restart()
    await eventually(isr, (ids) => ids.length === 3)
    const client = await TopicClient.connect(cluster, 't')
    let responded: string | undefined
    const held = client.fetch({ currentLeaderEpoch: 1, maxWaitMs: 20_000 }).then((response) => {
      responded = nameOf(response)
    })
    expect(await cluster.electLeader('t', 0, 'preferred')).toBe('NONE')
    await eventually(
      () => responded,
      (name) => name !== undefined,
    ).catch(() => {})
    expect(responded).toBe('FENCED_LEADER_EPOCH')
    await held
  })
})

describe('epochs', () => {
  test('fence a client with an old one, and are unknown to the broker when newer', async () => {
    const client = await start()
    const old = leader()
    await cluster.broker(old).kill()
    await eventually(leader, (id) => id !== old && id > 0)
    client.wire.close()
    const next = await TopicClient.connect(cluster, 't')
    expect(nameOf(await next.fetch({ currentLeaderEpoch: 0 }))).toBe('FENCED_LEADER_EPOCH')
    expect(nameOf(await next.fetch({ currentLeaderEpoch: 9 }))).toBe('UNKNOWN_LEADER_EPOCH')
    expect(nameOf(await next.fetch({ currentLeaderEpoch: 1 }))).toBe('NONE')
  })

  test('are checked before the leadership', async () => {
    await start()
    const { wire } = await TopicClient.connect(cluster, 't', followers()[0])
    const listed = await wire.request(ListOffsets, {
      replicaId: -1,
      isolationLevel: 0,
      timeoutMs: 1000,
      topics: [{ name: 't', partitions: [{ partitionIndex: 0, currentLeaderEpoch: 9, timestamp: -1n }] }],
    })
    expect(nameOf(listed.topics[0]?.partitions[0] ?? { errorCode: -1 })).toBe('UNKNOWN_LEADER_EPOCH')
    const partitions = [{ partition: 0, currentLeaderEpoch: 9, fetchOffset: 0n, partitionMaxBytes: 1000 }]
    const topics = [{ topic: 't', partitions }]
    const fetched = await wire.request(Fetch, { maxWaitMs: 0, minBytes: 0, topics, forgottenTopicsData: [] }, 10)
    expect(nameOf(fetched.responses[0]?.partitions[0] ?? { errorCode: -1 })).toBe('UNKNOWN_LEADER_EPOCH')
  })

  test('show a client with truncated records where its log diverges from the leader’s', async () => {
    const client = await start()
    await client.produce(batchOf(['a', 'b']))
    const old = leader()
    await cluster.broker(old).kill()
    await eventually(leader, (id) => id !== old && id > 0)
    const next = await TopicClient.connect(cluster, 't')
    await next.produce(batchOf(['c']))
    const response = await next.fetch({ fetchOffset: 5, lastFetchedEpoch: 0 })
    expect(response).toMatchObject({ errorCode: 0, divergingEpoch: { epoch: 0, endOffset: 2n }, values: [] })
  })

  test('of a producer and its sequence numbers survive a change of the leader', async () => {
    const client = await start()
    const producer = { producerId: 77n, producerEpoch: 0 }
    await client.produce(batchOf(['a'], { ...producer, baseSequence: 0 }))
    await client.produce(batchOf(['b'], { ...producer, baseSequence: 1 }))
    const old = leader()
    await cluster.broker(old).kill()
    await eventually(leader, (id) => id !== old && id > 0)
    const next = await TopicClient.connect(cluster, 't')
    expect(await next.produce(batchOf(['b'], { ...producer, baseSequence: 1 }))).toMatchObject({
      errorCode: 0,
      baseOffset: 1n,
    })
    expect(nameOf(await next.produce(batchOf(['d'], { ...producer, baseSequence: 3 })))).toBe(
      'OUT_OF_ORDER_SEQUENCE_NUMBER',
    )
    expect(await next.produce(batchOf(['c'], { ...producer, baseSequence: 2 }))).toMatchObject({
      errorCode: 0,
      baseOffset: 2n,
    })
  })
})
