import {
  CreateAcls,
  CreateTopics,
  DeleteAcls,
  DescribeAcls,
  DescribeCluster,
  errorOf,
  Fetch,
  FindCoordinator,
  InitProducerId,
  JoinGroup,
  ListOffsets,
  Metadata,
  Produce,
  zeroUuid,
} from '@ottla/codec'
import { type ClusterOptions, createCluster, type TestCluster } from '@ottla/testkit'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { batchOf } from './support/batches.ts'
import { login } from './support/login.ts'
import { Wire } from './support/wire.ts'

const wires: Wire[] = []
let cluster: TestCluster
let admin: Wire
let bob: Wire

const users = { alice: 'alice-secret', bob: 'bob-secret' }
const acls = { superUsers: ['alice'] }

async function start(options: ClusterOptions = {}): Promise<void> {
  cluster = await createCluster({
    brokers: 1,
    topics: [{ name: 'orders' }, { name: 'secrets' }],
    listeners: [{ protocol: 'PLAINTEXT' }, { protocol: 'SASL_PLAINTEXT' }],
    sasl: { users },
    onDiagnostic: () => {},
    ...options,
  })
}

async function open(name?: keyof typeof users): Promise<Wire> {
  const addresses = name === undefined ? cluster.bootstrap : cluster.bootstrapOf('SASL_PLAINTEXT')
  const wire = await Wire.open(addresses[0] ?? '')
  wires.push(wire)
  if (name !== undefined) await login(wire, { name, password: users[name] })
  return wire
}

afterEach(async () => {
  for (const wire of wires.splice(0)) wire.close()
  await cluster.close()
})

const codeOf = (code: number | undefined) => errorOf(code ?? -1).name

const toTopic = (resourceName: string, operation: number, principal = 'User:bob') => ({
  resourceType: 2,
  resourceName,
  resourcePatternType: 3,
  principal,
  host: '*',
  operation,
  permissionType: 3,
})
const [read, write, describes] = [3, 4, 8]

async function allow(...creations: ReturnType<typeof toTopic>[]): Promise<void> {
  const { results } = await admin.request(CreateAcls, 3, { creations })
  expect(results.map(({ errorCode }) => codeOf(errorCode))).toEqual(creations.map(() => 'NONE'))
}

async function names(wire: Wire): Promise<(string | null | undefined)[]> {
  const body = { topics: null, allowAutoTopicCreation: false, includeTopicAuthorizedOperations: false }
  return (await wire.request(Metadata, 12, body)).topics.map(({ name }) => name).sort()
}

const producing = (name: string, acks = -1) => ({
  transactionalId: null,
  acks,
  timeoutMs: 1000,
  topicData: [{ name, topicId: zeroUuid, partitionData: [{ index: 0, records: batchOf(['a']) }] }],
})

async function produced(wire: Wire, name: string): Promise<string> {
  const { responses } = await wire.request(Produce, 9, producing(name))
  return codeOf(responses[0]?.partitionResponses[0]?.errorCode)
}

