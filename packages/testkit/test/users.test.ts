import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  AlterUserScramCredentials,
  CreateDelegationToken,
  DescribeDelegationToken,
  DescribeUserScramCredentials,
  errorOf,
  ListGroups,
  RenewDelegationToken,
  SaslAuthenticate,
  SaslHandshake,
} from '@ottla/codec'
import { type ClusterOptions, createCluster, type OauthOptions, type TestCluster } from '@ottla/testkit'
import { afterEach, describe, expect, test } from 'vitest'
import { passwordOf } from './conformance/cases/50-describe-user-scram-credentials.ts'
import { login } from './support/login.ts'
import { Wire } from './support/wire.ts'

let cluster: TestCluster
const wires: Wire[] = []

afterEach(async () => {
  for (const wire of wires.splice(0)) wire.close()
  await cluster.close()
})

const alice = { name: 'alice', password: 'alice-secret', mechanism: 'SCRAM-SHA-256' } as const

async function start(options: ClusterOptions = {}): Promise<void> {
  cluster = await createCluster({
    brokers: 2,
    listen: true,
    sasl: { users: { alice: 'alice-secret' } },
    onDiagnostic: () => {},
    ...options,
  })
}

async function open(broker = 1): Promise<Wire> {
  const wire = await Wire.open(cluster.bootstrap[broker - 1] ?? '')
  wires.push(wire)
  return wire
}

async function logIn(user: Parameters<typeof login>[1] = alice, broker = 1): Promise<Wire> {
  const wire = await open(broker)
  await login(wire, user)
  return wire
}

const serves = async (wire: Wire) => (await wire.request(ListGroups, 4, { statesFilter: [] })).errorCode === 0
const aTurn = () => new Promise((resolve) => setImmediate(resolve))

describe('users created by the protocol', () => {
  const create = async (name: string) => {
    const upsertions = [passwordOf(name, `${name}-secret`)]
    await (await logIn()).request(AlterUserScramCredentials, 0, { deletions: [], upsertions })
    await aTurn()
  }
  const bob = { name: 'bob', password: 'bob-secret', mechanism: 'SCRAM-SHA-256' } as const

  test('can authenticate at every broker until they are deleted', async () => {
    await start()
    await expect(logIn(bob)).rejects.toThrow('invalid credentials')
    await create('bob')
    for (const broker of [1, 2]) expect(await serves(await logIn(bob, broker))).toBe(true)
    const deletions = [
      { name: 'bob', mechanism: 1 },
      { name: 'alice', mechanism: 2 },
    ]
    await (await logIn()).request(AlterUserScramCredentials, 0, { deletions, upsertions: [] })
    await aTurn()
    await expect(logIn(bob)).rejects.toThrow('invalid credentials')
    await expect(logIn({ ...alice, mechanism: 'SCRAM-SHA-512' })).rejects.toThrow('invalid credentials')
    const { results } = await (await logIn()).request(DescribeUserScramCredentials, 0, { users: null })
    expect(results).toMatchObject([{ user: 'alice', credentialInfos: [{ mechanism: 1, iterations: 4096 }] }])
  })

  test('are deleted by a reset', async () => {
    await start()
    await create('bob')
    await cluster.reset()
    await expect(logIn(bob)).rejects.toThrow('invalid credentials')
    expect(await serves(await logIn())).toBe(true)
  })

  test('are stored on disk, without the passwords of the options', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'ottla-users-'))
    const config = { 'delegation.token.secret.key': 'k' }
    try {
      await start({ dataDir, config })
      await create('bob')
      const wire = await logIn()
      const token = await wire.request(CreateDelegationToken, 1, { renewers: [], maxLifetimeMs: -1n })
      await cluster.close()
      await start({ dataDir, config, sasl: { users: { carol: 'carol-secret' } } })
      expect(await serves(await logIn(bob))).toBe(true)
      await expect(logIn(alice)).rejects.toThrow('invalid credentials')
      const password = Buffer.from(token.hmac).toString('base64')
      const owner = await logIn({ ...alice, name: token.tokenId, password, isToken: true })
      expect(await serves(owner)).toBe(true)
    } finally {
      rmSync(dataDir, { recursive: true, force: true })
    }
  })
})

describe('delegation tokens', () => {
  const dayMs = 86_400_000
  const ready = async () => {
    await start({ config: { 'delegation.token.secret.key': 'k' } })
    const wire = await logIn()
    const { tokenId, hmac } = await wire.request(CreateDelegationToken, 1, { renewers: [], maxLifetimeMs: -1n })
    const asToken = () =>
      logIn({ ...alice, name: tokenId, password: Buffer.from(hmac).toString('base64'), isToken: true })
    await aTurn()
    return { wire, hmac, asToken }
  }
  const tokensOf = async (wire: Wire) => (await wire.request(DescribeDelegationToken, 1, { owners: null })).tokens

  test('expire on the clock of the cluster, later after a renewal', async () => {
    const { wire, hmac, asToken } = await ready()
    await cluster.clock.advance(dayMs - 60_000)
    const again = await logIn()
    expect((await again.request(RenewDelegationToken, 1, { hmac, renewPeriodMs: -1n })).errorCode).toBe(0)
    await aTurn()
    await cluster.clock.advance(dayMs - 60_000)
    expect(await serves(await asToken())).toBe(true)
    expect(await tokensOf(await logIn())).toHaveLength(1)
    await cluster.clock.advance(2 * 3_600_000)
    expect(await tokensOf(await logIn())).toHaveLength(0)
    await expect(asToken()).rejects.toThrow('invalid credentials')
    expect(wire.isClosed).toBe(true)
  })

  test('a connection ends with its token', async () => {
    const { hmac, asToken } = await ready()
    const owner = await logIn()
    await owner.request(RenewDelegationToken, 1, { hmac, renewPeriodMs: 10_000n })
    await aTurn()
    const wire = await asToken()
    expect(await serves(wire)).toBe(true)
    await cluster.clock.advance(11_000)
    await expect(serves(wire)).rejects.toThrow('closed')
    // The token exists until the next sweep, but a session with it has no time left.
    const late = await asToken()
    await cluster.clock.advance(1)
    await expect(serves(late)).rejects.toThrow('closed')
    expect(await serves(owner)).toBe(true)
  })
})

