import { ApiVersions, FindCoordinator, Heartbeat, Metadata, SaslHandshake } from '@ottla/codec'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualRuntime } from '../../test/support/manual-runtime.ts'
import { ScriptedBroker } from '../../test/support/scripted-broker.ts'
import type { ScriptedNetwork } from '../../test/support/scripted-network.ts'
import type { KafkaError } from '../errors.ts'
import { silentLogger } from '../logger.ts'
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

describe('brokers', () => {
  test('keep their object when they move, and the sockets to the old place close', async () => {
    const cluster = newCluster()
    await after(1_000, cluster.awaitTopic('t'))
    const broker = cluster.broker(1)!
    await after(500, broker.request(Metadata, { topics: [], includeTopicAuthorizedOperations: false }))
    peer.on(Heartbeat, () => undefined)
    const held = broker.request(Heartbeat, beat, { purpose: 'coordinator:m' }).catch((error: unknown) => error)
    await runtime.settle()
    peer.start(1, 9991)
    await after(500, cluster.refreshMetadata('moved'))
    expect(await held).toMatchObject({ code: 'CONNECTION_LOST', retriable: true, outcome: 'unknown' })
    expect(cluster.broker(1)).toBe(broker)
    expect(broker.port).toBe(9991)
    peer.on(Heartbeat, () => ({ errorCode: 0 }))
    expect(await after(500, broker.request(Heartbeat, beat))).toMatchObject({ errorCode: 0 })
    expect(network.dials.at(-1)).toBe('broker:9991')
    await cluster.close()
  })

  test('are discovered again through the bootstrap list when every known broker is gone', async () => {
    let list = peer.bootstrap
    const cluster = newCluster({ brokers: async () => list })
    let rebootstrapped = 0
    cluster.events.on('rebootstrapped', () => rebootstrapped++)
    await after(1_000, cluster.awaitTopic('t'))
    for (const id of [1, 2, 3]) peer.stop(id)
    peer.nodes.clear()
    peer.start(4, 9994)
    list = peer.bootstrap
    expect(await after(20_000, cluster.refreshMetadata('gone'))).toBeUndefined()
    expect(rebootstrapped).toBe(1)
    expect(cluster.brokers().map(({ id }) => id)).toEqual([4])
    await cluster.close()
  })

  test('are bootstrapped again when a broker requires it (KIP-1102)', async () => {
    const cluster = newCluster()
    await after(1_000, cluster.refreshMetadata('first'))
    let requests = 0
    peer.on(Metadata, (request) => {
      requests++
      return requests === 1 ? { ...peer.metadata([]), errorCode: 129 } : peer.metadata(request.body.topics)
    })
    let rebootstrapped = 0
    cluster.events.on('rebootstrapped', () => rebootstrapped++)
    expect(await after(1_000, cluster.refreshMetadata('second'))).toBeUndefined()
    expect(rebootstrapped).toBe(1)
    await cluster.close()
  })

  test('have one socket per connection purpose', async () => {
    peer.on(Heartbeat, () => undefined)
    const cluster = newCluster()
    await after(1_000, cluster.refreshMetadata('test'))
    const broker = cluster.broker(1)!
    const held = broker.request(Heartbeat, beat, { purpose: 'fetch:c' }).catch((error: unknown) => error)
    await runtime.settle()
    peer.on(Heartbeat, () => ({ errorCode: 0 }))
    expect(await after(500, broker.request(Heartbeat, beat, { purpose: 'coordinator:m' }))).toMatchObject({
      errorCode: 0,
    })
    expect(cluster.connections().map(({ purpose }) => purpose)).toEqual(
      expect.arrayContaining(['fetch:c', 'coordinator:m']),
    )
    broker.closeConnection('fetch:c')
    expect(await held).toMatchObject({ code: 'CONNECTION_LOST' })
    await cluster.close()
  })

  test('reject requests that wait for a closed connection as not written', async () => {
    const cluster = newCluster()
    await after(1_000, cluster.refreshMetadata('test'))
    network.listen('broker:9093', 'silent')
    const waiting = cluster
      .broker(3)!
      .request(Heartbeat, beat)
      .catch((error: unknown) => error)
    await runtime.settle()
    cluster.broker(3)!.closeConnection('general')
    expect(await waiting).toMatchObject({ code: 'CONNECTION_FAILED', outcome: 'not-written', retriable: true })
    await cluster.close()
  })

  test('receive unwritten requests over the next connection', async () => {
    const cluster = newCluster({ maxInFlightRequests: 1 })
    await after(1_000, cluster.refreshMetadata('test'))
    const broker = cluster.broker(2)!
    const beats = () => peer.requests(Heartbeat)
    peer.on(Heartbeat, () => undefined)
    const written = broker.request(Heartbeat, beat).catch((error: unknown) => error)
    const waiting = broker.request(Heartbeat, beat)
    await runtime.advance(10)
    expect(beats()).toHaveLength(1)
    peer.on(Heartbeat, () => ({ errorCode: 0 }))
    beats()[0]!.socket.close()
    expect(await after(1_000, waiting)).toMatchObject({ errorCode: 0 })
    expect(await written).toMatchObject({ code: 'CONNECTION_LOST', outcome: 'unknown' })
    expect(beats()).toHaveLength(2)
    await cluster.close()
  })

  test('that refuse are dialled no more often than the backoff allows, whichever connection needs them', async () => {
    const cluster = newCluster()
    await after(1_000, cluster.refreshMetadata('test'))
    peer.stop(3)
    await runtime.advance(10)
    const before = network.dials.length
    const untilMs = runtime.monoNow() + 10_000
    while (runtime.monoNow() < untilMs) {
      const failed = [1, 2, 3].map((n) => cluster.broker(3)!.request(Heartbeat, beat, { purpose: `fetch:${n}` }))
      const settled = Promise.allSettled(failed)
      while ((await Promise.race([settled, runtime.advance(50)])) === undefined);
    }
    // Three connections, each at most about once a second when the pauses have grown.
    expect(network.dials.length - before).toBeGreaterThan(10)
    expect(network.dials.length - before).toBeLessThan(50)
    await cluster.close()
  })

  test('that close or move during the handshake are connected to again', async () => {
    const cluster = newCluster()
    await after(1_000, cluster.refreshMetadata('test'))
    peer.on(Heartbeat, () => ({ errorCode: 0 }))
    let closings = 0
    peer.on(ApiVersions, ({ socket, encode }) => {
      if (closings++ > 0) return peer.apiVersions()
      // The connection is gone before it is used.
      socket.sendAndClose(encode(peer.apiVersions()))
      return undefined
    })
    const broker = cluster.broker(2)!
    const lost = await after(500, broker.request(Heartbeat, beat))
    expect(lost).toMatchObject({ code: 'CONNECTION_FAILED', outcome: 'not-written', retriable: true })
    expect(await after(500, broker.request(Heartbeat, beat))).toMatchObject({ errorCode: 0 })

    peer.next(ApiVersions, async () => {
      peer.start(3, 9993)
      await cluster.refreshMetadata('broker 3 moved')
      return peer.apiVersions()
    })
    const moved = cluster.broker(3)!
    expect(await after(500, moved.request(Heartbeat, beat))).toMatchObject({
      code: 'CONNECTION_FAILED',
      retriable: true,
    })
    expect(await after(500, moved.request(Heartbeat, beat))).toMatchObject({ errorCode: 0 })
    expect(peer.requests(Heartbeat).at(-1)!.socket.target.port).toBe(9993)
    await cluster.close()
  })

  test('reject a request at its deadline while no connection succeeds', async () => {
    const cluster = newCluster()
    await after(1_000, cluster.refreshMetadata('test'))
    network.listen('broker:9093', 'silent')
    const failed = cluster.broker(3)!.request(Heartbeat, beat, { timeoutMs: 400 })
    expect(await after(401, failed)).toMatchObject({ code: 'REQUEST_TIMED_OUT', outcome: 'not-written' })
    await cluster.close()
    expect(runtime.pendingTimers).toBe(0)
  })

  test('that advertise an unreachable address cause a warning', async () => {
    const warnings: string[] = []
    const logger = {
      ...silentLogger,
      warn: (message: string, fields?: object) => warnings.push(message, String(Object.values(fields ?? {}))),
    }
    peer.listenAt('seed:1', 1)
    for (const id of [1, 2, 3]) peer.stop(id)
    const cluster = newCluster({ brokers: 'seed:1', logger })
    void cluster.coordinator('group', 'g').catch(() => {})
    await runtime.advance(10_000)
    expect(warnings.join()).toMatch(
      /connecting to a broker failed, still trying.*Connection to broker:909\d refused.*advertised\.listeners/,
    )
    await cluster.close()
  })

  test('accept requests without a response, resolved when their bytes have been written', async () => {
    const cluster = newCluster()
    await after(1_000, cluster.refreshMetadata('test'))
    peer.on(Heartbeat, () => undefined)
    const broker = cluster.broker(1)!
    let flushed = 0
    const onFlushed = () => {
      flushed++
    }
    expect(await after(100, broker.fireAndForget(Heartbeat, beat, { onFlushed }))).toBeUndefined()
    expect([flushed, peer.requests(Heartbeat).length]).toEqual([1, 1])
    const lost = broker.fireAndForget(Heartbeat, beat).catch((error: unknown) => error)
    broker.closeConnection('general')
    expect(await lost).toMatchObject({ code: 'CONNECTION_LOST', outcome: 'unknown' })
    await cluster.close()
  })

  test('receive the highest common version, within the limits of the caller', async () => {
    peer.versions.set('Heartbeat', { min: 1, max: 3 })
    peer.on(Heartbeat, () => ({ errorCode: 0 }))
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
    expect(peer.requests(Heartbeat).map(({ version }) => version)).toEqual([3, 2])
    expect(await after(100, broker.request(Heartbeat, body, { minVersion: 4 }))).toMatchObject({
      code: 'UNSUPPORTED_VERSION',
      message: expect.stringContaining('needs a version from 4 to 4'),
    })
    await cluster.close()
  })

  test('lost during the handshake leave the request unwritten', async () => {
    const cluster = newCluster()
    await after(1_000, cluster.refreshMetadata('test'))
    peer.on(ApiVersions, ({ socket }) => void socket.close())
    expect(await after(500, cluster.broker(2)!.request(Heartbeat, beat))).toMatchObject({
      code: 'CONNECTION_FAILED',
      outcome: 'not-written',
      retriable: true,
    })
    await cluster.close()
  })

  test('that hang during the handshake are abandoned after handshakeTimeoutMs', async () => {
    const sasl = { name: 'CUSTOM', cleartext: false, authenticate: () => new Promise<void>(() => {}) }
    peer.on(SaslHandshake, () => ({ errorCode: 0, mechanisms: ['CUSTOM'] }))
    const cluster = newCluster({ brokers: 'broker:9091', sasl, handshakeTimeoutMs: 700 })
    expect(await after(701, cluster.refreshMetadata('test'))).toMatchObject({
      code: 'NO_BROKER_REACHABLE',
      message: expect.stringContaining('the handshake took over 700 ms'),
    })
    await runtime.settle()
    expect(network.open).toEqual([])
    await cluster.close()
  })

  test('work although event listeners throw', async () => {
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

  test('are named in the error for a version they lack', async () => {
    peer.versions.set('Heartbeat', null)
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

  test('are rejected only without a Metadata version that the client can use', async () => {
    peer.versions.set('Metadata', { min: 0, max: 3 })
    const cluster = newCluster()
    expect(await after(500, cluster.refreshMetadata('test'))).toMatchObject({
      code: 'UNSUPPORTED_BROKER',
      message: expect.stringContaining('offers Metadata versions up to 3, the client requires 4'),
      hint: 'Upgrade the broker to Apache Kafka 2.1 or newer.',
    })
    peer.versions.set('Metadata', { min: 0, max: 5 })
    peer.versions.set('ApiVersions', { min: 0, max: 2 })
    expect(await after(2_000, cluster.refreshMetadata('test'))).toBeUndefined()
    await cluster.close()
  })
})
