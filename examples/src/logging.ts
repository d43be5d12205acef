import { createCluster } from '@ottla/testkit'
import { Kafka, KafkaError, pinoLogger } from 'ottla'
import pino from 'pino'

/** The client's log messages go through the application's pino logger: as JSON, each with its fields. */
async function main(): Promise<void> {
  const logger = pino({ name: 'shop', level: 'info', base: { service: 'billing' } })
  await using cluster = await createCluster({ brokers: 1, topics: [{ name: 'payments', partitions: 1 }] })
  await using kafka = new Kafka({
    clientId: 'billing',
    brokers: cluster.bootstrap,
    runtime: cluster.runtime,
    logger: pinoLogger(logger.child({ component: 'kafka' })),
  })
  await cluster.broker(1).kill()
  try {
    await kafka.ready({ timeoutMs: 300 })
  } catch (error) {
    if (KafkaError.is(error)) logger.error({ err: error }, 'Kafka is not there yet')
  }
  await cluster.broker(1).restart()
  await kafka.ready()
  const receipt = await kafka.producer().send({ topic: 'payments', value: '12.50' })
  logger.info({ partition: receipt.partition, offset: receipt.offset }, 'the payment is stored')
}

await main()
