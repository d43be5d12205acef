import {
  ApiVersions,
  errorCode,
  Fetch,
  FindCoordinator,
  Heartbeat,
  InitProducerId,
  Metadata,
  zeroUuid,
} from '@ottla/codec'
import { afterEach, describe, expect, test } from 'vitest'
import { parseCommand } from '../src/cli-options.ts'
import { createCluster, type QuirkOptions, type TestCluster } from '../src/index.ts'
import { Wire } from './support/wire.ts'

let cluster: TestCluster

afterEach(() => cluster?.close())

const software = { clientSoftwareName: 'wire', clientSoftwareVersion: '1' }
const anyTopic = {
  allowAutoTopicCreation: false,
  includeTopicAuthorizedOperations: false,
  includeClusterAuthorizedOperations: false,
}
const unknownMember = { groupId: 'g', generationId: 1, memberId: 'm' }

async function openWith(quirks: QuirkOptions, options: Parameters<typeof createCluster>[0] = {}): Promise<Wire> {
  const topics = [{ name: 't', replicationFactor: 1 }]
  cluster = await createCluster({ brokers: 1, listen: true, topics, quirks, onDiagnostic: () => {}, ...options })
  return Wire.open(cluster.bootstrap[0] ?? '')
}

async function advertisedBy(wire: Wire): Promise<Map<number, { minVersion: number; maxVersion: number }>> {
  const { apiKeys } = await wire.request(ApiVersions, 3, software)
  return new Map(apiKeys.map(({ apiKey, ...range }) => [apiKey, range]))
}

test('versions lowers what brokers advertise and serve, and removes APIs', async () => {
  const wire = await openWith({ versions: { Metadata: 5, InitProducerId: null } })
  const advertised = await advertisedBy(wire)
  expect(advertised.get(Metadata.key)).toMatchObject({ minVersion: 0, maxVersion: 5 })
  expect(advertised.has(InitProducerId.key)).toBe(false)
  expect(advertised.get(Heartbeat.key)?.maxVersion).toBe(Heartbeat.versions.max)
  expect((await wire.request(Metadata, 5, { topics: null, ...anyTopic })).topics).toHaveLength(1)
  await expect(wire.request(Metadata, 6, { topics: null, ...anyTopic })).rejects.toThrow('closed')
  const other = await Wire.open(cluster.bootstrap[0] ?? '')
  const request = { transactionalId: null, transactionTimeoutMs: 1000, producerId: -1n, producerEpoch: -1 }
  await expect(other.request(InitProducerId, 4, request)).rejects.toThrow('closed')
})

test('resetsAbove resets the connection, also at ApiVersions, which Kafka responds to in version 0', async () => {
  const wire = await openWith({ resetsAbove: { ApiVersions: 3, Metadata: 8 } })
  const advertised = await advertisedBy(wire)
  expect(advertised.get(ApiVersions.key)?.maxVersion).toBe(4)
  expect((await wire.request(Metadata, 8, { topics: null, ...anyTopic })).topics).toHaveLength(1)
  await expect(wire.request(Metadata, 9, { topics: null, ...anyTopic })).rejects.toThrow('closed')
  const other = await Wire.open(cluster.bootstrap[0] ?? '')
  await expect(other.request(ApiVersions, 4, software)).rejects.toThrow('closed')
})

test('innerAddresses advertises addresses that the bootstrap list does not have', async () => {
  const wire = await openWith({ innerAddresses: true })
  const [host, port] = cluster.bootstrap[0]?.split(':') ?? []
  expect(host).toBe('127.0.0.1')
  const { brokers } = await wire.request(Metadata, 5, { topics: null, ...anyTopic })
  expect(brokers).toMatchObject([{ nodeId: 1, host: 'broker-1.inner', port: Number(port) }])
  const find = () => wire.request(FindCoordinator, 3, { key: 'g', keyType: 0 })
  await find()
  expect(await find()).toMatchObject({ host: 'broker-1.inner', port: Number(port) })
})