describe('a cluster with ACLs', () => {
  beforeEach(async () => {
    await start({ acls })
    admin = await open('alice')
    bob = await open('bob')
  })

  test('lists and serves only authorized resources', async () => {
    expect(await names(bob)).toEqual([])
    expect(await produced(bob, 'orders')).toBe('TOPIC_AUTHORIZATION_FAILED')
    await allow(toTopic('orders', write))
    expect(await names(bob)).toEqual(['orders'])
    expect(await produced(bob, 'orders')).toBe('NONE')
    expect(await produced(bob, 'secrets')).toBe('TOPIC_AUTHORIZATION_FAILED')
    expect(await names(admin)).toEqual(['orders', 'secrets'])
  })

  test('does not reveal whether a topic without describe permission exists', async () => {
    const topics = ['secrets', 'nothing'].map((name) => ({ name, topicId: zeroUuid }))
    const body = { topics, allowAutoTopicCreation: true, includeTopicAuthorizedOperations: false }
    const [one, other] = (await bob.request(Metadata, 12, body)).topics
    expect({ ...one, name: '' }).toEqual({ ...other, name: '' })
    expect(codeOf(one?.errorCode)).toBe('TOPIC_AUTHORIZATION_FAILED')
    expect(await produced(bob, 'nothing')).toBe('TOPIC_AUTHORIZATION_FAILED')
    expect(cluster.topics()).not.toContain('nothing')
  })

  test('serves the authorized part of a request', async () => {
    await allow(toTopic('orders', describes))
    const partitions = [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: -1n }]
    const topics = ['secrets', 'orders'].map((name) => ({ name, partitions }))
    const response = await bob.request(ListOffsets, 5, { replicaId: -1, isolationLevel: 0, topics })
    const codes = response.topics.map(({ name, partitions: [first] }) => [name, codeOf(first?.errorCode)])
    expect(Object.fromEntries(codes)).toEqual({ orders: 'NONE', secrets: 'TOPIC_AUTHORIZATION_FAILED' })
  })

  test('responds to a fetch immediately when none of its partitions is authorized', async () => {
    const partition = { partition: 0, currentLeaderEpoch: -1, fetchOffset: 0n, lastFetchedEpoch: -1 }
    const sizes = { logStartOffset: -1n, partitionMaxBytes: 1000 }
    const body = (topic: string) => ({
      replicaId: -1,
      maxWaitMs: 60_000,
      minBytes: 1,
      maxBytes: 1000,
      isolationLevel: 0,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [{ topic, topicId: zeroUuid, partitions: [{ ...partition, ...sizes }] }],
      forgottenTopicsData: [],
      rackId: '',
    })
    const { responses } = await bob.request(Fetch, 12, body('secrets'))
    expect(codeOf(responses[0]?.partitions[0]?.errorCode)).toBe('TOPIC_AUTHORIZATION_FAILED')
  })

  test('closes the connection when no response can contain the error', async () => {
    await expect(bob.request(Produce, 9, producing('secrets', 0))).rejects.toThrow('closed')
  })

  test('fails a request for a single resource as a whole', async () => {
    const join = { sessionTimeoutMs: 6000, rebalanceTimeoutMs: 6000, memberId: '', groupInstanceId: null }
    const protocols = [{ name: 'range', metadata: Buffer.alloc(0) }]
    const response = await bob.request(JoinGroup, 5, { groupId: 'g', ...join, protocolType: 'consumer', protocols })
    expect(codeOf(response.errorCode)).toBe('GROUP_AUTHORIZATION_FAILED')
    const found = await bob.request(FindCoordinator, 4, { keyType: 1, coordinatorKeys: ['x'] })
    expect(codeOf(found.coordinators[0]?.errorCode)).toBe('TRANSACTIONAL_ID_AUTHORIZATION_FAILED')
    const described = await bob.request(DescribeAcls, 3, anyAcl)
    expect(codeOf(described.errorCode)).toBe('CLUSTER_AUTHORIZATION_FAILED')
    expect(described.errorMessage).toMatch(/^Request Request\(.*\) needs DESCRIBE permission\.$/)
  })

  test('assigns a producer id to a client that may write to any topic', async () => {
    const body = { transactionalId: null, transactionTimeoutMs: 1000, producerId: -1n, producerEpoch: -1 }
    const refused = await bob.request(InitProducerId, 4, body)
    expect([codeOf(refused.errorCode), refused.producerId]).toEqual(['CLUSTER_AUTHORIZATION_FAILED', -1n])
    await allow(toTopic('orders', write))
    expect(codeOf((await bob.request(InitProducerId, 4, body)).errorCode)).toBe('NONE')
  })

  test('lets a client with permission for one topic create it, and hides its configs', async () => {
    await allow(toTopic('mine', 5))
    const topic = { numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
    const topics = ['mine', 'yours'].map((name) => ({ name, ...topic }))
    const response = await bob.request(CreateTopics, 7, { topics, timeoutMs: 1000, validateOnly: false })
    const [mine, yours] = [...response.topics].sort((a, b) => a.name.localeCompare(b.name))
    expect([codeOf(mine?.errorCode), codeOf(mine?.topicConfigErrorCode)]).toEqual([
      'NONE',
      'TOPIC_AUTHORIZATION_FAILED',
    ])
    expect(codeOf(yours?.errorCode)).toBe('TOPIC_AUTHORIZATION_FAILED')
    expect(cluster.topics()).not.toContain('yours')
  })

  test('returns the authorized operations on request', async () => {
    const body = { includeClusterAuthorizedOperations: true, endpointType: 1, includeFencedBrokers: false }
    expect((await bob.request(DescribeCluster, 1, body)).clusterAuthorizedOperations).toBe(0)
    expect((await admin.request(DescribeCluster, 1, body)).clusterAuthorizedOperations).toBe(0b1_1111_1010_0000)
    await allow(toTopic('orders', read))
    const topics = [{ name: 'orders', topicId: zeroUuid }]
    const ofTopics = { topics, allowAutoTopicCreation: false, includeTopicAuthorizedOperations: true }
    const { topics: found } = await bob.request(Metadata, 12, ofTopics)
    expect(found[0]?.topicAuthorizedOperations).toBe((1 << read) | (1 << describes))
  })

  test('applies deleted ACLs', async () => {
    await allow(toTopic('orders', write))
    expect(await produced(bob, 'orders')).toBe('NONE')
    const { filterResults } = await admin.request(DeleteAcls, 3, { filters: [anyAcl] })
    expect(filterResults[0]?.matchingAcls).toHaveLength(1)
    expect(await produced(bob, 'orders')).toBe('TOPIC_AUTHORIZATION_FAILED')
  })

  test('treats unauthenticated clients as User:ANONYMOUS', async () => {
    const anonymous = await open()
    expect(await names(anonymous)).toEqual([])
    await allow(toTopic('orders', read, 'User:ANONYMOUS'))
    expect(await names(anonymous)).toEqual(['orders'])
    expect(await names(bob)).toEqual([])
  })
})

