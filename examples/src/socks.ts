import { createCluster } from '@ottla/testkit'
import { Kafka, runtimeOver } from 'ottla'
import { throughSocks5 } from './lib/socks5.ts'
import { startSocks5Proxy } from './lib/socks5-proxy.ts'

/** Every connection runs through a SOCKS5 proxy, with TLS between the client and the broker. Only the proxy knows the inner names. */
async function main(): Promise<void> {
  await using proxy = await startSocks5Proxy()
  const topics = [{ name: 'payments', partitions: 3, replicationFactor: 1 }]
  await using cluster = await createCluster({ tls: true, topics, quirks: { innerAddresses: true } })
  await using kafka = new Kafka({
    brokers: cluster.bootstrap,
    runtime: runtimeOver((target, signal) => throughSocks5(proxy, target, signal)),
    // The names of the testkit's certificate; a real one has the inner names.
    tls: { ca: cluster.ca, servername: 'localhost' },
  })
  const producer = kafka.producer()
  await producer.send([0, 1, 2].map((partition) => ({ topic: 'payments', partition, value: '12.50' })))
  const consumer = kafka.consumer({ groupId: 'billing', topics: ['payments'], offsetReset: 'earliest' })
  let received = 0
  for await (const message of consumer) {
    console.log(`partition ${message.partition}: ${message.value?.toString()}`)
    if (++received === 3) break
  }
  const hosts = new Set(proxy.requested.map((place) => place.split(':')[0]))
  console.log(`hosts that the proxy connected to: ${[...hosts].sort().join(', ')}`)
}

await main()