describe('limited sessions (KIP-368)', () => {
  const limited = () => start({ config: { 'connections.max.reauth.ms': 5000 } })
  const token = (user: string) => ({ authBytes: Buffer.from(`\0${user}\0${user}-secret`) })

  async function again(wire: Wire, user = 'alice', mechanism = 'PLAIN') {
    expect((await wire.request(SaslHandshake, 1, { mechanism })).errorCode).toBe(0)
    return wire.request(SaslAuthenticate, 1, token(user))
  }

  test('close the connection unless the client authenticates again', async () => {
    await limited()
    const [idle, active] = [await open(), await open()]
    expect((await again(idle)).sessionLifetimeMs).toBe(5000n)
    await again(active)
    await cluster.clock.advance(4000)
    expect(await again(active)).toMatchObject({ errorCode: 0, sessionLifetimeMs: 5000n })
    await cluster.clock.advance(4000)
    await expect(serves(idle)).rejects.toThrow('closed')
    expect(await serves(active)).toBe(true)
    await cluster.clock.advance(2000)
    await expect(serves(active)).rejects.toThrow('closed')
  })

  test('allow reauthentication at most once per second and only as the same user', async () => {
    await start({
      config: { 'connections.max.reauth.ms': 5000 },
      sasl: { users: { alice: 'alice-secret', bob: 'bob-secret' } },
    })
    const wire = await open()
    await again(wire)
    await again(wire)
    const soon = await wire.request(SaslHandshake, 1, { mechanism: 'PLAIN' })
    expect(errorOf(soon.errorCode).name).toBe('ILLEGAL_SASL_STATE')
    await cluster.clock.advance(1000)
    expect(await again(wire, 'bob')).toMatchObject({
      errorMessage: 'Cannot change principals during re-authentication from User.alice: User.bob',
    })
    const other = await open()
    await again(other)
    await expect(again(other, 'alice', 'SCRAM-SHA-256')).rejects.toThrow('closed')
  })
})

describe('OAUTHBEARER', () => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const nowS = () => cluster.clock.now() / 1000
  const bearing = (value: string) => ({ authBytes: Buffer.from(`n,,\x01auth=Bearer ${value}\x01\x01`) })
  const unsigned = (claims: object) => `${part({ alg: 'none' })}.${part(claims)}.`

  async function present(value: string) {
    const wire = await open()
    await wire.request(SaslHandshake, 1, { mechanism: 'OAUTHBEARER' })
    const { errorCode, authBytes, sessionLifetimeMs } = await wire.request(SaslAuthenticate, 2, bearing(value))
    expect(errorCode).toBe(0)
    return { wire, message: Buffer.from(authBytes).toString(), lifetimeMs: Number(sessionLifetimeMs) }
  }

  const withTokens = (oauthbearer: OauthOptions) => start({ sasl: { oauthbearer } })

  test('a token and its session are valid until the token expires', async () => {
    await withTokens({})
    const { wire, message, lifetimeMs } = await present(unsigned({ sub: 'dora', exp: nowS() + 60 }))
    expect([message, Math.ceil(lifetimeMs / 1000)]).toEqual(['', 60])
    expect(await serves(wire)).toBe(true)
    await cluster.clock.advance(61_000)
    await expect(serves(wire)).rejects.toThrow('closed')
  })

  test('scopes, claims and clock skew are configurable', async () => {
    await withTokens({ requiredScope: 'read write', principalClaim: 'user', allowableClockSkewMs: 5000 })
    const claims = { user: 'dora', exp: nowS() - 3 }
    expect((await present(unsigned({ ...claims, scope: ['write', 'read'] }))).message).toBe('')
    const { message, wire } = await present(unsigned({ ...claims, scope: ['read'] }))
    expect(message).toBe('{"status":"insufficient_scope", "scope":"[read, write]"}')
    const last = await wire.request(SaslAuthenticate, 2, { authBytes: Buffer.from('\x01') })
    expect(last).toMatchObject({ errorCode: 58, errorMessage: message })
    await expect(serves(wire)).rejects.toThrow('closed')
    expect((await present(unsigned({ ...claims, exp: nowS() - 9, scope: ['write', 'read'] }))).message).toBe(
      '{"status":"invalid_token"}',
    )
  })

  test('validates signed tokens with a function', async () => {
    await withTokens({
      validate: (value) =>
        value === 'good' ? { principal: 'dora', expiresAtMs: cluster.clock.now() + 1000 } : undefined,
    })
    expect((await present('good')).message).toBe('')
    expect((await present('bad')).message).toBe('{"status":"invalid_token"}')
  })
})
