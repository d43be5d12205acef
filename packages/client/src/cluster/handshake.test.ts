import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { inspect } from 'node:util'
import { ApiVersions, Heartbeat, SaslAuthenticate, SaslHandshake } from '@ottla/codec'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualRuntime } from '../../test/support/manual-runtime.ts'
import { ScriptedBroker } from '../../test/support/scripted-broker.ts'
import type { ScriptedNetwork } from '../../test/support/scripted-network.ts'
import type { KafkaError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { Metrics } from '../metrics.ts'
import { plain } from '../net/sasl/plain.ts'
import { scramSha512 } from '../net/sasl/scram.ts'
import { type KafkaOptions, resolveKafkaOptions } from '../options.ts'
import { Cluster } from './cluster.ts'

let runtime: ManualRuntime
let network: ScriptedNetwork
let peer: ScriptedBroker
let logged: unknown[]
const logger: Logger = {
  debug: (...line) => logged.push(line),
  info: (...line) => logged.push(line),
  warn: (...line) => logged.push(line),
  error: (...line) => logged.push(line),
}

const secret = 'canary-password'
const alice = { username: 'alice', password: secret }
const unknownMember = { groupId: 'g', generationId: 1, memberId: 'm', groupInstanceId: null }

function newCluster(options: Partial<KafkaOptions> = {}): Cluster {
  const given = { brokers: peer.bootstrap, runtime, logger, allowPlaintextCredentials: true, ...options }
  return new Cluster(resolveKafkaOptions(given), new Metrics())
}

/** A listener with SASL/PLAIN, which closes connections that send other requests before they authenticate. */
function requirePlain(sessionLifetimeMs = 0n): void {
  const authenticated = new Set<unknown>()
  peer.on(SaslHandshake, ({ body }) => ({
    errorCode: body.mechanism === 'PLAIN' ? 0 : 33,
    mechanisms: ['PLAIN', 'SCRAM-SHA-512'],
  }))
  peer.on(SaslAuthenticate, ({ body, socket }) => {
    const [, username, password] = Buffer.from(body.authBytes).toString().split('\0')
    const right = username === 'alice' && password === secret
    if (right) authenticated.add(socket)
    const refused = { errorCode: 58, errorMessage: 'Authentication failed: Invalid username or password' }
    const taken = { errorCode: 0, errorMessage: null }
    return { ...(right ? taken : refused), authBytes: Buffer.alloc(0), sessionLifetimeMs }
  })
  peer.admit = ({ api, socket }) => {
    const early = ['ApiVersions', 'SaslHandshake', 'SaslAuthenticate'].includes(api.name)
    if (early || authenticated.has(socket)) return true
    socket.close()
    return false
  }
}

const outcome = (promise: Promise<unknown>) =>
  promise.then(() => undefined).catch((error: unknown) => error as KafkaError)

beforeEach(() => {
  runtime = new ManualRuntime()
  network = runtime.network
  peer = new ScriptedBroker(network, 2)
  logged = []
})

describe('the handshake', () => {
  test('starts with the highest ApiVersions version, and uses the one that an UNSUPPORTED_VERSION response names (KIP-511)', async () => {
    const versions: number[] = []
    peer.on(ApiVersions, ({ version, respond }) => {
      versions.push(version)
      if (version <= 2) return peer.apiVersions()
      respond({ errorCode: 35, apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 2 }] }, { version: 0 })
      return undefined
    })
    const cluster = newCluster({ brokers: 'broker:9091' })
    await cluster.refreshMetadata('test')
    expect(versions).toEqual([4, 2])
    await cluster.close()
  })

  test('uses ApiVersions version 0 when the UNSUPPORTED_VERSION response names none', async () => {
    const versions: number[] = []
    peer.on(ApiVersions, ({ version, respond }) => {
      versions.push(version)
      if (version === 0) return peer.apiVersions()
      respond({ errorCode: 35, apiKeys: [] }, { version: 0 })
      return undefined
    })
    const cluster = newCluster({ brokers: 'broker:9091' })
    await cluster.refreshMetadata('test')
    expect(versions).toEqual([4, 0])
    await cluster.close()
  })
})

