import { createCluster, type Identity, type TestCluster } from '@ottla/testkit'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Kafka, type KafkaError, silentLogger, type TlsProvider } from '../../src/index.ts'

let cluster: TestCluster
let kafka: Kafka
let renewed: Identity
let old: Identity

beforeEach(async () => {
  cluster = await createCluster({
    brokers: 1,
    tls: true,
    config: { 'ssl.client.auth': 'required' },
    acls: { superUsers: ['User:CN=renewed'] },
    topics: [{ name: 't', replicationFactor: 1 }],
    onDiagnostic: () => {},
  })
  old = await cluster.clientCertificate('CN=old')
  renewed = await cluster.clientCertificate('CN=renewed')
})

afterEach(async () => {
  await kafka.close()
  await cluster.close()
})

function connectWith(tls: TlsProvider): Kafka {
  kafka = new Kafka({ brokers: cluster.bootstrap, tls, logger: silentLogger, connectTimeoutMs: 500 })
  return kafka
}

const send = (deliveryTimeoutMs = 10_000) => kafka.producer({ deliveryTimeoutMs }).send({ topic: 't', value: 'x' })

const errorOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: KafkaError) => error,
  )

describe('`tls` as a function', () => {
  test('is called for each connection, so a renewed certificate needs no new client', async () => {
    let current = old
    let calls = 0
    connectWith(() => {
      calls++
      return { ca: cluster.ca, cert: current.cert, key: current.key }
    })
    // A certificate that may not even see the topic.
    expect(await errorOf(send())).toMatchObject({ code: 'TOPIC_AUTHORIZATION_FAILED' })
    const { connectionsOpened } = kafka.metrics().counters
    expect(calls).toBe(connectionsOpened)
    current = renewed
    await cluster.broker(1).kill()
    await cluster.broker(1).restart()
    expect(await errorOf(send())).toBeUndefined()
  })

  test('may fail for a while: the connection is tried again, and the error names the option', async () => {
    let calls = 0
    connectWith(async () => {
      calls++
      if (calls < 4) throw new Error('the secret store is restarting')
      return { ca: cluster.ca, cert: renewed.cert, key: renewed.key }
    })
    const errors: KafkaError[] = []
    kafka.on('connectFailed', ({ error }) => errors.push(error))
    expect(await send()).toMatchObject({ offset: 0n })
    expect(errors).toHaveLength(3)
    expect(errors[0]).toMatchObject({
      code: 'CONNECTION_FAILED',
      retriable: true,
      outcome: 'not-written',
      message: expect.stringContaining('the function of option `tls` failed: the secret store is restarting'),
    })
  })

  test('may return half of a renewed certificate: the next connection has the whole one', async () => {
    let calls = 0
    connectWith(() => {
      calls++
      return { ca: cluster.ca, cert: renewed.cert, key: calls < 3 ? old.key : renewed.key }
    })
    expect(await send()).toMatchObject({ offset: 0n })
  })

  test.each<[string, unknown, RegExp]>([
    ['throws', () => Promise.reject(new Error('no such secret')), /no such secret/],
    ['throws no Error', () => Promise.reject(undefined), /function of option `tls` failed/],
    ['never returns', () => new Promise(() => {}), /did not return within 500 ms/],
    ['returns nothing', () => undefined, /it returned no TLS options/],
    ['returns a path', () => ({ cert: './cert.pem' }), /'tls.cert' of new Kafka\(\) must be a PEM text/],
    ['returns an unknown option', () => ({ certificate: 'x' }), /'tls.certificate' of new Kafka\(\) does not exist/],
  ])('that %s is named in the error of the call', async (_, tls, message) => {
    connectWith(tls as TlsProvider)
    const error = await errorOf(send(2_000))
    expect(error).toMatchObject({ code: 'DELIVERY_TIMED_OUT', outcome: 'not-written' })
    expect(await errorOf(kafka.ready({ timeoutMs: 1_500 }))).toMatchObject({ message: expect.stringMatching(message) })
  })
})
