import { ApiVersions, CreateTopics, errorCode, Metadata, zeroUuid } from '@ottla/codec'
import type { Runtime, Timer } from '@ottla/runtime'
import { afterEach, describe, expect, test } from 'vitest'
import { createCluster, type TestCluster } from '../src/index.ts'
import { systemRuntime } from '../src/runtime/node-runtime.ts'
import { batchOf } from './support/batches.ts'
import { eventually, TopicClient } from './support/topic-client.ts'
import { Wire } from './support/wire.ts'
import { WireClient } from './support/wire-client.ts'

let cluster: TestCluster

afterEach(() => cluster.close())

const software = { clientSoftwareName: 'wire', clientSoftwareVersion: '1' }

async function connect(options: Parameters<typeof createCluster>[0] = {}): Promise<WireClient> {
  cluster = await createCluster({ brokers: 1, onDiagnostic: () => {}, ...options })
  return WireClient.connect(cluster.runtime, cluster.bootstrap[0] ?? '')
}

/** A frame with its length. */
function frameOf(...bytes: number[]): Uint8Array {
  return Uint8Array.from([0, 0, 0, bytes.length, ...bytes])
}

describe('a connection closes on', () => {
  test.each([
    ['an API that is not served', frameOf(3, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff)],
    ['a version that is not advertised', frameOf(0, 3, 0, 99, 0, 0, 0, 1, 0xff, 0xff, 0, 0)],
    ['a request that ends too early', frameOf(0, 3, 0, 5, 0, 0, 0, 1, 0xff, 0xff)],
    ['a header that ends too early', frameOf(0, 3)],
    ['a frame larger than socket.request.max.bytes', Uint8Array.from([0x7f, 0, 0, 0, 0, 3])],
    ['a negative length', Uint8Array.from([0xff, 0xff, 0xff, 0xff])],
  ])('%s', async (_, bytes) => {
    const client = await connect()
    client.write(bytes)
    await client.closed
    expect(cluster.broker(1).connectionCount).toBe(0)
  })
})

test('reports a request of an unsupported API through onDiagnostic', async () => {
  const messages: string[] = []
  const client = await connect({ onDiagnostic: (message) => messages.push(message) })
  client.write(frameOf(3, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff))
  await client.closed
  expect(messages).toEqual(['Broker 1 closed a connection: the testkit does not serve API 768'])
})

test('reports a client with another protocol through onDiagnostic', async () => {
  const messages: string[] = []
  const client = await connect({ onDiagnostic: (message) => messages.push(message) })
  client.write(Buffer.from('GET / HTTP/1.1'))
  await client.closed
  expect(messages[0]).toContain('the client may use another protocol')
})

test('a newer client gets the supported versions in an ApiVersions response of version 0', async () => {
  const client = await connect()
  // decodeResponse decodes a response with UNSUPPORTED_VERSION as version 0.
  client.expect(ApiVersions, 4)
  client.write(frameOf(0, 18, 0, 99, 0, 0, 0, 1, 0xff, 0xff, 0))
  expect(await client.expected<typeof ApiVersions>().catch(({ message }: Error) => message)).toMatchObject({
    errorCode: errorCode('UNSUPPORTED_VERSION'),
    apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }],
  })
})

test('responds to pipelined requests in order', async () => {
  const client = await connect()
  const order: number[] = []
  await Promise.all([1, 2, 3, 4, 5].map((n) => client.request(ApiVersions, software).then(() => order.push(n))))
  expect(order).toEqual([1, 2, 3, 4, 5])
})

describe('an idle connection', () => {
  test('is closed after connections.max.idle.ms, and one in use is not', async () => {
    const idle = await connect({ config: { 'connections.max.idle.ms': 40 } })
    const busy = await WireClient.connect(cluster.runtime, cluster.bootstrap[0] ?? '')
    const timer = setInterval(() => void busy.request(ApiVersions, software).catch(() => {}), 5)
    await idle.closed
    clearInterval(timer)
    expect([idle.isClosed, busy.isClosed]).toEqual([true, false])
  })
})

