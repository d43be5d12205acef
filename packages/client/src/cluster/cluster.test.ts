import { FindCoordinator, Heartbeat, Metadata } from '@ottla/codec'
import { beforeEach, describe, expect, it } from 'vitest'
import { FakeCluster } from '../../test/net/fake-broker.ts'
import { FakeNetwork } from '../../test/net/fake-network.ts'
import { FakeRuntime, settle } from '../../test/net/fake-runtime.ts'
import type { KafkaError } from '../errors.ts'
import { createEvents } from '../events.ts'
import { silentLogger } from '../logger.ts'
import { Metrics } from '../metrics.ts'
import { type KafkaOptions, resolveKafkaOptions } from '../options.ts'
import { Cluster } from './cluster.ts'

let network: FakeNetwork
let runtime: FakeRuntime
let fake: FakeCluster

function newCluster(options: Partial<KafkaOptions> = {}): Cluster {
  const given = { brokers: fake.bootstrap, runtime, logger: silentLogger, ...options }
  return new Cluster(resolveKafkaOptions(given), createEvents(), new Metrics())
}

/** The result of a promise that is settled by letting time pass. */
async function after<T>(ms: number, promise: Promise<T>): Promise<T | KafkaError> {
  const caught = promise.catch((error: unknown) => error as KafkaError)
  await runtime.advance(ms)
  return Promise.race([caught, Promise.reject(new Error(`not settled after ${ms} ms`))])
}

const beat = { groupId: 'g', generationId: 1, memberId: 'm', groupInstanceId: null }

beforeEach(() => {
  network = new FakeNetwork()
  runtime = new FakeRuntime(network)
  fake = new FakeCluster(network, 3)
  fake.topics.set('t', { partitions: [{ leader: 1 }, { leader: 2 }] })
})

