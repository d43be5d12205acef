import { FindCoordinator, Heartbeat, Metadata } from '@ottla/codec'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualRuntime } from '../../test/support/manual-runtime.ts'
import { ScriptedBroker } from '../../test/support/scripted-broker.ts'
import type { ScriptedNetwork } from '../../test/support/scripted-network.ts'
import type { KafkaError } from '../errors.ts'
import { type LogFields, silentLogger } from '../logger.ts'
import { Metrics } from '../metrics.ts'
import { type KafkaOptions, resolveKafkaOptions } from '../options.ts'
import { Cluster } from './cluster.ts'

let runtime: ManualRuntime
let network: ScriptedNetwork
let peer: ScriptedBroker

function newCluster(options: Partial<KafkaOptions> = {}): Cluster {
  const given = { brokers: peer.bootstrap, runtime, logger: silentLogger, ...options }
  return new Cluster(resolveKafkaOptions(given), new Metrics())
}

/** The result of a promise that is settled by letting time pass. */
async function after<T>(ms: number, promise: Promise<T>): Promise<T | KafkaError> {
  const caught = promise.catch((error: unknown) => error as KafkaError)
  await runtime.advance(ms)
  return Promise.race([caught, Promise.reject(new Error(`not settled after ${ms} ms`))])
}

const beat = { groupId: 'g', generationId: 1, memberId: 'm', groupInstanceId: null }

beforeEach(() => {
  runtime = new ManualRuntime()
  network = runtime.network
  peer = new ScriptedBroker(network, 3)
  peer.topics.set('t', { partitions: [{ leader: 1 }, { leader: 2 }] })
})

