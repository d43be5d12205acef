import { expect, test } from 'vitest'
import { type KafkaOptions, plain, scramSha256, scramSha512 } from '../../src/index.ts'
import { uniqueName } from '../support/names.ts'
import { onRealKafka } from '../support/real-target.ts'
import { take, textOf } from '../support/records.ts'

const alice = { username: 'alice', password: 'alice-secret' }
const wrong = { username: 'alice', password: 'correct horse battery staple' }
const mechanisms = [
  ['PLAIN', plain],
  ['SCRAM-SHA-256', scramSha256],
  ['SCRAM-SHA-512', scramSha512],
] as const

onRealKafka('listeners of a secured cluster', (real) => {
  /** Produces and consumes, which connects to each broker by its bootstrap and advertised address. */
  async function works(options: KafkaOptions): Promise<void> {
    const kafka = real().target.newKafka(options)
    const topic = uniqueName('secure')
    await kafka.admin().createTopics([{ name: topic, partitions: 3, replicationFactor: 1 }])
    await kafka.producer().send([0, 1, 2].map((partition) => ({ topic, partition, value: String(partition) })))
    const consumer = kafka.consumer({ groupId: uniqueName('secure'), topics: [topic], offsetReset: 'earliest' })
    expect((await take(consumer, 3)).map(textOf).sort()).toEqual(['0', '1', '2'])
  }

  /** The error of a misconfigured client, and the time until it failed. */
  async function failure(options: KafkaOptions): Promise<{ code: string; text: string }> {
    const kafka = real().target.newKafka(options)
    const startedMs = performance.now()
    const error = await kafka.ready({ timeoutMs: 10_000 }).then(
      () => undefined,
      (cause) => cause,
    )
    expect(error, 'ready() rejects').toBeDefined()
    expect(performance.now() - startedMs, 'well before its deadline').toBeLessThan(5000)
    const text = `${error.message} ${error.hint ?? ''}`
    expect(text).not.toContain(wrong.password)
    expect(text).not.toContain(alice.password)
    return { code: error.code, text }
  }

  test('TLS with the CA of the cluster', async () => {
    const { ssl, ca } = real().addresses
    await works({ brokers: ssl, tls: { ca } })
  })

  test('TLS with a client certificate', async () => {
    const { ssl, ca, clientCert, clientKey } = real().addresses
    await works({ brokers: ssl, tls: { ca, cert: clientCert, key: clientKey } })
  })

  test.each(mechanisms)('SASL_SSL with %s', async (_name, mechanism) => {
    const { saslSsl, ca } = real().addresses
    await works({ brokers: saslSsl, tls: { ca }, sasl: mechanism(alice) })
  })

  test.each(mechanisms)('SASL_PLAINTEXT with %s', async (_name, mechanism) => {
    await works({ brokers: real().addresses.sasl, sasl: mechanism(alice), allowPlaintextCredentials: true })
  })

  test('rejects PLAIN without TLS before anything is sent', () => {
    const brokers = real().addresses.sasl
    expect(() => real().target.newKafka({ brokers, sasl: plain(alice) })).toThrow(
      /without TLS: that sends the password in cleartext/,
    )
  })

  test.each(mechanisms)('reports a wrong password (%s)', async (name, mechanism) => {
    const { saslSsl, ca } = real().addresses
    const { code, text } = await failure({ brokers: saslSsl, tls: { ca }, sasl: mechanism(wrong) })
    expect(code).toBe('SASL_AUTHENTICATION_FAILED')
    expect(text).toContain(name)
    expect(text).toMatch(/127\.0\.0\.1:\d+/)
    expect(text).toMatch(/password/)
  })

  test('reports an unknown CA', async () => {
    const { ssl, otherCa } = real().addresses
    const { code, text } = await failure({ brokers: ssl, tls: { ca: otherCa } })
    expect(code).toBe('TLS_FAILED')
    expect(text).toMatch(/127\.0\.0\.1:\d+/)
    expect(text).toMatch(/authority/)
    expect(text).toMatch(/`ca`|tls\.ca/)
  })

  test('reports a missing CA', async () => {
    const { code, text } = await failure({ brokers: real().addresses.ssl, tls: true })
    expect(code).toBe('TLS_FAILED')
    expect(text).toMatch(/authority/)
  })

  test('reports a certificate for another host', async () => {
    const { wrongHost, ca } = real().addresses
    const { code, text } = await failure({ brokers: wrongHost, tls: { ca } })
    expect(code).toBe('TLS_FAILED')
    expect(text).toContain('127.0.0.1')
    expect(text).toContain('broker.example.com')
    expect(text).toContain('servername')
  })

  test('accepts it when `servername` matches', async () => {
    const { wrongHost, ca } = real().addresses
    await works({ brokers: wrongHost, tls: { ca, servername: 'broker.example.com' } })
  })

  test('reports a listener that requires SASL to a client without it', async () => {
    const { saslSsl, ca } = real().addresses
    const { code, text } = await failure({ brokers: saslSsl, tls: { ca } })
    expect(code).toBe('SASL_REQUIRED')
    expect(text).toMatch(/sasl/)
  })
})