test('a closed client leaves no timers, also of a waiting request', async () => {
  const timers = new Set<Timer>()
  const runtime: Runtime = {
    ...systemRuntime,
    setTimer: (callback, delayMs) => {
      const timer = systemRuntime.setTimer(callback, delayMs)
      timers.add(timer)
      return timer
    },
    clearTimer: (timer) => {
      timers.delete(timer)
      systemRuntime.clearTimer(timer)
    },
  }
  cluster = await createCluster({ brokers: 1, runtime, topics: [{ name: 't' }] })
  const initial = timers.size
  const client = await TopicClient.connect(cluster, 't')
  const failed = expect(client.fetch({ maxWaitMs: 60_000 })).rejects.toThrow()
  // The idle timer of the connection, and the fetch.
  await eventually(
    () => timers.size,
    (size) => size === initial + 2,
  )
  client.wire.close()
  await failed
  await eventually(
    () => timers.size,
    (size) => size === initial,
  )
  await cluster.close()
  expect(timers.size).toBe(0)
})

describe('over TCP', () => {
  test('brokers use consecutive ports, and respond as in memory', async () => {
    cluster = await createCluster({ brokers: 3, listen: true, topics: [{ name: 't', replicationFactor: 3 }] })
    const ports = cluster.brokers.map(({ port }) => port)
    expect(new Set(ports).size).toBe(3)
    const wire = await Wire.open(cluster.bootstrap[0] ?? '')
    const body = { topics: [{ topicId: zeroUuid, name: 't' }], allowAutoTopicCreation: false }
    const { brokers } = await wire.request(Metadata, 12, { ...body, includeTopicAuthorizedOperations: false })
    expect(brokers.map(({ host, port }) => `${host}:${port}`)).toEqual(cluster.bootstrap)
    wire.close()
    const inMemory = await TopicClient.connect(cluster, 't')
    expect(await inMemory.produce(batchOf(['a']))).toMatchObject({ errorCode: 0 })
  })

  test('a killed broker resets its connections, and restarts on its port', async () => {
    cluster = await createCluster({ brokers: 1, listen: true })
    const [address = ''] = cluster.bootstrap
    const wire = await Wire.open(address)
    await cluster.broker(1).kill()
    await eventually(() => wire.isClosed, Boolean)
    await expect(Wire.open(address)).rejects.toThrow('ECONNREFUSED')
    await cluster.broker(1).restart()
    const again = await Wire.open(address)
    expect((await again.request(ApiVersions, 3, software)).errorCode).toBe(0)
    again.close()
  })

  test('a port in use is an error with the port, and leaves nothing open', async () => {
    cluster = await createCluster({ brokers: 1, listen: true })
    const port = cluster.broker(1).port
    await expect(createCluster({ brokers: 2, listen: { port: port - 1 } })).rejects.toThrow('EADDRINUSE')
  })
})

describe('close', () => {
  test('ends held requests, connections and timers', async () => {
    const client = await connect({ topics: [{ name: 't' }], config: { 'broker.session.timeout.ms': 60_000 } })
    const topic = await TopicClient.connect(cluster, 't')
    const failed = expect(topic.fetch({ maxWaitMs: 60_000 })).rejects.toThrow()
    await client.request(CreateTopics, { topics: [], timeoutMs: 1000 })
    await cluster.close()
    await failed
    await client.closed
    expect(process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap')).toEqual([])
    await cluster.close()
  })
})

describe('createCluster rejects invalid options', () => {
  test.each([
    [{ brokers: 0 }, 'brokers'],
    [{ brokers: 1.5 }, 'brokers'],
    [{ listen: { port: 65_535 } }, 'listen.port'],
    [{ config: { 'no.such': 1 } }, 'no.such'],
    [{ racks: ['a', 'b'], brokers: 1 }, 'racks'],
    [{ topics: [{ name: 't', replicationFactor: 4 }] }, 'replication factor 4'],
    [{ topics: [{ name: 't', configs: { 'retention.ms': 'x' } }] }, 'retention.ms'],
  ])('%j', async (options, what) => {
    cluster = await createCluster({ brokers: 1 })
    await expect(createCluster(options)).rejects.toThrow(what)
  })
})