describe('bootstrapping', () => {
  it('opens nothing until it is needed', async () => {
    newCluster()
    await settle()
    expect(network.dials).toEqual([])
    expect(runtime.timers.size).toBe(0)
  })

  it('learns the brokers from the first address that answers', async () => {
    const cluster = newCluster({ brokers: ['gone:1', 'broker:9091'] })
    await after(10_000, cluster.awaitTopic('t'))
    expect(cluster.brokers().map(({ id, host, port }) => [id, host, port])).toEqual([
      [1, 'broker', 9091],
      [2, 'broker', 9092],
      [3, 'broker', 9093],
    ])
    expect(cluster.clusterId).toBe('fake')
    expect(cluster.leaderOf('t', 1)?.id).toBe(2)
    expect(cluster.leaderOf('t', 2)).toBeUndefined()
    await cluster.close()
  })

  it('names every address and why it failed', async () => {
    runtime.names.set('gone', ['10.0.0.1', '10.0.0.2'])
    runtime.names.set('nowhere', Object.assign(new Error('getaddrinfo ENOTFOUND nowhere'), { code: 'ENOTFOUND' }))
    const cluster = newCluster({ brokers: ['gone:1', 'nowhere:2'] })
    const error = (await after(500, cluster.refreshMetadata('test'))) as KafkaError
    expect(error).toMatchObject({ code: 'NO_BROKER_REACHABLE', retriable: true, outcome: 'not-written' })
    expect(error.message).toContain('10.0.0.1:1 connection refused, 10.0.0.2:1 connection refused')
    expect(error.message).toContain('nowhere:2: the host name is not known to DNS')
    expect(error.hint).toBeDefined()
    await cluster.close()
  })

  it('turns to the next address when one is silent, while connecting or afterwards', async () => {
    network.brokers.set('silent:1', null)
    network.brokers.set('mute:1', () => undefined)
    const cluster = newCluster({
      brokers: ['silent:1', 'mute:1', 'broker:9091'],
      connectTimeoutMs: 500,
      handshakeTimeoutMs: 500,
    })
    await after(3_000, cluster.awaitTopic('t'))
    expect(cluster.topic('t')?.partitions).toHaveLength(2)
    await cluster.close()
  })

  it('tries every address of a host, looked up anew each time', async () => {
    network.brokers.set('10.0.0.2:9091', (request) => fake.respond(request))
    runtime.names.set('many', ['10.0.0.1', '10.0.0.2'])
    const cluster = newCluster({ brokers: 'many:9091' })
    await after(1_000, cluster.refreshMetadata('test'))
    expect(network.dials.slice(0, 2)).toEqual(['10.0.0.1:9091', '10.0.0.2:9091'])
    expect(runtime.lookups).toBeGreaterThanOrEqual(1)
    await cluster.close()
  })

  it('asks mapBroker where to connect, and keeps the advertised name for the certificate', async () => {
    network.brokers.set('tunnel:19091', (request) => fake.respond(request))
    const mapBroker = (_host: string, port: number) => ({ host: 'tunnel', port: port + 10_000 })
    const cluster = newCluster({ brokers: 'broker:9091', mapBroker })
    await after(1_000, cluster.refreshMetadata('test'))
    expect(network.dials).toEqual(['tunnel:19091'])
    expect(network.sockets[0]!.target.serverName).toBe('broker')
    await cluster.close()
  })

  it('survives a function `brokers` that fails, and one that hangs', async () => {
    const lists: (() => Promise<string[]>)[] = [
      () => Promise.reject(new Error('no consul')),
      () => new Promise(() => {}),
      async () => fake.bootstrap,
    ]
    const cluster = newCluster({ brokers: () => lists.shift()!(), requestTimeoutMs: 2_000 })
    expect(await after(10, cluster.refreshMetadata('1'))).toMatchObject({
      code: 'NO_BROKER_REACHABLE',
      retriable: true,
      message: expect.stringContaining('no consul'),
    })
    expect(await after(3_000, cluster.refreshMetadata('2'))).toMatchObject({
      message: expect.stringContaining('2000 ms'),
    })
    expect(await after(500, cluster.refreshMetadata('3'))).toBeUndefined()
    await cluster.close()
  })

  it('tells a newcomer by a warning that nobody answers, now and then', async () => {
    const warnings: string[] = []
    const logger = { ...silentLogger, warn: (message: string) => warnings.push(message) }
    const cluster = newCluster({ brokers: ['gone:1'], logger })
    void cluster.awaitTopic('t').catch(() => {})
    await runtime.advance(50_000)
    expect(warnings).toHaveLength(2)
    expect(warnings[0]).toMatch(/gone:1.*still trying/)
    await cluster.close()
  })

  it('connects no more often than the backoff allows while nobody answers', async () => {
    const cluster = newCluster({ brokers: ['gone:1'], apiTimeoutMs: 600_000 })
    const failed = after(600_001, cluster.awaitTopic('t'))
    expect(await failed).toMatchObject({ code: 'TIMED_OUT' })
    expect(network.dials.length).toBeGreaterThan(100)
    expect(network.dials.length).toBeLessThan(1_300)
    await cluster.close()
    expect(runtime.timers.size).toBe(0)
  })
})

