import { type Api, ApiVersions, Heartbeat, ListOffsets, Metadata } from '@ottla/codec'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualRuntime } from '../../test/support/manual-runtime.ts'
import { ScriptedBroker } from '../../test/support/scripted-broker.ts'
import type { KafkaError } from '../errors.ts'
import { silentLogger } from '../logger.ts'
import { Metrics } from '../metrics.ts'
import { type KafkaOptions, resolveKafkaOptions } from '../options.ts'
import { Cluster } from './cluster.ts'

const beat = { groupId: 'g', generationId: 1, memberId: 'm', groupInstanceId: null }
const tenMinutesMs = 600_000

let runtime: ManualRuntime
let peer: ScriptedBroker
/** API name → the highest version at which the broker does not close the connection. */
let known: Map<string, number>
/** The broker closes that many connections at their first request of an API, whatever the version. */
let faults: Map<string, number>
let logged: { message: string; fields: unknown }[]

function newCluster(options: Partial<KafkaOptions> = {}): Cluster {
  const info = (message: string, fields: unknown) => logged.push({ message, fields })
  const logger = { ...silentLogger, info }
  const given = { brokers: peer.bootstrap, runtime, logger, ...options }
  return new Cluster(resolveKafkaOptions(given), new Metrics())
}

/** The result of a promise that is settled by letting time pass. */
async function after<T>(ms: number, promise: Promise<T>): Promise<T | KafkaError> {
  const caught = promise.catch((error: unknown) => error as KafkaError)
  await runtime.advance(ms)
  return Promise.race([caught, Promise.reject(new Error(`not settled after ${ms} ms`))])
}

const connect = (cluster: Cluster, ms = 5_000) =>
  after(
    ms,
    cluster.retry({ operation: 'Connecting' }, () => cluster.refreshMetadata('test')),
  )

/** The versions of an API that broker 1 received; the bootstrap address is the same broker. */
const versionsOf = (api: Api) => peer.requests(api).map(({ version }) => version)

/** Sends a heartbeat on a new connection. */
async function beatOnNewConnection(cluster: Cluster, no: number): Promise<number | string> {
  const request = cluster.retry({ operation: 'Heartbeat' }, () =>
    cluster.broker(1)!.request(Heartbeat, beat, { purpose: `test:${no}` }),
  )
  const result = await after(5_000, request)
  cluster.broker(1)?.closeConnection(`test:${no}`)
  return 'errorCode' in result ? result.errorCode : result.code
}

/** Metadata is then requested from broker 1, on a connection that is open already. */
const openGeneral = (cluster: Cluster) => after(1_000, cluster.broker(1)!.request(Heartbeat, beat))

beforeEach(() => {
  runtime = new ManualRuntime()
  peer = new ScriptedBroker(runtime.network, 1)
  peer.topics.set('t', { partitions: [{ leader: 1 }] })
  peer.on(Heartbeat, () => ({ errorCode: 0 }))
  known = new Map()
  faults = new Map()
  logged = []
  peer.admit = ({ api, version, socket }) => {
    const left = faults.get(api.name) ?? 0
    if (left === 0 && version <= (known.get(api.name) ?? 99)) return true
    if (left > 0) faults.set(api.name, left - 1)
    socket.close(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }))
    return false
  }
})

