// `await using` came with TypeScript 5.2.
import { createCluster } from '@ottla/testkit'
import { Kafka } from 'ottla'

export async function scoped(): Promise<void> {
  await using cluster = await createCluster({ brokers: 1 })
  await using kafka = new Kafka({ brokers: cluster.bootstrap, runtime: cluster.runtime })
  await using producer = kafka.producer()
  await producer.send({ topic: 't', value: 'v' })
}
