import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { Kafka, KafkaError, type KafkaOptions } from '../../src/index.ts'
import { onRealKafka } from '../support/real-target.ts'
import { recordedLog } from '../support/recorded-log.ts'
import { take } from '../support/records.ts'
import { onTargets } from '../support/targets.ts'

/** The text that a newcomer reads: message and hint. */
async function failureOf(action: () => Promise<unknown>): Promise<KafkaError & { text: string }> {
  const error = await action().then(
    () => undefined,
    (cause) => cause,
  )
  expect(KafkaError.is(error), `a KafkaError, not ${error}`).toBe(true)
  return Object.assign(error, { text: `${error.message} ${error.hint ?? ''}` })
}

async function readyFailure(options: KafkaOptions) {
  const kafka = new Kafka(options)
  try {
    return await failureOf(() => kafka.ready({ timeoutMs: 3000 }))
  } finally {
    await kafka.close()
  }
}

async function unusedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

describe('errors that a newcomer gets without a broker', () => {
  test('no broker at the address', async () => {
    const address = `127.0.0.1:${await unusedPort()}`
    const { logger, lines } = recordedLog()
    const error = await readyFailure({ brokers: [address], logger })
    expect(error.code).toBe('NO_BROKER_REACHABLE')
    expect(error.text).toContain(address)
    expect(error.text).toMatch(/ECONNREFUSED|refused/)
    expect(lines).toEqual([expect.stringContaining(address)])
  })

  test('a host name that does not exist', async () => {
    const { logger, lines } = recordedLog()
    const error = await readyFailure({ brokers: ['no-such-host.invalid:9092'], logger })
    expect(error.code).toBe('NO_BROKER_REACHABLE')
    expect(error.text).toContain('no-such-host.invalid:9092')
    expect(error.text).toMatch(/ENOTFOUND|EAI_AGAIN|name/)
    expect(lines).toEqual([expect.stringContaining('no-such-host.invalid:9092')])
  })

  test('a server that is not Kafka', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
    const error = await readyFailure({ brokers: [address] })
    server.close()
    expect(error.text).toContain(address)
    expect(error.text).toMatch(/not.* Kafka|HTTP/)
  })

  test('a misspelt option, with the correct name', () => {
    const misspelt = { brokers: ['localhost:9092'], clientID: 'shop' } as unknown as KafkaOptions
    expect(() => new Kafka(misspelt)).toThrow(/'clientID' of new Kafka\(\) does not exist/)
    try {
      new Kafka(misspelt)
    } catch (error) {
      expect(error).toMatchObject({ code: 'INVALID_OPTION', hint: "Did you mean 'clientId'?" })
    }
  })

  test.each([
    [{}, /'brokers' of new Kafka\(\) is missing/],
    [{ brokers: [] }, /'brokers' of new Kafka\(\) must be a list/],
    [
      { brokers: ['localhost:9092'], requestTimeoutMs: -1 },
      /'requestTimeoutMs' of new Kafka\(\) must be whole milliseconds/,
    ],
    [{ brokers: ['localhost:port'] }, /localhost:port|brokers/],
  ])('invalid options of the client: %j', (options, message) => {
    expect(() => new Kafka(options as KafkaOptions)).toThrow(message)
  })

  test.each([
    [{ acks: 2 }, /'acks' of kafka.producer\(\) must be one of 'all', 1, 0/],
    [{ acks: 0, idempotent: true }, /'idempotent' of kafka.producer\(\) requires acks: 'all'/],
    [{ compression: 'zip' }, /'compression' of kafka.producer\(\) must be/],
  ])('invalid options of a producer: %j', async (options, message) => {
    const kafka = new Kafka({ brokers: ['localhost:9092'] })
    expect(() => kafka.producer(options as object)).toThrow(message)
    await kafka.close()
  })

  test('a consumer of topics without a groupId', async () => {
    const kafka = new Kafka({ brokers: ['localhost:9092'] })
    try {
      kafka.consumer({ topics: ['orders'] })
      expect.unreachable('the group id is missing')
    } catch (error) {
      expect(error).toMatchObject({ code: 'INVALID_OPTION', hint: expect.stringContaining('Set a groupId') })
      expect(String(error)).toMatch(/'groupId' of kafka.consumer\(\) is required/)
    } finally {
      await kafka.close()
    }
  })

  test('a consumer without topics and assign', async () => {
    const kafka = new Kafka({ brokers: ['localhost:9092'] })
    expect(() => kafka.consumer({ groupId: 'billing' })).toThrow(/Either 'topics'/)
    await kafka.close()
  })

  test('a closed client', async () => {
    const kafka = new Kafka({ brokers: ['localhost:9092'] })
    const producer = kafka.producer()
    await kafka.close()
    const error = await failureOf(() => producer.send({ topic: 'orders', value: '1' }))
    expect(error.code).toBe('CLOSED')
    expect(error.text).toMatch(/closed/)
  })
})

