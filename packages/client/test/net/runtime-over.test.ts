import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ClusterOptions, createCluster, type TestCluster } from '@ottla/testkit'
import { afterEach, describe, expect, test } from 'vitest'
import {
  Kafka,
  type KafkaError,
  type KafkaOptions,
  type OpenConnection,
  runtimeOver,
  silentLogger,
} from '../../src/index.ts'
import { take, textOf } from '../support/records.ts'

let cluster: TestCluster
let kafka: Kafka | undefined
const sockets: Socket[] = []

afterEach(async () => {
  await kafka?.close()
  kafka = undefined
  await cluster.close()
})

async function start(options: ClusterOptions = {}): Promise<void> {
  const topics = [{ name: 't', partitions: 3, replicationFactor: 1 }]
  cluster = await createCluster({ brokers: 3, listen: true, topics, onDiagnostic: () => {}, ...options })
  sockets.length = 0
}

/** Opens a socket as a proxy would: the names of inner brokers are addresses of this machine. */
const open: OpenConnection = ({ port }, signal) => {
  const socket = connect({ host: '127.0.0.1', port, signal })
  sockets.push(socket)
  return socket
}

function connectBy(how: OpenConnection, options: Partial<KafkaOptions> = {}): Kafka {
  const given = { brokers: cluster.bootstrap, runtime: runtimeOver(how), logger: silentLogger, connectTimeoutMs: 300 }
  kafka = new Kafka({ ...given, ...options })
  return kafka
}

async function roundTrips(client: Kafka): Promise<void> {
  const large = 'x'.repeat(300_000)
  await client.producer().send([0, 1, 2].map((partition) => ({ topic: 't', partition, value: `${partition}${large}` })))
  const consumer = client.consumer({ groupId: 'g', topics: ['t'], offsetReset: 'earliest' })
  const values = (await take(consumer, 3)).map(textOf)
  expect(values.sort()).toEqual([0, 1, 2].map((partition) => `${partition}${large}`))
}

const errorOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: KafkaError) => error,
  )

describe('runtimeOver', () => {
  test('carries every connection, by the names that brokers advertise', async () => {
    await start({ quirks: { innerAddresses: true } })
    const hosts = new Set<string>()
    await roundTrips(
      connectBy((target, signal) => {
        hosts.add(target.host)
        return open(target, signal)
      }),
    )
    expect([...hosts].sort()).toEqual(['127.0.0.1', 'broker-1.inner', 'broker-2.inner', 'broker-3.inner'])
    await kafka?.close()
    expect(sockets.every(({ destroyed }) => destroyed)).toBe(true)
  })

  test('carries TLS, and the certificate is checked against the name that the broker advertises', async () => {
    await start({ tls: true })
    await roundTrips(connectBy(open, { tls: { ca: cluster.ca } }))
    await kafka?.close()
    const wrong = connectBy(open, { tls: { ca: cluster.ca, servername: 'other.example.com' } })
    expect(await errorOf(wrong.ready({ timeoutMs: 2_000 }))).toMatchObject({
      code: 'TLS_FAILED',
      message: expect.stringContaining("not for 'other.example.com'"),
    })
  })

  test('opens another connection when a broker restarts', async () => {
    await start()
    const producer = connectBy(open).producer()
    await producer.send({ topic: 't', partition: 0, value: 'before' })
    for (const broker of cluster.brokers) {
      await broker.kill()
      await broker.restart()
    }
    expect(await producer.send({ topic: 't', partition: 0, value: 'after' })).toMatchObject({ offset: 1n })
  })

  test('may open connections later than the deadline: they are closed', async () => {
    await start()
    const client = connectBy(async (target, signal) => {
      const socket = (await open(target, new AbortController().signal)) as Socket
      await sleep(600)
      if (signal.aborted) expect(socket.destroyed).toBe(false)
      return socket
    })
    await errorOf(client.ready({ timeoutMs: 1_000 }))
    await client.close()
    await sleep(700)
    expect(sockets.length).toBeGreaterThan(0)
    expect(sockets.every(({ destroyed }) => destroyed)).toBe(true)
  })

  test.each<[string, () => unknown, RegExp]>([
    [
      'throws',
      () => {
        throw new Error('the proxy requires a password')
      },
      /the proxy requires a password/,
    ],
    ['rejects', () => Promise.reject(new Error('the proxy is down')), /the proxy is down/],
    ['returns nothing', () => undefined, /returned no Duplex/],
    ['returns a number', () => 5, /returned no Duplex/],
    ['never settles', () => new Promise(() => {}), /no connection within 300 ms/],
  ])('that %s fails the calls with the reason, and works again', async (_, broken, reason) => {
    await start()
    let isBroken = true
    const client = connectBy((target, signal) => (isBroken ? (broken() as Socket) : open(target, signal)))
    expect(await errorOf(client.ready({ timeoutMs: 1_000 }))).toMatchObject({ message: expect.stringMatching(reason) })
    isBroken = false
    await roundTrips(client)
  })
})