describe('SASL', () => {
  test('comes before every other request, on each connection', async () => {
    requirePlain()
    const cluster = newCluster({ sasl: plain(alice) })
    await cluster.coordinator('group', 'g')
    for (const socket of network.sockets) {
      const names = peer.received.filter((request) => request.socket === socket).map(({ api }) => api.name)
      expect(names.slice(0, 3)).toEqual(['ApiVersions', 'SaslHandshake', 'SaslAuthenticate'])
    }
    await cluster.close()
  })

  test('rejects immediately on a wrong password, and does not retry it', async () => {
    requirePlain()
    const cluster = newCluster({ sasl: plain({ ...alice, password: 'canary-wrong' }) })
    const error = (await outcome(cluster.retry({ operation: 'Connecting' }, () => cluster.refreshMetadata('x'))))!
    expect(error).toMatchObject({ code: 'SASL_AUTHENTICATION_FAILED', retriable: false, fatal: true })
    expect(error.message).toContain('Invalid username or password')
    expect(error.hint).toContain('password')
    expect(network.dials.length).toBeLessThanOrEqual(2)
    await cluster.close()
  })

  test('with a mechanism that is not enabled fails, and names the enabled ones', async () => {
    requirePlain()
    const cluster = newCluster({ sasl: scramSha512(alice) })
    expect(await outcome(cluster.refreshMetadata('x'))).toMatchObject({
      code: 'UNSUPPORTED_SASL_MECHANISM',
      hint: 'Use a mechanism that the broker enables: PLAIN, SCRAM-SHA-512.',
    })
    await cluster.close()
  })

  test('that is missing is reported when the broker closes on the first request', async () => {
    requirePlain()
    const cluster = newCluster()
    const failed = outcome(cluster.retry({ operation: 'Connecting' }, () => cluster.refreshMetadata('x')))
    await runtime.advance(3_000)
    expect(await failed).toMatchObject({ code: 'SASL_REQUIRED', hint: expect.stringContaining('PLAIN, SCRAM-SHA-512') })
    await cluster.close()
  })

  test('on a listener without SASL is reported as such', async () => {
    peer.versions.set('SaslAuthenticate', null)
    const cluster = newCluster({ sasl: plain(alice) })
    expect(await outcome(cluster.refreshMetadata('x'))).toMatchObject({ code: 'ILLEGAL_SASL_STATE', retriable: false })
    await cluster.close()
  })

  test('is repeated before the session ends, and no request is lost meanwhile (KIP-368)', async () => {
    requirePlain(10_000n)
    peer.on(Heartbeat, () => ({ errorCode: 0 }))
    const cluster = newCluster({ brokers: 'broker:9091', sasl: plain(alice) })
    await cluster.refreshMetadata('x')
    const broker = cluster.broker(1)!
    await broker.request(Heartbeat, unknownMember)
    let responded = 0
    for (let i = 0; i < 300; i++) {
      const beat = broker.request(Heartbeat, unknownMember).then(() => responded++)
      await runtime.advance(100)
      await beat
    }
    expect(responded).toBe(300)
    const socket = peer.requests(Heartbeat)[0]!.socket
    const authentications = peer.requests(SaslAuthenticate).filter((request) => request.socket === socket).length
    expect(authentications).toBeGreaterThanOrEqual(4)
    expect(authentications).toBeLessThanOrEqual(5)
    expect(new Set(peer.requests(Heartbeat).map((request) => request.socket)).size).toBe(1)
    await cluster.close()
    expect(runtime.pendingTimers).toBe(0)
  })

  test('that is refused later closes the connection with the reason', async () => {
    requirePlain(10_000n)
    const cluster = newCluster({ brokers: 'broker:9091', sasl: plain(alice) })
    await cluster.refreshMetadata('x')
    peer.on(Heartbeat, () => ({ errorCode: 0 }))
    await cluster.broker(1)!.request(Heartbeat, unknownMember)
    const reasons: unknown[] = []
    cluster.events.on('disconnected', ({ error }) => reasons.push(error?.code))
    peer.on(SaslAuthenticate, () => ({
      errorCode: 58,
      errorMessage: 'revoked',
      authBytes: Buffer.alloc(0),
      sessionLifetimeMs: 0n,
    }))
    await runtime.advance(10_000)
    expect(reasons).toContain('SASL_AUTHENTICATION_FAILED')
    await cluster.close()
  })

  test('leaves no secret in logs, errors or diagnostics', async () => {
    const { subscribe, unsubscribe } = await import('node:diagnostics_channel')
    const published: unknown[] = []
    const listen = (message: unknown) => published.push(message)
    for (const name of ['ottla:request:start', 'ottla:request:end']) subscribe(name, listen)
    requirePlain()
    const errors: unknown[] = []
    for (const sasl of [plain(alice), plain({ ...alice, password: `${secret}-wrong` }), scramSha512(alice)]) {
      const cluster = newCluster({ sasl })
      for (const event of ['connected', 'disconnected', 'connectFailed', 'metadata'] as const) {
        cluster.events.on(event, (details: unknown) => logged.push(details))
      }
      errors.push(await outcome(cluster.refreshMetadata('x')))
      logged.push(cluster, cluster.options)
      await cluster.close()
    }
    for (const name of ['ottla:request:start', 'ottla:request:end']) unsubscribe(name, listen)
    expect(published.length).toBeGreaterThan(4)
    const everything = [logged, errors, published]
    const text = inspect(everything, { depth: 12, showHidden: true, maxArrayLength: null, maxStringLength: null })
    const base64 = Buffer.from(secret).toString('base64').replace(/=+$/, '')
    expect(text).toContain('SASL_AUTHENTICATION_FAILED')
    expect(text).not.toContain(secret)
    expect(text).not.toContain(base64.slice(4, -4))
  })
})

