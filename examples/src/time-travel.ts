import { performance } from 'node:perf_hooks'
import { createCluster, type TestCluster } from '@ottla/testkit'
import { Kafka, type Message } from 'ottla'

/** Three hours of a real cluster in virtual time: the same seed repeats them, event by event. */
const seed = Number(process.argv[2] ?? 7)

async function main(): Promise<void> {
  const startedMs = performance.now()
  await using cluster = await createCluster({
    time: 'virtual',
    seed,
    checkReplicas: true,
    topics: [{ name: 'payments', partitions: 2, replicationFactor: 3 }],
  })
  const seen = await cluster.run(() => afternoon(cluster))
  for (const text of seen) console.log(`  ${text}`)
  const { nowMs = 0, eventCount = 0, eventHash = '' } = cluster.virtual ?? {}
  console.log(`seed ${seed}: ${(nowMs / 3_600_000).toFixed(1)} hours, ${eventCount} events, hash ${eventHash}`)
  // On stderr, because it differs from run to run.
  console.error(`${Math.round(performance.now() - startedMs)} ms of real time`)
}

async function afternoon(cluster: TestCluster): Promise<string[]> {
  const kafka = new Kafka({ clientId: 'shop', brokers: cluster.bootstrap, runtime: cluster.runtime })
  const producer = kafka.producer()
  const seen: string[] = []
  const member = () => {
    const consumer = kafka.consumer({ groupId: 'billing', topics: ['payments'], offsetReset: 'earliest' })
    consumer.run({ each: ({ value }: Message) => void seen.push(String(value)) }).catch(() => {})
    return consumer
  }
  const first = member()
  await producer.send({ topic: 'payments', value: 'at one o’clock' })
  await cluster.clock.advance('1h')

  const { leader } = cluster.partition('payments', 0)
  await cluster.broker(leader).kill()
  await producer.send({ topic: 'payments', value: 'at two, without its leader' })
  await cluster.clock.advance('1h')

  await cluster.broker(leader).restart()
  await first.close()
  const second = member()
  await cluster.broker((leader % 3) + 1).kill()
  await producer.send({ topic: 'payments', value: 'at three, to another member' })
  await cluster.clock.advance('1h')
  await second.close()
  await kafka.close()
  return seen
}

await main()
