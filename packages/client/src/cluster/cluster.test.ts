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
    network.brokers.set('10.0.0.2:9091', (request) => fake.answer(request))
    runtime.names.set('many', ['10.0.0.1', '10.0.0.2'])
    const cluster = newCluster({ brokers: 'many:9091' })
    await after(1_000, cluster.refreshMetadata('test'))
    expect(network.dials.slice(0, 2)).toEqual(['10.0.0.1:9091', '10.0.0.2:9091'])
    expect(runtime.lookups).toBeGreaterThanOrEqual(1)
    await cluster.close()
  })

  it('asks mapBroker where to connect, and keeps the advertised name for the certificate', async () => {
    network.brokers.set('tunnel:19091', (request) => fake.answer(request))
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
    const hanging = network.requests('Metadata').length
    const [first] = fake.nodes.values()
    fake.handlers.set('Metadata', (request) =>
      request.socket.target.port === first && network.requests('Metadata').length === hanging + 1
        ? undefined
        : fake.standard(request),
    )
    expect(await after(11_000, cluster.refreshMetadata('again'))).toBeUndefined()
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

describe('brokers', () => {
  it('keep their object when they move, and the sockets to the old place close', async () => {
    const cluster = newCluster()
    await after(1_000, cluster.awaitTopic('t'))
    const broker = cluster.broker(1)!
    await after(500, broker.request(Metadata, { topics: [], includeTopicAuthorizedOperations: false }))
    fake.handlers.set('Heartbeat', () => undefined)
    const held = broker.request(Heartbeat, beat, { lane: 'coordinator:m' }).catch((error: unknown) => error)
    await settle()
    fake.start(1, 9991)
    await after(500, cluster.refreshMetadata('moved'))
    expect(await held).toMatchObject({ code: 'CONNECTION_LOST', retriable: true, outcome: 'unknown' })
    expect(cluster.broker(1)).toBe(broker)
    expect(broker.port).toBe(9991)
    fake.handlers.set('Heartbeat', () => ({ errorCode: 0 }))
    expect(await after(500, broker.request(Heartbeat, beat))).toMatchObject({ errorCode: 0 })
    expect(network.dials.at(-1)).toBe('broker:9991')
    await cluster.close()
  })

  it('are found again through the bootstrap list when all known ones are gone', async () => {
    let list = fake.bootstrap
    const cluster = newCluster({ brokers: async () => list })
    let rebootstrapped = 0
    cluster.events.on('rebootstrapped', () => rebootstrapped++)
    await after(1_000, cluster.awaitTopic('t'))
    for (const id of [1, 2, 3]) fake.stop(id)
    fake.nodes.clear()
    fake.start(4, 9994)
    list = fake.bootstrap
    expect(await after(20_000, cluster.refreshMetadata('gone'))).toBeUndefined()
    expect(rebootstrapped).toBe(1)
    expect(cluster.brokers().map(({ id }) => id)).toEqual([4])
    await cluster.close()
  })

  it('are asked for anew when a broker says so (KIP-1102)', async () => {
    const cluster = newCluster()
    await after(1_000, cluster.refreshMetadata('first'))
    let asked = 0
    fake.handlers.set('Metadata', (request) => {
      asked++
      return asked === 1 ? { ...fake.metadata([]), errorCode: 129 } : fake.standard(request)
    })
    let rebootstrapped = 0
    cluster.events.on('rebootstrapped', () => rebootstrapped++)
    expect(await after(1_000, cluster.refreshMetadata('second'))).toBeUndefined()
    expect(rebootstrapped).toBe(1)
    await cluster.close()
  })

  it('have a socket a lane', async () => {
    fake.handlers.set('Heartbeat', () => undefined)
    const cluster = newCluster()
    await after(1_000, cluster.refreshMetadata('test'))
    const broker = cluster.broker(1)!
    const held = broker.request(Heartbeat, beat, { lane: 'fetch:c' }).catch((error: unknown) => error)
    await settle()
    fake.handlers.set('Heartbeat', () => ({ errorCode: 0 }))
    expect(await after(500, broker.request(Heartbeat, beat, { lane: 'coordinator:m' }))).toMatchObject({ errorCode: 0 })
    expect(cluster.connections().map(({ lane }) => lane)).toEqual(expect.arrayContaining(['fetch:c', 'coordinator:m']))
    broker.closeLane('fetch:c')
    expect(await held).toMatchObject({ code: 'CONNECTION_LOST' })
    await cluster.close()
  })

  it('get requests that were not written on the next connection', async () => {
    const cluster = newCluster({ maxInFlightRequests: 1 })
    await after(1_000, cluster.refreshMetadata('test'))
    const broker = cluster.broker(2)!
    const beats = () => network.requests('Heartbeat')
    fake.handlers.set('Heartbeat', () => undefined)
    const written = broker.request(Heartbeat, beat).catch((error: unknown) => error)
    const waiting = broker.request(Heartbeat, beat)
    await runtime.advance(10)
    expect(beats()).toHaveLength(1)
    fake.handlers.set('Heartbeat', () => ({ errorCode: 0 }))
    beats()[0]!.socket.close()
    expect(await after(1_000, waiting)).toMatchObject({ errorCode: 0 })
    expect(await written).toMatchObject({ code: 'CONNECTION_LOST', outcome: 'unknown' })
    expect(beats()).toHaveLength(2)
    await cluster.close()
  })

  it('fail a request at its deadline while they cannot be connected to', async () => {
    const cluster = newCluster()
    await after(1_000, cluster.refreshMetadata('test'))
    network.brokers.set('broker:9093', null)
    const failed = cluster.broker(3)!.request(Heartbeat, beat, { timeoutMs: 400 })
    expect(await after(401, failed)).toMatchObject({ code: 'REQUEST_TIMED_OUT', outcome: 'not-written' })
    await cluster.close()
    expect(runtime.timers.size).toBe(0)
  })

  it('that advertise an address nobody reaches are warned of', async () => {
    const warnings: string[] = []
    const logger = {
      ...silentLogger,
      warn: (message: string, fields?: object) => warnings.push(message, String(Object.values(fields ?? {}))),
    }
    network.brokers.set('seed:1', (request) => fake.answer(request))
    for (const id of [1, 2, 3]) fake.stop(id)
    const cluster = newCluster({ brokers: 'seed:1', logger })
    void cluster.coordinator('group', 'g').catch(() => {})
    await runtime.advance(10_000)
    expect(warnings.join()).toMatch(/Nothing listens at broker:909\d.*still trying.*advertised\.listeners/)
    await cluster.close()
  })

  it('take requests without an answer, done when their bytes have left', async () => {
    const cluster = newCluster()
    await after(1_000, cluster.refreshMetadata('test'))
    fake.handlers.set('Heartbeat', () => undefined)
    const broker = cluster.broker(1)!
    let flushed = 0
    const onFlushed = () => {
      flushed++
    }
    expect(await after(100, broker.fireAndForget(Heartbeat, beat, { onFlushed }))).toBeUndefined()
    expect([flushed, network.requests('Heartbeat').length]).toEqual([1, 1])
    const lost = broker.fireAndForget(Heartbeat, beat).catch((error: unknown) => error)
    broker.closeLane('general')
    expect(await lost).toMatchObject({ code: 'CONNECTION_LOST', outcome: 'unknown' })
    await cluster.close()
  })

  it('are asked by the version they speak, within the limits of the caller', async () => {
    fake.versions.set('Heartbeat', { min: 1, max: 3 })
    fake.handlers.set('Heartbeat', () => ({ errorCode: 0 }))
    const cluster = newCluster()
    await after(1_000, cluster.refreshMetadata('test'))
    const broker = cluster.broker(1)!
    const versions: number[] = []
    const body = (version: number) => {
      versions.push(version)
      return beat
    }
    await after(100, broker.request(Heartbeat, body))
    await after(100, broker.request(Heartbeat, body, { maxVersion: 2 }))
    expect(versions).toEqual([3, 2])
    expect(network.requests('Heartbeat').map(({ version }) => version)).toEqual([3, 2])
    expect(await after(100, broker.request(Heartbeat, body, { minVersion: 4 }))).toMatchObject({
      code: 'UNSUPPORTED_VERSION',
      message: expect.stringContaining('needs a version from 4 to 4'),
    })
    await cluster.close()
  })

  it('that are lost during the handshake were sent nothing of the request', async () => {
    const cluster = newCluster()
    await after(1_000, cluster.refreshMetadata('test'))
    fake.handlers.set('ApiVersions', ({ socket }) => socket.close())
    expect(await after(500, cluster.broker(2)!.request(Heartbeat, beat))).toMatchObject({
      code: 'CONNECTION_FAILED',
      outcome: 'not-written',
      retriable: true,
    })
    await cluster.close()
  })

  it('that hang during the handshake are given up after handshakeTimeoutMs', async () => {
    const sasl = { name: 'CUSTOM', cleartext: false, authenticate: () => new Promise<void>(() => {}) }
    fake.handlers.set('SaslHandshake', () => ({ errorCode: 0, mechanisms: ['CUSTOM'] }))
    const cluster = newCluster({ brokers: 'broker:9091', sasl, handshakeTimeoutMs: 700 })
    expect(await after(701, cluster.refreshMetadata('test'))).toMatchObject({
      code: 'NO_BROKER_REACHABLE',
      message: expect.stringContaining('the handshake took over 700 ms'),
    })
    await settle()
    expect(network.open).toEqual([])
    await cluster.close()
  })

  it('work though listeners of events throw', async () => {
    const errors: unknown[] = []
    const logger = { ...silentLogger, error: (message: string) => errors.push(message) }
    const cluster = newCluster({ logger })
    const oops = () => {
      throw new Error('oops')
    }
    cluster.events.on('connected', oops)
    cluster.events.on('metadata', oops)
    cluster.onMetadata(oops)
    expect(await after(1_000, cluster.awaitTopic('t'))).toMatchObject({ name: 't' })
    expect(errors.length).toBeGreaterThanOrEqual(3)
    await cluster.close()
  })

  it('say which versions they lack', async () => {
    fake.versions.set('Heartbeat', null)
    const cluster = newCluster()
    await after(1_000, cluster.refreshMetadata('test'))
    expect(await after(500, cluster.broker(1)!.request(Heartbeat, beat))).toMatchObject({
      code: 'UNSUPPORTED_VERSION',
      retriable: false,
      message: expect.stringContaining(
        'Heartbeat needs a version from 0 to 4, broker 1 at broker:9091 does not offer it',
      ),
    })
    expect(cluster.broker(1)!.knownVersionOf(FindCoordinator)).toBe(6)
    await cluster.close()
  })

  it('answer from 2.1 on; older ones are named as too old', async () => {
    fake.versions.set('Metadata', { min: 0, max: 6 })
    const cluster = newCluster()
    expect(await after(500, cluster.refreshMetadata('test'))).toMatchObject({
      code: 'UNSUPPORTED_BROKER',
      message: expect.stringContaining('older than Apache Kafka 2.1'),
    })
    fake.versions.set('Metadata', { min: 0, max: 7 })
    fake.versions.set('ApiVersions', { min: 0, max: 2 })
    expect(await after(2_000, cluster.refreshMetadata('test'))).toBeUndefined()
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
    asked!.socket.answer(FindCoordinator, asked!.version, asked!.correlationId, {
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