describe('metadata', () => {
  it('is asked for once for all who ask in the meantime', async () => {
    const cluster = newCluster()
    const all = Promise.all([cluster.awaitTopic('t'), cluster.awaitTopic('t'), cluster.refreshMetadata('x')])
    await after(1_000, all)
    expect(network.requests('Metadata').length).toBeLessThanOrEqual(2)
    await cluster.close()
  })

  it('never lets the brokers create topics, unless told to', async () => {
    const cluster = newCluster()
    await after(1_000, cluster.awaitTopic('t'))
    expect(network.requests('Metadata').every(({ body }) => body.allowAutoTopicCreation === false)).toBe(true)
    void cluster.awaitTopic('made', { allowAutoTopicCreation: true }).catch(() => {})
    await runtime.advance(200)
    const creating = network.requests('Metadata').filter(({ body }) => body.allowAutoTopicCreation)
    expect(creating.map(({ body }) => body.topics?.[0]?.name)).toContain('made')
    await cluster.close()
  })

  it('fails for an unknown topic after topicTimeoutMs, with a hint', async () => {
    const cluster = newCluster()
    const startedMs = runtime.monoNow()
    let failedMs = 0
    const failed = cluster.awaitTopic('nope').finally(() => {
      failedMs = runtime.monoNow()
    })
    expect(await after(8_000, failed)).toMatchObject({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      topic: 'nope',
      hint: expect.stringContaining('Create the topic'),
    })
    expect(failedMs - startedMs).toBeGreaterThanOrEqual(5_000)
    expect(failedMs - startedMs).toBeLessThan(5_300)
    await cluster.close()
  })

  it('finds a topic that is created while it waits', async () => {
    const cluster = newCluster()
    const found = cluster.awaitTopic('late')
    await runtime.advance(2_000)
    fake.topics.set('late', { partitions: [{ leader: 3 }] })
    expect(await after(2_000, found)).toMatchObject({ name: 'late' })
    await cluster.close()
  })

  it('fails at once for a topic that may not be seen', async () => {
    fake.topics.set('secret', { errorCode: 29, partitions: [] })
    const cluster = newCluster()
    expect(await after(500, cluster.awaitTopic('secret'))).toMatchObject({ code: 'TOPIC_AUTHORIZATION_FAILED' })
    await cluster.close()
  })

  it('follows watched topics at metadataMaxAgeMs, and tells of changes only', async () => {
    const cluster = newCluster({ metadataMaxAgeMs: 60_000 })
    const release = cluster.watchTopics(['t'])
    await after(1_000, cluster.refreshMetadata('test'))
    let changes = 0
    cluster.onMetadata(() => changes++)
    await runtime.advance(61_000)
    expect(changes).toBe(0)
    fake.topics.set('t', { partitions: [{ leader: 3, leaderEpoch: 1 }, { leader: 2 }] })
    await runtime.advance(61_000)
    expect(changes).toBe(1)
    expect(cluster.leaderOf('t', 0)?.id).toBe(3)
    release()
    await cluster.close()
    expect(runtime.timers.size).toBe(0)
  })

  it('asks another broker when the one asked hangs', async () => {
    const cluster = newCluster()
    await after(1_000, cluster.refreshMetadata('test'))
    let asked = 0
    fake.handlers.set('Metadata', (request) => (asked++ === 0 ? undefined : fake.standard(request)))
    expect(await after(11_000, cluster.refreshMetadata('again'))).toBeUndefined()
    expect(asked).toBe(2)
    await cluster.close()
  })

  it('learns leaders from elsewhere, with their addresses (KIP-951)', async () => {
    const cluster = newCluster()
    await after(1_000, cluster.awaitTopic('t'))
    cluster.learnBrokers([{ id: 9, host: 'broker', port: 9099 }])
    cluster.learnLeader('t', 0, 9, 4)
    expect(cluster.leaderOf('t', 0)).toMatchObject({ id: 9, port: 9099 })
    await cluster.close()
  })
})

