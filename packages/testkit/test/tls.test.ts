import { connect as connectPlain } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { CreateDelegationToken, DescribeCluster, Metadata } from '@ottla/codec'
import { type ClusterOptions, createCluster, type TestCluster } from '@ottla/testkit'
import { afterEach, describe, expect, test } from 'vitest'
import { login } from './support/login.ts'
import { Wire } from './support/wire.ts'

let cluster: TestCluster | undefined
const wires: Wire[] = []

afterEach(async () => {
  for (const wire of wires.splice(0)) wire.close()
  await cluster?.close()
  cluster = undefined
})

const aboutNothing = { topics: [], allowAutoTopicCreation: false, includeTopicAuthorizedOperations: false }
const aboutCluster = { endpointType: 1, includeClusterAuthorizedOperations: false }

async function start(options: ClusterOptions = {}): Promise<TestCluster> {
  cluster = await createCluster({ brokers: 1, tls: true, onDiagnostic: () => {}, ...options })
  return cluster
}

function dial(address: string | undefined, options: ConnectionOptions): Promise<TLSSocket> {
  const [, host = '', port] = /^(.*):(\d+)$/.exec(address ?? '') ?? []
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), ...options }, () => resolve(socket))
    socket.once('error', reject)
  })
}

async function open(address: string | undefined, options: ConnectionOptions): Promise<Wire> {
  const wire = Wire.over(await dial(address, options))
  wires.push(wire)
  return wire
}

/** The client's principal, which the broker returns when it rejects a delegation token request. */
async function whoAmI(wire: Wire): Promise<string> {
  const body = { renewers: [{ principalType: 'Unknown', principalName: '' }], maxLifetimeMs: -1n }
  const { principalType, principalName } = await wire.request(CreateDelegationToken, 1, body)
  return `${principalType}:${principalName}`
}

describe('a listener with TLS', () => {
  test('serves clients that trust its CA, by every name of this machine', async () => {
    const { ca, bootstrap } = await start()
    for (const host of ['127.0.0.1', 'localhost']) {
      const wire = await open(`${host}:${bootstrap[0]?.split(':')[1]}`, { ca })
      expect(await wire.request(Metadata, 13, aboutNothing)).toMatchObject({ errorCode: 0 })
      expect(await whoAmI(wire)).toBe('User:ANONYMOUS')
    }
  })

  test('is rejected by clients that trust another CA or expect another host', async () => {
    const { ca, bootstrap } = await start()
    await using other = await createCluster({ brokers: 1, tls: true })
    await expect(dial(bootstrap[0], { ca: other.ca })).rejects.toMatchObject({
      code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    })
    await expect(dial(bootstrap[0], { ca, servername: 'example.com' })).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    })
    expect(await (await open(bootstrap[0], { ca })).request(DescribeCluster, 1, aboutCluster)).toMatchObject({
      errorCode: 0,
    })
  })

  test('closes a connection without TLS, and a plaintext listener closes one with TLS', async () => {
    const { ca, bootstrapOf } = bound(
      await start({ listeners: [{ protocol: 'PLAINTEXT' }, { protocol: 'SSL' }], onDiagnostic: () => {} }),
    )
    const plain = await Wire.open(bootstrapOf('SSL'))
    wires.push(plain)
    await expect(plain.request(DescribeCluster, 1, aboutCluster)).rejects.toThrow('closed')
    await expect(dial(bootstrapOf('PLAINTEXT'), { ca })).rejects.toMatchObject({ code: 'ECONNRESET' })
  })

  test('sends large responses, and closes connections when its broker dies', async () => {
    const { ca, bootstrap } = await start({ topics: [{ name: 'wide', partitions: 5000 }] })
    const wire = await open(bootstrap[0], { ca })
    const { topics } = await wire.request(Metadata, 13, { ...aboutNothing, topics: null })
    expect(topics[0]?.partitions).toHaveLength(5000)
    const waiting = wire.request(DescribeCluster, 1, aboutCluster)
    await cluster?.broker(1).kill()
    await expect(waiting).rejects.toThrow('closed')
    await cluster?.broker(1).restart()
    expect(await (await open(bootstrap[0], { ca })).request(Metadata, 13, aboutNothing)).toMatchObject({ errorCode: 0 })
  })

  test('does not wait for handshakes when it stops', async () => {
    const { bootstrapOf } = bound(await start())
    const [host, port] = bootstrapOf('SSL').split(':')
    const silent = connectPlain({ host: host ?? '', port: Number(port) })
    await new Promise((resolve) => silent.once('connect', resolve))
    const closed = new Promise((resolve) => silent.once('close', resolve))
    await cluster?.close()
    await closed
  })
})

function bound(started: TestCluster) {
  return { ca: started.ca, bootstrapOf: (name: string) => started.bootstrapOf(name)[0] ?? '' }
}