describe('hintEndpoints', () => {
  async function hintOf(quirks: QuirkOptions) {
    const created = [{ name: 't', replicationFactor: 1 }]
    cluster = await createCluster({ brokers: 2, listen: true, topics: created, quirks })
    const { leader } = cluster.partition('t', 0)
    const other = cluster.brokers.find(({ id }) => id !== leader)!
    const wire = await Wire.open(`${other.host}:${other.port}`)
    const { topics } = await wire.request(Metadata, 12, { topics: null, ...anyTopic })
    const partition = {
      partition: 0,
      currentLeaderEpoch: -1,
      fetchOffset: 0n,
      logStartOffset: -1n,
      lastFetchedEpoch: -1,
    }
    const topic = { topicId: topics[0]?.topicId ?? zeroUuid, partitions: [{ ...partition, partitionMaxBytes: 1000 }] }
    const limits = { maxWaitMs: 0, minBytes: 0, maxBytes: 1000, isolationLevel: 0, sessionId: 0, sessionEpoch: -1 }
    const response = await wire.request(Fetch, 16, { ...limits, topics: [topic], forgottenTopicsData: [], rackId: '' })
    const [data] = response.responses[0]?.partitions ?? []
    return { leader, error: data?.errorCode, hinted: data?.currentLeader.leaderId, endpoints: response.nodeEndpoints }
  }

  test("'none' leaves out the address of the new leader", async () => {
    const { leader, error, hinted, endpoints } = await hintOf({ hintEndpoints: 'none' })
    expect({ error, hinted, endpoints }).toEqual({
      error: errorCode('NOT_LEADER_OR_FOLLOWER'),
      hinted: leader,
      endpoints: [],
    })
  })

  test("'inner' names an address that clients cannot reach", async () => {
    const { leader, endpoints } = await hintOf({ hintEndpoints: 'inner' })
    expect(endpoints).toMatchObject([{ nodeId: leader, host: `broker-${leader}.inner` }])
  })
})

describe('forgetsIdleMs', () => {
  test('loses what either side sends on a connection after that time, without closing it', async () => {
    const wire = await openWith({ forgetsIdleMs: 5_000 })
    await wire.request(Heartbeat, 4, unknownMember)
    cluster.clock.advance(4_000)
    await wire.request(Heartbeat, 4, unknownMember)
    cluster.clock.advance(5_000)
    let isSettled = false
    const lost = wire.request(Heartbeat, 4, unknownMember).catch(() => {})
    void lost.then(() => {
      isSettled = true
    })
    const other = await Wire.open(cluster.bootstrap[0] ?? '')
    for (let i = 0; i < 5; i++) await other.request(Heartbeat, 4, unknownMember)
    expect(isSettled).toBe(false)
    expect(wire.isClosed).toBe(false)
    await cluster.close()
    await lost
  })

  test('loses a response that comes too late', async () => {
    const wire = await openWith({ forgetsIdleMs: 5_000 })
    cluster.faults.add({ match: { api: 'Heartbeat' }, action: { delay: 6_000 } })
    let isSettled = false
    const lost = wire.request(Heartbeat, 4, unknownMember).catch(() => {})
    void lost.then(() => {
      isSettled = true
    })
    const other = await Wire.open(cluster.bootstrap[0] ?? '')
    await other.request(ApiVersions, 3, software)
    cluster.clock.advance(6_000)
    const third = await Wire.open(cluster.bootstrap[0] ?? '')
    for (let i = 0; i < 5; i++) await third.request(ApiVersions, 3, software)
    expect(isSettled).toBe(false)
    await cluster.close()
    await lost
  })
})

describe('the options', () => {
  test.each([
    [{ versions: { Nonsense: 3 } }, "Option 'quirks.versions.Nonsense' is not an API that brokers serve"],
    [
      { versions: { Metadata: 99 } },
      "Option 'quirks.versions.Metadata' must be a version from 0 to 13, or null, not 99",
    ],
    [
      { resetsAbove: { Metadata: null } },
      "Option 'quirks.resetsAbove.Metadata' must be a version from 0 to 13, not null",
    ],
    [{ hintEndpoints: 'all' }, "Option 'quirks.hintEndpoints' must be 'none' or 'inner', not 'all'"],
    [{ innerAddresses: 1 }, "Option 'quirks.innerAddresses' must be a boolean"],
    [{ forgetsIdleMs: 0 }, "Option 'quirks.forgetsIdleMs' must be a positive number, not 0"],
    [
      { idle: 1 },
      "Option 'quirks.idle' does not exist, only versions, resetsAbove, hintEndpoints, innerAddresses, forgetsIdleMs",
    ],
  ])('reject %j', async (quirks, problem) => {
    await expect(createCluster({ quirks: quirks as QuirkOptions })).rejects.toThrow(new TypeError(problem))
  })

  test('can be given on the command line', () => {
    const flags = ['versions=Metadata:5', 'versions=InitProducerId:none', 'resetsAbove=ApiVersions:3']
    const others = ['hintEndpoints=none', 'innerAddresses', 'forgetsIdleMs=60000']
    expect(parseCommand([...flags, ...others].flatMap((text) => ['--quirk', text]))).toMatchObject({
      options: {
        quirks: {
          versions: { Metadata: 5, InitProducerId: null },
          resetsAbove: { ApiVersions: 3 },
          hintEndpoints: 'none',
          innerAddresses: true,
          forgetsIdleMs: 60_000,
        },
      },
    })
    expect(() => parseCommand(['--quirk', 'versions=Metadata:five'])).toThrow("'five' is not a number")
  })
})