const anyAcl = {
  resourceTypeFilter: 1,
  resourceNameFilter: null,
  patternTypeFilter: 1,
  principalFilter: null,
  hostFilter: null,
  operation: 1,
  permissionType: 1,
}

test('an authorizer from the configs behaves the same', async () => {
  await start({
    config: {
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'allow.everyone.if.no.acl.found': true,
      'super.users': 'User:alice;User:carol',
    },
  })
  admin = await open('alice')
  bob = await open('bob')
  expect(await names(bob)).toEqual(['orders', 'secrets'])
  await allow(toTopic('secrets', read, 'User:carol'))
  expect(await names(bob)).toEqual(['orders'])
})

test('rejects ACL requests without an authorizer', async () => {
  await start()
  const wire = await open()
  const described = await wire.request(DescribeAcls, 3, anyAcl)
  expect(codeOf(described.errorCode)).toBe('SECURITY_DISABLED')
  const created = await wire.request(CreateAcls, 3, { creations: [toTopic('orders', read)] })
  expect(codeOf(created.results[0]?.errorCode)).toBe('SECURITY_DISABLED')
  const deleted = await wire.request(DeleteAcls, 3, { filters: [anyAcl] })
  expect(codeOf(deleted.filterResults[0]?.errorCode)).toBe('SECURITY_DISABLED')
})

test('brokers apply an ACL one turn later, and keep it over a restart', async () => {
  await start({ brokers: 2, acls })
  admin = await open('alice')
  await allow(toTopic('orders', read))
  await cluster.broker(2).kill()
  await cluster.broker(2).restart()
  const wire = await Wire.open(cluster.bootstrapOf('SASL_PLAINTEXT')[1] ?? '')
  wires.push(wire)
  await login(wire, { name: 'bob', password: users.bob })
  expect(await names(wire)).toEqual(['orders'])
})

test.each([
  [{ acls: { superUsers: ['alice'] }, config: { 'super.users': 'bob' } }, 'super.users'],
  [{ config: { 'authorizer.class.name': 'com.example.Mine' } }, 'authorizer.class.name'],
])('rejects invalid options: %j', async (options, what) => {
  await start()
  await expect(createCluster({ brokers: 1, ...options })).rejects.toThrow(what)
})