describe('a broker that closes the connection at an unknown version of ApiVersions', () => {
  beforeEach(() => {
    known.set('ApiVersions', 3)
    peer.versions.set('ApiVersions', { min: 0, max: 3 })
  })

  test('is sent the next lower one after two connections', async () => {
    const cluster = newCluster()
    expect(await connect(cluster)).toBeUndefined()
    // The bootstrap address and the broker are two nodes of the client.
    expect(versionsOf(ApiVersions)).toEqual([4, 4, 3])
    expect(logged).toContainEqual({
      message: 'the broker closes connections at a version, using a lower one',
      fields: { broker: 'broker:9091', api: 'ApiVersions', version: 4, next: 3 },
    })
    await cluster.close()
  })

  test('is sent the version that it responded to on further connections', async () => {
    const cluster = newCluster()
    await connect(cluster)
    for (let no = 0; no < 5; no++) expect(await beatOnNewConnection(cluster, no)).toBe(0)
    // Twice as bootstrap address, twice as broker 1.
    expect(versionsOf(ApiVersions).filter((version) => version === 4)).toHaveLength(4)
    await cluster.close()
  })

  test('is sent the highest version again after 10 minutes', async () => {
    const cluster = newCluster({ metadataMaxAgeMs: 10 * tenMinutesMs })
    await connect(cluster)
    expect(await beatOnNewConnection(cluster, 0)).toBe(0)
    peer.received.length = 0
    await runtime.advance(tenMinutesMs - 20_000)
    expect(await beatOnNewConnection(cluster, 1)).toBe(0)
    expect(versionsOf(ApiVersions)).toEqual([3])
    known.clear()
    await runtime.advance(20_000)
    expect(await beatOnNewConnection(cluster, 2)).toBe(0)
    expect(versionsOf(ApiVersions)).toEqual([3, 4])
    await cluster.close()
  })

  test('is sent the highest version again when it offers other ranges', async () => {
    const cluster = newCluster()
    await connect(cluster)
    expect(await beatOnNewConnection(cluster, 0)).toBe(0)
    known.clear()
    peer.versions.set('ApiVersions', { min: 0, max: 4 })
    expect(await beatOnNewConnection(cluster, 1)).toBe(0)
    peer.received.length = 0
    expect(await beatOnNewConnection(cluster, 2)).toBe(0)
    expect(versionsOf(ApiVersions)).toEqual([4])
    await cluster.close()
  })

  test('is sent the highest version again at another address', async () => {
    const cluster = newCluster()
    await connect(cluster)
    expect(await beatOnNewConnection(cluster, 0)).toBe(0)
    known.clear()
    peer.start(1, 9993)
    await connect(cluster)
    peer.received.length = 0
    expect(await beatOnNewConnection(cluster, 1)).toBe(0)
    expect(versionsOf(ApiVersions)).toEqual([4])
    await cluster.close()
  })

  test('is reached when it knows version 0 only', async () => {
    known.set('ApiVersions', 0)
    peer.versions.set('ApiVersions', { min: 0, max: 0 })
    const cluster = newCluster()
    expect(await connect(cluster, 30_000)).toBeUndefined()
    expect(versionsOf(ApiVersions)).toEqual([4, 4, 3, 3, 2, 2, 1, 1, 0])
    await cluster.close()
  })
})

describe('a broker that closes the connection at an unknown version of another API', () => {
  test('is sent the next lower one of that API, and the highest of the others', async () => {
    known.set('Metadata', 11)
    const cluster = newCluster()
    expect(await connect(cluster, 30_000)).toBeUndefined()
    expect(versionsOf(Metadata)).toEqual([13, 13, 12, 12, 11])
    expect(await beatOnNewConnection(cluster, 0)).toBe(0)
    expect(versionsOf(Heartbeat)).toEqual([Heartbeat.versions.max])
    expect(new Set(versionsOf(ApiVersions))).toEqual(new Set([4]))
    await cluster.close()
  })

  test('is blamed for the right request of several: the next connection sends them one after the other', async () => {
    const cluster = newCluster()
    await connect(cluster)
    known.set('ListOffsets', 5)
    peer.on(ListOffsets, () => ({ topics: [] }))
    const body = { replicaId: -1, isolationLevel: 0, topics: [], timeoutMs: 1_000 }
    const both = () => {
      const broker = cluster.broker(1)!
      const purpose = 'test:both'
      return Promise.all([
        cluster.retry({ operation: 'Heartbeat' }, () => broker.request(Heartbeat, beat, { purpose })),
        cluster.retry({ operation: 'Offsets' }, () => broker.request(ListOffsets, body, { purpose })),
      ])
    }
    expect(await after(60_000, both())).toHaveLength(2)
    expect(versionsOf(ListOffsets).at(-1)).toBe(5)
    expect(new Set(versionsOf(Heartbeat))).toEqual(new Set([Heartbeat.versions.max]))
    await cluster.close()
  })

  test('is never sent a version below the one that the call requires', async () => {
    const cluster = newCluster()
    await connect(cluster)
    known.set('Heartbeat', 2)
    const options = { minVersion: 4, purpose: 'test:min' } as const
    const request = () => cluster.broker(1)!.request(Heartbeat, beat, options)
    const error = await after(10_000, cluster.retry({ operation: 'Heartbeat', timeoutMs: 9_000 }, request))
    expect(error).toMatchObject({ code: 'TIMED_OUT', cause: { code: 'CONNECTION_LOST' } })
    expect(new Set(versionsOf(Heartbeat))).toEqual(new Set([4]))
    await cluster.close()
  })
})

