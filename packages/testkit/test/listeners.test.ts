import { DescribeCluster, FindCoordinator, Metadata, SaslAuthenticate, SaslHandshake } from '@ottla/codec'
import { type ClusterOptions, createCluster, type TestCluster } from '@ottla/testkit'
import { afterEach, expect, test } from 'vitest'
import { batchOf } from './support/batches.ts'
import { TopicClient } from './support/topic-client.ts'
import { Wire } from './support/wire.ts'

let cluster: TestCluster | undefined
const wires: Wire[] = []

afterEach(async () => {
  for (const wire of wires.splice(0)) wire.close()
  await cluster?.close()
  cluster = undefined
})

async function open(address: string | undefined): Promise<Wire> {
  const wire = await Wire.open(address ?? '')
  wires.push(wire)
  return wire
}

async function logIn(wire: Wire): Promise<number> {
  await wire.request(SaslHandshake, 1, { mechanism: 'PLAIN' })
  return (await wire.request(SaslAuthenticate, 2, { authBytes: Buffer.from('\0alice\0alice-secret') })).errorCode
}

const bothListeners: ClusterOptions = {
  brokers: 2,
  listeners: [{ protocol: 'PLAINTEXT' }, { name: 'USERS', protocol: 'SASL_PLAINTEXT' }],
  sasl: { users: { alice: 'alice-secret' } },
  onDiagnostic: () => {},
}

const aboutNothing = { topics: [], allowAutoTopicCreation: false, includeTopicAuthorizedOperations: false }

test('metadata has the addresses of the listener that received the request', async () => {
  cluster = await createCluster(bothListeners)
  const [plain, users] = [cluster.bootstrapOf('PLAINTEXT'), cluster.bootstrapOf('USERS')]
  expect(cluster.bootstrap).toEqual(plain)
  expect(new Set([...plain, ...users]).size).toBe(4)
  for (const bootstrap of [plain, users]) {
    const wire = await open(bootstrap[1])
    if (bootstrap === users) expect(await logIn(wire)).toBe(0)
    const { brokers } = await wire.request(Metadata, 13, aboutNothing)
    expect(brokers.map(({ host, port }) => `${host}:${port}`)).toEqual(bootstrap)
    const described = await wire.request(DescribeCluster, 1, {
      endpointType: 1,
      includeClusterAuthorizedOperations: false,
    })
    expect(described.brokers.map(({ host, port }) => `${host}:${port}`)).toEqual(bootstrap)
    await wire.request(FindCoordinator, 6, { keyType: 0, coordinatorKeys: ['g'] })
    await cluster.createTopic({ name: `t${wires.length}` })
    const { coordinators } = await wire.request(FindCoordinator, 6, { keyType: 0, coordinatorKeys: ['g'] })
    expect(bootstrap).toContain(`${coordinators[0]?.host}:${coordinators[0]?.port}`)
  }
})

test.each(['::1', '[::1]'])(
  'addresses with the IPv6 host %s are in brackets, and the brokers serve there',
  async (host) => {
    const topics = [{ name: 't', replicationFactor: 2 }]
    cluster = await createCluster({ ...bothListeners, topics, listen: { host }, onDiagnostic: () => {} })
    for (const bootstrap of [cluster.bootstrap, cluster.bootstrapOf('USERS')]) {
      expect(bootstrap).toMatchObject([/^\[::1\]:\d+$/, /^\[::1\]:\d+$/].map((form) => expect.stringMatching(form)))
    }
    expect(cluster.broker(1).host).toBe('::1')
    const wire = await open(cluster.bootstrap[0])
    const { brokers } = await wire.request(Metadata, 13, aboutNothing)
    expect(brokers.map((broker) => `[${broker.host}]:${broker.port}`)).toEqual(cluster.bootstrap)
    const inMemory = await TopicClient.connect(cluster, 't')
    expect((await inMemory.produce(batchOf(['a']))).errorCode).toBe(0)
  },
)

test('only the listener with SASL requires it', async () => {
  cluster = await createCluster(bothListeners)
  const anonymous = await open(cluster.bootstrapOf('USERS')[0])
  await expect(anonymous.request(Metadata, 13, aboutNothing)).rejects.toThrow('closed')
  const free = await open(cluster.bootstrapOf('PLAINTEXT')[0])
  expect(await free.request(Metadata, 13, aboutNothing)).toMatchObject({ errorCode: 0 })
})

test('a restarted broker has the same ports', async () => {
  cluster = await createCluster(bothListeners)
  const before = [cluster.bootstrapOf('PLAINTEXT'), cluster.bootstrapOf('USERS')]
  await cluster.broker(2).kill()
  await expect(open(before[1]?.[1])).rejects.toThrow('ECONNREFUSED')
  await cluster.broker(2).restart()
  expect([cluster.bootstrapOf('PLAINTEXT'), cluster.bootstrapOf('USERS')]).toEqual(before)
  expect(await logIn(await open(before[1]?.[1]))).toBe(0)
})

test('a port in use leaves no other listener open', async () => {
  cluster = await createCluster(bothListeners)
  const { port } = cluster.broker(1)
  const free = cluster.broker(2).port
  await cluster.broker(2).kill()
  const listeners = [
    { protocol: 'PLAINTEXT', port: free },
    { name: 'TAKEN', protocol: 'PLAINTEXT', port },
  ] as const
  await expect(createCluster({ brokers: 1, listeners })).rejects.toThrow('EADDRINUSE')
  await cluster.broker(2).restart()
})

test.each<[ClusterOptions, string]>([
  [{ listeners: [] }, 'must not be empty'],
  [
    { listeners: [{ protocol: 'PLAINTEXT' }, { protocol: 'PLAINTEXT' }] },
    "the name 'PLAINTEXT' is empty or not unique",
  ],
  [{ listeners: [{ protocol: 'HTTP' as 'SSL' }] }, "not 'HTTP'"],
  [{ listeners: [{ protocol: 'SASL_PLAINTEXT' }] }, "requires option 'sasl'"],
  [{ listeners: [{ protocol: 'PLAINTEXT' }], sasl: { users: {} } }, 'no listener uses SASL'],
  [{ listeners: [{ protocol: 'PLAINTEXT', port: 65_535 }] }, 'for 3 consecutive ports'],
  [{ listeners: [{ protocol: 'PLAINTEXT' }], listen: { port: 9092 } }, "cannot be combined with 'listeners'"],
])('rejects invalid listeners: %j', async (options, what) => {
  await expect(createCluster(options)).rejects.toThrow(what)
})

test('rejects unknown listener names', async () => {
  cluster = await createCluster({ brokers: 1, listen: true })
  expect(() => cluster?.bootstrapOf('SSL')).toThrow(new RangeError("Unknown listener 'SSL': the cluster has PLAINTEXT"))
})