describe('bootstrapping', () => {
  test('opens nothing until it is needed', async () => {
    newCluster()
    await runtime.settle()
    expect(network.dials).toEqual([])
    expect(runtime.pendingTimers).toBe(0)
  })

  test('discovers the brokers through the first address that responds', async () => {
    const cluster = newCluster({ brokers: ['gone:1', 'broker:9091'] })
    await after(10_000, cluster.awaitTopic('t'))
    expect(cluster.brokers().map(({ id, host, port }) => [id, host, port])).toEqual([
      [1, 'broker', 9091],
      [2, 'broker', 9092],
      [3, 'broker', 9093],
    ])
    expect(cluster.clusterId).toBe('scripted')
    expect(cluster.leaderOf('t', 1)?.id).toBe(2)
    expect(cluster.leaderOf('t', 2)).toBeUndefined()
    await cluster.close()
  })

  test('names every address and the reason of its failure', async () => {
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

  test('tries the next address when one is silent, while connecting or afterwards', async () => {
    network.listen('silent:1', 'silent')
    network.listen('mute:1', () => {})
    const cluster = newCluster({
      brokers: ['silent:1', 'mute:1', 'broker:9091'],
      connectTimeoutMs: 500,
      handshakeTimeoutMs: 500,
    })
    await after(3_000, cluster.awaitTopic('t'))
    expect(cluster.topic('t')?.partitions).toHaveLength(2)
    await cluster.close()
  })

  test('tries every address of a host, and looks the host up each time', async () => {
    peer.listenAt('10.0.0.2:9091', 1)
    runtime.names.set('many', ['10.0.0.1', '10.0.0.2'])
    const cluster = newCluster({ brokers: 'many:9091' })
    await after(1_000, cluster.refreshMetadata('test'))
    expect(network.dials.slice(0, 2)).toEqual(['10.0.0.1:9091', '10.0.0.2:9091'])
    expect(runtime.lookups).toBeGreaterThanOrEqual(1)
    await cluster.close()
  })

  test('tries the next address beside a silent one, and remembers the one that responded', async () => {
    network.listen('10.0.0.1:9091', 'silent')
    peer.listenAt('10.0.0.2:9091', 1)
    runtime.names.set('many', ['10.0.0.1', '10.0.0.2'])
    runtime.names.set('broker', ['10.0.0.1', '10.0.0.2'])
    const cluster = newCluster({ brokers: 'many:9091', connectTimeoutMs: 10_000 })
    const startedMs = runtime.monoNow()
    let connectedMs = 0
    const refreshed = cluster.refreshMetadata('test').then(() => {
      connectedMs = runtime.monoNow() - startedMs
    })
    await after(1_000, refreshed)
    expect(connectedMs).toBe(250)
    expect(network.dials).toEqual(['10.0.0.1:9091', '10.0.0.2:9091'])
    const operations = { includeClusterAuthorizedOperations: false, includeTopicAuthorizedOperations: false }
    const body = { topics: null, allowAutoTopicCreation: false, ...operations }
    const request = () => cluster.broker(1)!.request(Metadata, body)
    await after(1_000, request())
    expect(network.dials.slice(2)).toEqual(['10.0.0.1:9091', '10.0.0.2:9091'])
    for (const socket of network.open) socket.close()
    await runtime.settle()
    const again = runtime.monoNow()
    await after(
      1_000,
      request().then(() => expect(runtime.monoNow() - again).toBeLessThan(250)),
    )
    expect(network.dials.slice(4)).toEqual(['10.0.0.2:9091'])
    await cluster.close()
    expect(runtime.pendingTimers).toBe(0)
  })

  test('closes a connection that another address of the host was faster than', async () => {
    peer.listenAt('10.0.0.1:9091', 1)
    peer.listenAt('10.0.0.2:9091', 1)
    runtime.names.set('many', ['10.0.0.1', '10.0.0.2'])
    const { dial } = network
    const slow = (ms: number) => new Promise<void>((resolve) => runtime.setTimer(resolve, ms))
    network.dial = async (target, reader, signal) => {
      const transport = await dial.call(network, target, reader, signal)
      await slow(target.address === '10.0.0.1' ? 300 : 50)
      return transport
    }
    const cluster = newCluster({ brokers: 'many:9091' })
    await after(5_000, cluster.refreshMetadata('test'))
    const dialled = network.sockets.filter(({ target }) => target.serverName === 'many')
    expect(dialled.map(({ target, closed }) => [target.address, closed])).toContainEqual(['10.0.0.1', true])
    expect(cluster.brokers()).toHaveLength(3)
    await cluster.close()
  })

  test('connects to the address of mapBroker, and checks the certificate against the advertised name', async () => {
    peer.listenAt('tunnel:19091', 1)
    const mapBroker = (_host: string, port: number) => ({ host: 'tunnel', port: port + 10_000 })
    const cluster = newCluster({ brokers: 'broker:9091', mapBroker })
    await after(1_000, cluster.refreshMetadata('test'))
    expect(network.dials).toEqual(['tunnel:19091'])
    expect(network.sockets[0]!.target.serverName).toBe('broker')
    await cluster.close()
  })

  test('survives a function `brokers` that fails, and one that hangs', async () => {
    const lists: (() => Promise<string[]>)[] = [
      () => Promise.reject(new Error('no consul')),
      () => new Promise(() => {}),
      async () => peer.bootstrap,
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

  test('warns at intervals while no broker responds', async () => {
    const warnings: string[] = []
    const warn = (message: string, fields?: LogFields) => warnings.push(`${message} ${fields?.error}`)
    const logger = { ...silentLogger, warn }
    const cluster = newCluster({ brokers: ['gone:1'], logger })
    void cluster.awaitTopic('t').catch(() => {})
    await runtime.advance(50_000)
    expect(warnings).toHaveLength(2)
    expect(warnings[0]).toMatch(/still trying.*gone:1/)
    await cluster.close()
  })

  test('times out without an effect when a refresh hangs', async () => {
    network.listen('silent:1', 'silent')
    const cluster = newCluster({ brokers: ['silent:1'] })
    const failed = after(201, cluster.refreshMetadata('test', [], { timeoutMs: 200 }))
    expect(await failed).toMatchObject({ code: 'TIMED_OUT', retriable: true, outcome: 'not-written' })
    await cluster.close()
  })

  test('connects no more often than the backoff allows while no broker responds', async () => {
    const cluster = newCluster({ brokers: ['gone:1'], apiTimeoutMs: 600_000 })
    const failed = after(600_001, cluster.awaitTopic('t'))
    expect(await failed).toMatchObject({ code: 'TIMED_OUT' })
    expect(network.dials.length).toBeGreaterThan(100)
    expect(network.dials.length).toBeLessThan(1_300)
    await cluster.close()
    expect(runtime.pendingTimers).toBe(0)
  })
})

describe('metadata', () => {
  test('is requested once for all concurrent callers', async () => {
    const cluster = newCluster()
    const all = Promise.all([cluster.awaitTopic('t'), cluster.awaitTopic('t'), cluster.refreshMetadata('x')])
    await after(1_000, all)
    expect(peer.requests(Metadata).length).toBeLessThanOrEqual(2)
    await cluster.close()
  })

  test('never lets the brokers create topics, unless the caller allows it', async () => {
    const cluster = newCluster()
    await after(1_000, cluster.awaitTopic('t'))
    expect(peer.requests(Metadata).every(({ body }) => body.allowAutoTopicCreation === false)).toBe(true)
    void cluster.awaitTopic('made', { allowAutoTopicCreation: true }).catch(() => {})
    await runtime.advance(200)
    const creating = peer.requests(Metadata).filter(({ body }) => body.allowAutoTopicCreation)
    expect(creating.map(({ body }) => body.topics?.[0]?.name)).toContain('made')
    await cluster.close()
  })

  test('fails for an unknown topic after topicTimeoutMs, with a hint', async () => {
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

  test('finds a topic that is created while it waits', async () => {
    const cluster = newCluster()
    const found = cluster.awaitTopic('late')
    await runtime.advance(2_000)
    peer.topics.set('late', { partitions: [{ leader: 3 }] })
    expect(await after(2_000, found)).toMatchObject({ name: 'late' })
    await cluster.close()
  })

  test('fails immediately for a topic without authorization', async () => {
    peer.topics.set('secret', { error: 'TOPIC_AUTHORIZATION_FAILED', partitions: [] })
    const cluster = newCluster()
    expect(await after(500, cluster.awaitTopic('secret'))).toMatchObject({ code: 'TOPIC_AUTHORIZATION_FAILED' })
    await cluster.close()
  })

  test('refreshes watched topics at metadataMaxAgeMs, and notifies of changes only', async () => {
    const cluster = newCluster({ metadataMaxAgeMs: 60_000 })
    const release = cluster.watchTopics(['t'])
    await after(1_000, cluster.refreshMetadata('test'))
    let changes = 0
    cluster.onMetadata(() => changes++)
    await runtime.advance(61_000)
    expect(changes).toBe(0)
    peer.topics.set('t', { partitions: [{ leader: 3, leaderEpoch: 1 }, { leader: 2 }] })
    await runtime.advance(61_000)
    expect(changes).toBe(1)
    expect(cluster.leaderOf('t', 0)?.id).toBe(3)
    release()
    await cluster.close()
    expect(runtime.pendingTimers).toBe(0)
  })

  test('is requested from another broker when one hangs', async () => {
    const cluster = newCluster()
    await after(1_000, cluster.refreshMetadata('test'))
    let requests = 0
    peer.on(Metadata, (request) => (requests++ === 0 ? undefined : peer.metadata(request.body.topics)))
    expect(await after(11_000, cluster.refreshMetadata('again'))).toBeUndefined()
    expect(requests).toBe(2)
    await cluster.close()
  })

  test('accepts leaders and their addresses from error responses (KIP-951)', async () => {
    const cluster = newCluster()
    await after(1_000, cluster.awaitTopic('t'))
    cluster.addBrokers([{ id: 9, host: 'broker', port: 9099 }])
    cluster.updateLeader('t', 0, 9, 4)
    expect(cluster.leaderOf('t', 0)).toMatchObject({ id: 9, port: 9099 })
    await cluster.close()
  })

  test('keeps the address of a listed broker when an error response has another, and is refreshed', async () => {
    const cluster = newCluster()
    await after(1_000, cluster.awaitTopic('t'))
    const refreshes = peer.requests(Metadata).length
    cluster.addBrokers([{ id: 2, host: 'inner', port: 9999 }])
    cluster.updateLeader('t', 0, 2, 4)
    expect(cluster.leaderOf('t', 0)).toMatchObject({ id: 2, host: 'broker', port: 9092 })
    await runtime.advance(500)
    expect(peer.requests(Metadata).length).toBe(refreshes + 1)
    await cluster.close()
  })
})

describe('coordinators', () => {
  test('are looked up once, many in one request, and forgotten on demand', async () => {
    const cluster = newCluster()
    await after(1_000, cluster.refreshMetadata('test'))
    const keys = ['a', 'b', 'a', '__proto__']
    const found = await after(1_000, Promise.all(keys.map((key) => cluster.coordinator('group', key))))
    expect((found as { id: number }[]).map(({ id }) => id)).toEqual([1, 1, 1, 1])
    const lookUps = peer.requests(FindCoordinator)
    expect(lookUps.map(({ body }) => body.coordinatorKeys)).toEqual([['a', 'b', '__proto__']])
    await cluster.coordinator('group', 'a')
    expect(peer.requests(FindCoordinator)).toHaveLength(1)
    cluster.forgetCoordinator('group', 'a')
    await after(500, cluster.coordinator('group', 'a'))
    expect(peer.requests(FindCoordinator)).toHaveLength(2)
    await cluster.close()
  })

  test('are looked up one by one at older brokers', async () => {
    peer.versions.set('FindCoordinator', { min: 0, max: 3 })
    const cluster = newCluster()
    const both = Promise.all([cluster.coordinator('group', 'a'), cluster.coordinator('transaction', 'a')])
    await after(1_000, both)
    expect(peer.requests(FindCoordinator).map(({ body }) => [body.key, body.keyType])).toEqual([
      ['a', 0],
      ['a', 1],
    ])
    await cluster.close()
  })

  test('are awaited while none is available, and rejected immediately without authorization', async () => {
    let code = 15
    peer.on(FindCoordinator, ({ body }) => ({
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

  test('are still looked up for one caller when another aborts', async () => {
    peer.on(FindCoordinator, () => undefined)
    const cluster = newCluster()
    await after(1_000, cluster.refreshMetadata('test'))
    const controller = new AbortController()
    const aborted = cluster.coordinator('group', 'g', { signal: controller.signal }).catch((error: unknown) => error)
    const kept = cluster.coordinator('group', 'g')
    await runtime.settle()
    controller.abort()
    expect(await aborted).toMatchObject({ code: 'ABORTED' })
    const [lookUp] = peer.requests(FindCoordinator)
    lookUp!.respond(peer.coordinators(lookUp!))
    expect(await after(100, kept)).toMatchObject({ id: 1 })
    expect(peer.requests(FindCoordinator)).toHaveLength(1)
    await cluster.close()
  })
})

describe('closing', () => {
  test('settles everything that waits, leaves nothing open, and opens nothing afterwards', async () => {
    const cluster = newCluster()
    await after(1_000, cluster.awaitTopic('t'))
    peer.on(FindCoordinator, () => undefined)
    network.listen('broker:9093', 'silent')
    const waiting = [
      cluster.broker(1)!.request(Heartbeat, beat),
      cluster.broker(3)!.request(Heartbeat, beat),
      cluster.awaitTopic('nope'),
      cluster.retry({ operation: 'Trying' }, () => new Promise(() => {})),
      cluster.coordinator('group', 'new'),
    ].map((promise) => promise.catch((error: unknown) => (error as KafkaError).code))
    await runtime.settle()
    await cluster.close()
    expect(await Promise.all(waiting)).toEqual(['CLOSED', 'CLOSED', 'CLOSED', 'CLOSED', 'CLOSED'])
    expect(network.open).toEqual([])
    expect(runtime.pendingTimers).toBe(0)
    const dials = network.dials.length
    const late = [cluster.refreshMetadata('late'), cluster.broker(1)!.request(Heartbeat, beat), cluster.findBroker()]
    for (const promise of late) await expect(promise).rejects.toMatchObject({ code: 'CLOSED' })
    await runtime.advance(600_000)
    expect(network.dials).toHaveLength(dials)
    await cluster.close()
  })

  test('leaves nothing behind after a hundred clients', async () => {
    for (let i = 0; i < 100; i++) {
      const cluster = newCluster()
      await cluster.awaitTopic('t')
      await cluster.broker(2)!.request(Metadata, { topics: [], includeTopicAuthorizedOperations: false })
      await cluster.close()
    }
    expect(network.sockets.length).toBeGreaterThanOrEqual(200)
    expect(network.open).toEqual([])
    expect(runtime.pendingTimers).toBe(0)
  })
})