describe('a port with another protocol', () => {
  const alert = Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x46])

  test('is recognised as TLS when the peer responds with an alert', async () => {
    network.listen('broker:9091', (socket) => {
      socket.onBytes = () => {
        socket.send(alert)
        socket.close()
      }
    })
    const cluster = newCluster({ brokers: 'broker:9091' })
    expect(await outcome(cluster.refreshMetadata('x'))).toMatchObject({ code: 'TLS_MISMATCH', retriable: false })
    await cluster.close()
  })

  test('is recognised as plaintext when TLS fails and a plaintext request gets a response', async () => {
    const message = 'Client network socket disconnected before secure TLS connection was established'
    const reset = Object.assign(new Error(message), { code: 'ECONNRESET' })
    network.refusal = ({ tls }) => (tls === undefined ? undefined : reset)
    const cluster = newCluster({ brokers: 'broker:9091', tls: true })
    expect(await outcome(cluster.refreshMetadata('x'))).toMatchObject({
      code: 'TLS_MISMATCH',
      hint: expect.stringContaining('Leave out the option `tls`'),
    })
    await runtime.settle()
    expect(network.open).toEqual([])
    await cluster.close()
  })

  test('is retried when TLS fails for an unknown reason', async () => {
    network.refusal = () => Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
    const cluster = newCluster({ brokers: 'broker:9091', tls: true })
    expect(await outcome(cluster.refreshMetadata('x'))).toMatchObject({ code: 'NO_BROKER_REACHABLE', retriable: true })
    await cluster.close()
  })

  test.each([
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /authority that is not trusted/],
    ['SELF_SIGNED_CERT_IN_CHAIN', /authority that is not trusted/],
    ['CERT_HAS_EXPIRED', /expired/],
    ['ERR_TLS_CERT_ALTNAME_INVALID', /not for 'broker'/],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', /refused it/],
    ['ERR_OSSL_PEM_NO_START_LINE', /`tls` cannot be used/],
  ])('is not retried after %s', async (code, message) => {
    network.refusal = () => Object.assign(new Error(code), { code })
    const cluster = newCluster({ brokers: 'broker:9091', tls: true })
    const error = (await outcome(cluster.refreshMetadata('x')))!
    expect(error).toMatchObject({ code: 'TLS_FAILED', retriable: false })
    expect(error.message).toMatch(message)
    await cluster.close()
  })
})

describe('SCRAM on the wire', () => {
  test('takes two rounds of SaslAuthenticate', async () => {
    const salt = Buffer.from('salt-of-the-test')
    let first = ''
    let challenge = ''
    peer.on(SaslHandshake, () => ({ errorCode: 0, mechanisms: ['SCRAM-SHA-512'] }))
    peer.on(SaslAuthenticate, ({ body }) => {
      const message = Buffer.from(body.authBytes).toString()
      const reply = message.startsWith('n,,') ? greet(message) : prove(message)
      return { errorCode: 0, errorMessage: null, authBytes: Buffer.from(reply), sessionLifetimeMs: 0n }
    })
    const greet = (message: string) => {
      first = message.slice(3)
      challenge = `r=${first.split('r=')[1]}more,s=${salt.toString('base64')},i=4096`
      return challenge
    }
    const prove = (message: string) => {
      const signed = `${first},${challenge},${message.split(',p=')[0]}`
      const salted = pbkdf2Sync(secret, salt, 4096, 64, 'sha512')
      const mac = (key: Buffer, text: string) => createHmac('sha512', key).update(text).digest()
      const clientKey = mac(salted, 'Client Key')
      const signature = mac(createHash('sha512').update(clientKey).digest(), signed)
      const proof = Buffer.from(clientKey.map((byte, i) => byte ^ signature[i]!)).toString('base64')
      expect(message.split(',p=')[1]).toBe(proof)
      return `v=${mac(mac(salted, 'Server Key'), signed).toString('base64')}`
    }
    const cluster = newCluster({ brokers: 'broker:9091', sasl: scramSha512(alice) })
    await cluster.refreshMetadata('x')
    expect(cluster.clusterId).toBe('scripted')
    await cluster.close()
  })
})
