import { createCluster } from '@ottla/testkit'
import { describe, expect, test } from 'vitest'
import { startKafka } from '../../../../tools/kafka/index.mjs'
import { skipReason } from '../../../../tools/skip-reason.ts'
import { Kafka, type KafkaOptions } from '../../src/index.ts'
import { uniqueName } from '../support/names.ts'
import { kafkaMissing, kafkaStartTimeoutMs, skipsKafka } from '../support/real-kafka.ts'
import { readTopic } from '../support/records.ts'
import { until } from '../support/until.ts'

/** The brokers close idle connections after this time; the client's own limit is much higher. */
const idleMs = 1000
const config = { 'connections.max.idle.ms': idleMs }

async function losesNothing(options: KafkaOptions): Promise<void> {
  const kafka = new Kafka(options)
  try {
    const topic = uniqueName('idle')
    await kafka.admin().createTopics([{ name: topic, partitions: 1, replicationFactor: 1 }])
    const producer = kafka.producer()
    const seen: string[] = []
    const consumer = kafka.consumer({
      groupId: uniqueName('idle'),
      topics: [topic],
      offsetReset: 'earliest',
      maxWaitMs: 5 * idleMs,
    })
    const running = consumer.run({ each: (message) => void seen.push(message.value?.toString() ?? '') })
    const closed: string[] = []
    kafka.on('disconnected', ({ purpose }) => {
      closed.push(purpose.replace(/:.*/, ''))
    })

    await producer.send({ topic, value: 'before' })
    await until('the broker closes the idle produce connection', () => closed.includes('produce'))
    await producer.send({ topic, value: 'after' })
    await until('the consumer has both', () => seen.length === 2)
    closed.length = 0
    await until('the broker closes it again', () => closed.includes('produce'))
    await Promise.all(['a', 'b', 'c'].map((value) => producer.send({ topic, value })))
    await until('the consumer has all', () => seen.length === 5)

    await consumer.close()
    await running
    expect(seen).toEqual(['before', 'after', 'a', 'b', 'c'])
    expect((await readTopic(kafka, topic)).map(({ value }) => value)).toEqual(seen)
  } finally {
    await kafka.close()
  }
}

describe('a connection that the broker closed for idling loses nothing', () => {
  test('testkit', { timeout: 60_000 }, async () => {
    const cluster = await createCluster({ brokers: 1, config })
    try {
      await losesNothing({ brokers: cluster.bootstrap, runtime: cluster.runtime })
    } finally {
      await cluster.close()
    }
  })

  test.skipIf(skipsKafka)('kafka', { timeout: kafkaStartTimeoutMs, ...skipReason(kafkaMissing) }, async () => {
    const kafka = await startKafka({ brokers: 1, config })
    try {
      await losesNothing({ brokers: kafka.bootstrap })
    } finally {
      await kafka.close()
    }
  })
})