onTargets('errors a newcomer meets', (target) => {
  test('a missing topic when producing', async () => {
    const topic = target().uniqueName('typo')
    const producer = target().newKafka({ topicTimeoutMs: 500 }).producer()
    const error = await failureOf(() => producer.send({ topic, value: '1' }))
    expect(error).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', topic, outcome: 'not-written' })
    expect(error.text).toContain(topic)
    expect(error.text).toMatch(/admin\.createTopics/)
  })

  test('a missing topic when reading without a group', async () => {
    const topic = target().uniqueName('typo')
    const { logger, lines } = recordedLog()
    const kafka = target().newKafka({ topicTimeoutMs: 500, logger })
    const consumer = kafka.consumer({ assign: [{ topic, partition: 0, offset: 'earliest' }] })
    const error = await failureOf(() => take(consumer, 1))
    expect(error).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', topic })
    expect(lines).toEqual([expect.stringMatching(/the consumer stopped/)])
  })

  test('a missing topic when reading in a group: a warning, because it may be created', async () => {
    const topic = target().uniqueName('typo')
    const { logger, lines } = recordedLog()
    const kafka = target().newKafka({ topicTimeoutMs: 200, logger })
    const consumer = kafka.consumer({ groupId: target().uniqueName('typo'), topics: [topic] })
    expect(await consumer.poll({ timeoutMs: 1500 })).toHaveLength(0)
    expect(lines).toEqual([expect.stringMatching(/subscribed topics do not exist/)])
    expect(lines[0]).toContain(topic)
  })

  test('a missing partition', async () => {
    const topic = await target().createTopic('small', { partitions: 2 })
    const error = await failureOf(() => target().newKafka().producer().send({ topic, partition: 7, value: '1' }))
    expect(error).toMatchObject({ topic, partition: 7, outcome: 'not-written' })
    expect(error.text).toMatch(/2 partitions|0 to 1/)
  })

  test("a record above the client's limit", async () => {
    const topic = await target().createTopic('larger')
    const value = Buffer.alloc(2 << 20)
    const error = await failureOf(() => target().newKafka().producer().send({ topic, value }))
    expect(error).toMatchObject({ code: 'MESSAGE_TOO_LARGE', topic, outcome: 'not-written' })
    expect(error.text).toMatch(/maxRequestBytes/)
    expect(error.text).toMatch(/1048576|1 MiB/)
  })

  test("a record above the broker's limit", async () => {
    const topic = await target().createTopic('too-large', { configs: { 'max.message.bytes': 10_000 } })
    const producer = target().newKafka().producer()
    const error = await failureOf(() => producer.send({ topic, value: Buffer.alloc(50_000) }))
    expect(error).toMatchObject({ code: 'MESSAGE_TOO_LARGE', topic, partition: 0 })
    expect(error.text).toMatch(/max\.message\.bytes/)
    expect((await producer.send({ topic, value: 'small' })).offset, 'the producer continues').toBe(0n)
  })

  test('a value that is neither a string nor bytes', async () => {
    const topic = await target().createTopic('objects')
    const value = { total: 12 } as unknown as string
    const error = await failureOf(async () => target().newKafka().producer().send({ topic, value }))
    expect(error.code).toBe('INVALID_ARGUMENT')
    expect(error.text).toMatch(/JSON\.stringify/)
  })
})

onRealKafka('the wrong port of a real broker', (real) => {
  test('TLS to a port without it', async () => {
    const { bootstrap, ca } = real().addresses
    const error = await readyFailure({ brokers: bootstrap.slice(0, 1), tls: { ca } })
    expect(error.code).toBe('TLS_MISMATCH')
    expect(error.text).toContain(bootstrap[0])
    expect(error.text).toMatch(/does not speak TLS|without TLS|no TLS|plaintext/i)
  })

  test('no TLS to a port that requires it', async () => {
    const { ssl } = real().addresses
    const error = await readyFailure({ brokers: ssl.slice(0, 1) })
    expect(error.code).toBe('TLS_MISMATCH')
    expect(error.text).toContain(ssl[0])
    expect(error.text).toMatch(/`?tls`?/)
  })

  test('the port of a controller', async () => {
    const port = Number(real().addresses.bootstrap[0]?.split(':')[1]) + 5
    const error = await readyFailure({ brokers: [`127.0.0.1:${port}`] })
    expect(error.text).toContain(`127.0.0.1:${port}`)
  })
})