describe('coordinators', () => {
  it('are looked up once, many in one request, and forgotten on demand', async () => {
    const cluster = newCluster()
    await after(1_000, cluster.refreshMetadata('test'))
    const keys = ['a', 'b', 'a', '__proto__']
    const found = await after(1_000, Promise.all(keys.map((key) => cluster.coordinator('group', key))))
    expect((found as { id: number }[]).map(({ id }) => id)).toEqual([1, 1, 1, 1])
    const asked = network.requests('FindCoordinator')
    expect(asked.map(({ body }) => body.coordinatorKeys)).toEqual([['a', 'b', '__proto__']])
    await cluster.coordinator('group', 'a')
    expect(network.requests('FindCoordinator')).toHaveLength(1)
    cluster.forgetCoordinator('group', 'a')
    await after(500, cluster.coordinator('group', 'a'))
    expect(network.requests('FindCoordinator')).toHaveLength(2)
    await cluster.close()
  })

  it('are looked up one by one at older brokers', async () => {
    fake.versions.set('FindCoordinator', { min: 0, max: 3 })
    const cluster = newCluster()
    const both = Promise.all([cluster.coordinator('group', 'a'), cluster.coordinator('transaction', 'a')])
    await after(1_000, both)
    expect(network.requests('FindCoordinator').map(({ body }) => [body.key, body.keyType])).toEqual([
      ['a', 0],
      ['a', 1],
    ])
    await cluster.close()
  })

  it('are waited for while there is none yet, and refused at once when it is not allowed', async () => {
    let code = 15
    fake.handlers.set('FindCoordinator', ({ body }) => ({
      coordinators: body.coordinatorKeys.map((key: string) => ({
        key,
        nodeId: code === 0 ? 2 : -1,
        host: code === 0 ? 'broker' : '',
        port: code === 0 ? 9092 : -1,
        errorCode: code,
        errorMessage: null,
      })),
    }))
    const cluster = newCluster()
    const found = cluster.coordinator('group', 'g')
    await runtime.advance(3_000)
    code = 0
    expect(await after(2_000, found)).toMatchObject({ id: 2 })
    code = 30
    expect(await after(500, cluster.coordinator('group', 'h'))).toMatchObject({
      code: 'GROUP_AUTHORIZATION_FAILED',
      retriable: false,
    })
    await cluster.close()
  })

  it('stay looked up for one caller when another aborts', async () => {
    fake.handlers.set('FindCoordinator', () => undefined)
    const cluster = newCluster()
    await after(1_000, cluster.refreshMetadata('test'))
    const controller = new AbortController()
    const aborted = cluster.coordinator('group', 'g', { signal: controller.signal }).catch((error: unknown) => error)
    const kept = cluster.coordinator('group', 'g')
    await settle()
    controller.abort()
    expect(await aborted).toMatchObject({ code: 'ABORTED' })
    const [asked] = network.requests('FindCoordinator')
    asked!.socket.respond(FindCoordinator, asked!.version, asked!.correlationId, {
      throttleTimeMs: 0,
      ...(fake.coordinators(asked!) as { coordinators: never[] }),
    })
    expect(await after(100, kept)).toMatchObject({ id: 1 })
    expect(network.requests('FindCoordinator')).toHaveLength(1)
    await cluster.close()
  })
})

describe('closing', () => {
  it('settles everything that waits, leaves nothing open, and opens nothing afterwards', async () => {
    const cluster = newCluster()
    await after(1_000, cluster.awaitTopic('t'))
    fake.handlers.set('Heartbeat', () => undefined)
    network.brokers.set('broker:9093', null)
    const waiting = [
      cluster.broker(1)!.request(Heartbeat, beat),
      cluster.broker(3)!.request(Heartbeat, beat),
      cluster.awaitTopic('nope'),
      cluster.retry({ operation: 'Trying' }, () => new Promise(() => {})),
      cluster.coordinator('group', 'new'),
    ].map((promise) => promise.catch((error: unknown) => (error as KafkaError).code))
    await settle()
    await cluster.close()
    expect(await Promise.all(waiting)).toEqual(['CLOSED', 'CLOSED', 'CLOSED', 'CLOSED', 'CLOSED'])
    expect(network.open).toEqual([])
    expect(runtime.timers.size).toBe(0)
    const dials = network.dials.length
    const late = [cluster.refreshMetadata('late'), cluster.broker(1)!.request(Heartbeat, beat), cluster.anyBroker()]
    for (const promise of late) await expect(promise).rejects.toMatchObject({ code: 'CLOSED' })
    await runtime.advance(600_000)
    expect(network.dials).toHaveLength(dials)
    await cluster.close()
  })

  it('leaves nothing of a hundred clients', async () => {
    for (let i = 0; i < 100; i++) {
      const cluster = newCluster()
      await cluster.awaitTopic('t')
      await cluster.broker(2)!.request(Metadata, { topics: [], includeTopicAuthorizedOperations: false })
      await cluster.close()
    }
    expect(network.sockets.length).toBeGreaterThanOrEqual(200)
    expect(network.open).toEqual([])
    expect(runtime.timers.size).toBe(0)
  })
})
