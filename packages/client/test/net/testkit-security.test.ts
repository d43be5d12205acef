import { type ClusterOptions, createCluster, type TestCluster } from '@ottla/testkit'
import { afterEach, describe, expect, test } from 'vitest'
import { Kafka, type KafkaOptions, plain, scramSha256, scramSha512 } from '../../src/index.ts'
import { take, textOf } from '../support/records.ts'

let cluster: TestCluster | undefined
const clients: Kafka[] = []

afterEach(async () => {
  await Promise.all(clients.splice(0).map((kafka) => kafka.close()))
  await cluster?.close()
  cluster = undefined
})

async function start(options: ClusterOptions): Promise<TestCluster> {
  const topics = [{ name: 'secure', partitions: 3, replicationFactor: 2 }]
  cluster = await createCluster({ brokers: 3, topics, onDiagnostic: () => {}, ...options })
  return cluster
}

function newKafka(options: KafkaOptions): Kafka {
  const kafka = new Kafka(options)
  clients.push(kafka)
  return kafka
}

/** Produces to all brokers, and consumes in a group. */
async function works(kafka: Kafka): Promise<void> {
  await kafka.producer().send([0, 1, 2].map((partition) => ({ topic: 'secure', partition, value: String(partition) })))
  const consumer = kafka.consumer({ groupId: 'secure', topics: ['secure'], offsetReset: 'earliest' })
  expect((await take(consumer, 3)).map(textOf).sort()).toEqual(['0', '1', '2'])
}

const alice = { username: 'alice', password: 'alice-secret' }
const sasl = { users: { alice: 'alice-secret' } }

describe('the testkit with TLS', () => {
  test('serves a client that trusts its CA', async () => {
    const { bootstrap: brokers, ca } = await start({ tls: true })
    await works(newKafka({ brokers, tls: { ca } }))
  })

  test('serves a client with a certificate, and rejects others with the reason', async () => {
    const { bootstrap: brokers, ca } = await start({
      listeners: [{ protocol: 'SSL', clientAuth: 'required' }],
      tls: true,
    })
    await works(newKafka({ brokers, tls: { ca, ...(await cluster?.clientCertificate('CN=alice,OU=shop')) } }))
    await expect(newKafka({ brokers, tls: { ca } }).ready({ timeoutMs: 3000 })).rejects.toThrow()
  })

  test.each([plain, scramSha256, scramSha512])('authenticates a user', async (mechanism) => {
    const { bootstrap: brokers, ca } = await start({ tls: true, sasl })
    await works(newKafka({ brokers, tls: { ca }, sasl: mechanism(alice) }))
    const wrong = newKafka({ brokers, tls: { ca }, sasl: mechanism({ ...alice, password: 'wrong' }) })
    await expect(wrong.ready({ timeoutMs: 3000 })).rejects.toMatchObject({ code: 'SASL_AUTHENTICATION_FAILED' })
  })

  test('reports another CA, and plain text', async () => {
    const { bootstrap: brokers } = await start({ tls: true })
    await using other = await createCluster({ brokers: 1, tls: true })
    const stranger = newKafka({ brokers, tls: { ca: other.ca } })
    await expect(stranger.ready({ timeoutMs: 3000 })).rejects.toMatchObject({ code: 'TLS_FAILED' })
    await expect(newKafka({ brokers, tls: false }).ready({ timeoutMs: 1000 })).rejects.toThrow()
  })
})

test('re-authenticates before the session ends, on the same connections', async () => {
  const { bootstrap: brokers, runtime, clock } = await start({ sasl, config: { 'connections.max.reauth.ms': 60_000 } })
  const kafka = newKafka({ brokers, runtime, sasl: scramSha256(alice), allowPlaintextCredentials: true })
  const producer = kafka.producer()
  const send = () => producer.send([0, 1, 2].map((partition) => ({ topic: 'secure', partition, value: 'x' })))
  await send()
  const connections = () => cluster?.brokers.map(({ connectionCount }) => connectionCount)
  const before = connections()
  for (let round = 0; round < 10; round++) {
    await clock.advance(30_000)
    await send()
  }
  expect(connections()).toEqual(before)
})