describe('mutual TLS', () => {
  const withClients = (clientAuth: 'requested' | 'required', config: ClusterOptions['config'] = {}) =>
    start({ listeners: [{ protocol: 'SSL', clientAuth }], config })

  test('identifies the client by its certificate', async () => {
    const { ca, bootstrap } = await withClients('required')
    const identity = await cluster?.clientCertificate('CN=alice,OU=accounts\\, old,O=shop')
    const wire = await open(bootstrap[0], { ca, ...identity })
    expect(await whoAmI(wire)).toBe('User:CN=alice,OU=accounts\\, old,O=shop')
  })

  test('rejects clients without a certificate of its CA', async () => {
    const { ca, bootstrap } = await withClients('required')
    await using other = await createCluster({ brokers: 1, tls: true })
    for (const identity of [{}, await other.clientCertificate('CN=alice')]) {
      const described = open(bootstrap[0], { ca, ...identity }).then((wire) =>
        wire.request(DescribeCluster, 1, aboutCluster),
      )
      await expect(described).rejects.toThrow()
    }
  })

  test('is optional with ssl.client.auth=requested', async () => {
    const { ca, bootstrap } = await withClients('requested')
    expect(await whoAmI(await open(bootstrap[0], { ca }))).toBe('User:ANONYMOUS')
    const identity = await cluster?.clientCertificate('CN=bob')
    expect(await whoAmI(await open(bootstrap[0], { ca, ...identity }))).toBe('User:CN=bob')
    await using other = await createCluster({ brokers: 1, tls: true })
    const stranger = await open(bootstrap[0], { ca, ...(await other.clientCertificate('CN=bob')) })
    await expect(stranger.request(DescribeCluster, 1, aboutCluster)).rejects.toThrow('closed')
  })

  test('maps names with ssl.principal.mapping.rules', async () => {
    const rules = 'RULE:^CN=(.*?),OU=(.*?)$/$1@$2/U,RULE:^CN=bob$/robert/'
    const { ca, bootstrap } = await withClients('required', { 'ssl.principal.mapping.rules': rules })
    const nameOf = async (subject: string) =>
      whoAmI(await open(bootstrap[0], { ca, ...(await cluster?.clientCertificate(subject)) }))
    expect(await nameOf('CN=alice,OU=accounts')).toBe('User:ALICE@ACCOUNTS')
    expect(await nameOf('CN=bob')).toBe('User:robert')
    await expect(nameOf('CN=carol')).rejects.toThrow('closed')
  })
})

test('with SASL over TLS the principal is the authenticated user', async () => {
  const { ca, bootstrap } = await start({ sasl: { users: { alice: 'alice-secret' } } })
  const wire = await open(bootstrap[0], { ca })
  await login(wire, { name: 'alice', password: 'alice-secret', mechanism: 'SCRAM-SHA-512' })
  expect(await whoAmI(wire)).toBe('User:alice')
})

test('uses certificates of the options', async () => {
  const made = await start()
  const identity = await made.clientCertificate('CN=given')
  const { ca } = made
  await made.close()
  const { bootstrap } = await start({ tls: { ...identity, ca } })
  const wire = await open(bootstrap[0], { ca, checkServerIdentity: () => undefined })
  expect(await wire.request(DescribeCluster, 1, aboutCluster)).toMatchObject({ errorCode: 0 })
  expect(cluster?.ca).toBe(ca)
  await expect(cluster?.clientCertificate('CN=x')).rejects.toThrow('are from the options')
})

test.each<[ClusterOptions, string]>([
  [{ tls: true, listen: false }, 'requires TCP'],
  [{ tls: true, listeners: [{ protocol: 'PLAINTEXT' }] }, 'no listener uses TLS'],
  [{ tls: false, listeners: [{ protocol: 'SSL' }] }, "requires option 'tls'"],
  [{ tls: true, config: { 'ssl.client.auth': 'maybe' } }, 'ssl.client.auth'],
  [{ tls: true, config: { 'ssl.principal.mapping.rules': 'CN=x' } }, 'Invalid rule'],
])('rejects invalid options: %j', async (options, what) => {
  await expect(createCluster({ brokers: 1, ...options })).rejects.toThrow(what)
})

test.each(['alice', 'CN=', 'XY=alice', ''])('rejects an invalid client name: %j', async (name) => {
  const { clientCertificate } = { clientCertificate: (await start()).clientCertificate.bind(cluster as TestCluster) }
  await expect(clientCertificate(name)).rejects.toThrow(TypeError)
})

test('has no CA without TLS', async () => {
  const plain = await start({ tls: false, listen: true })
  expect(() => plain.ca).toThrow(TypeError)
  await expect(plain.clientCertificate('CN=alice')).rejects.toThrow(TypeError)
})