describe('no version is lowered', () => {
  test('by one closed connection', async () => {
    faults.set('ApiVersions', 1)
    const cluster = newCluster()
    await connect(cluster)
    faults.set('Heartbeat', 1)
    expect(await beatOnNewConnection(cluster, 0)).toBe(0)
    expect(new Set(versionsOf(ApiVersions))).toEqual(new Set([4]))
    expect(versionsOf(Heartbeat)).toEqual([4, 4])
    await cluster.close()
  })

  test('by two closed connections with a response in between', async () => {
    const cluster = newCluster()
    await connect(cluster)
    for (let no = 0; no < 4; no++) {
      faults.set('Heartbeat', 1)
      expect(await beatOnNewConnection(cluster, no)).toBe(0)
    }
    expect(new Set(versionsOf(Heartbeat))).toEqual(new Set([4]))
    await cluster.close()
  })

  test('by one fault that closes several connections', async () => {
    const cluster = newCluster()
    await connect(cluster)
    peer.on(Heartbeat, () => undefined)
    const purposes = ['test:1', 'test:2', 'test:3'] as const
    const requests = purposes.map((purpose) => cluster.broker(1)!.request(Heartbeat, beat, { purpose }))
    await runtime.advance(100)
    for (const socket of runtime.network.open) socket.close()
    await after(100, Promise.allSettled(requests))
    peer.on(Heartbeat, () => ({ errorCode: 0 }))
    expect(await beatOnNewConnection(cluster, 9)).toBe(0)
    expect(new Set(versionsOf(Heartbeat))).toEqual(new Set([4]))
    await cluster.close()
  })

  test('by a connection that was closed in the middle of a response', async () => {
    const cluster = newCluster()
    await connect(cluster)
    let cuts = 0
    peer.on(Heartbeat, ({ socket, encode }) => {
      if (cuts++ >= 4) return { errorCode: 0 }
      socket.sendAndClose(encode({ errorCode: 0 }).subarray(0, 5))
      return undefined
    })
    expect(await beatOnNewConnection(cluster, 0)).toBe(0)
    expect(versionsOf(Heartbeat)).toEqual([4, 4, 4, 4, 4])
    await cluster.close()
  })

  test('by a connection that was in use before', async () => {
    const cluster = newCluster()
    await connect(cluster)
    expect(await beatOnNewConnection(cluster, 0)).toBe(0)
    peer.on(ListOffsets, () => ({ topics: [] }))
    peer.on(Heartbeat, ({ socket }) => {
      socket.close()
      return undefined
    })
    const broker = cluster.broker(1)!
    for (let no = 0; no < 4; no++) {
      const purpose = 'test:used'
      const body = { replicaId: -1, isolationLevel: 0, topics: [], timeoutMs: 1_000 }
      expect(await after(2_000, broker.request(ListOffsets, body, { purpose }))).toMatchObject({ topics: [] })
      expect(await after(2_000, broker.request(Heartbeat, beat, { purpose }))).toMatchObject({
        code: 'CONNECTION_LOST',
      })
    }
    expect(new Set(versionsOf(Heartbeat))).toEqual(new Set([4]))
    await cluster.close()
  })

  test('by requests that the broker held for a while before it closed', async () => {
    const cluster = newCluster()
    await connect(cluster)
    peer.on(Heartbeat, ({ socket }) => {
      runtime.setTimer(() => socket.close(), 15_000)
      return undefined
    })
    for (let no = 0; no < 4; no++) {
      const request = cluster.broker(1)!.request(Heartbeat, beat, { purpose: `test:${no}` })
      expect(await after(16_000, request)).toMatchObject({ code: 'CONNECTION_LOST' })
    }
    expect(new Set(versionsOf(Heartbeat))).toEqual(new Set([4]))
    await cluster.close()
  })

  test('by a request that timed out', async () => {
    const cluster = newCluster({ requestTimeoutMs: 500 })
    await connect(cluster)
    peer.on(Heartbeat, () => undefined)
    for (let no = 0; no < 4; no++) {
      const request = cluster.broker(1)!.request(Heartbeat, beat, { purpose: `test:${no}` })
      expect(await after(1_000, request)).toMatchObject({ code: 'REQUEST_TIMED_OUT' })
    }
    peer.on(Heartbeat, () => ({ errorCode: 0 }))
    expect(await beatOnNewConnection(cluster, 9)).toBe(0)
    expect(new Set(versionsOf(Heartbeat))).toEqual(new Set([4]))
    await cluster.close()
  })

  test('for long by a load balancer without a broker: the version with features is tried again', async () => {
    const cluster = newCluster()
    await connect(cluster)
    await openGeneral(cluster)
    peer.received.length = 0
    faults.set('ApiVersions', 7)
    expect(await beatOnNewConnection(cluster, 0)).toBe(0)
    expect(versionsOf(ApiVersions)).toEqual([4, 4, 3, 3, 2, 2, 1, 1])
    peer.received.length = 0
    expect(await beatOnNewConnection(cluster, 1)).toBe(0)
    expect(await beatOnNewConnection(cluster, 2)).toBe(0)
    expect(versionsOf(ApiVersions)).toEqual([4, 4])
    await cluster.close()
  })

  test('again and again where a proxy claims the version that it closes at: one more close is enough', async () => {
    const cluster = newCluster()
    await connect(cluster)
    await openGeneral(cluster)
    peer.received.length = 0
    known.set('ApiVersions', 1)
    for (let no = 0; no < 6; no++) expect(await beatOnNewConnection(cluster, no)).toBe(0)
    expect(versionsOf(ApiVersions)).toEqual([4, 4, 3, 3, 2, 2, 1, 4, 1, 1, 1, 1, 1])
    await cluster.close()
  })
})
