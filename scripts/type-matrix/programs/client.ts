import * as everything from 'ottla'
import {
  type Admin,
  AdminError,
  type Consumer,
  consoleLogger,
  Kafka,
  KafkaError,
  type KafkaOptions,
  type Logger,
  type Message,
  type MessageBatch,
  type Partitioner,
  type Producer,
  type Receipt,
  SendError,
  scramSha256,
} from 'ottla'
import { assertType, type Equal } from './equal.js'

export { everything }

const partitioner: Partitioner = ({ key, partitionCount }) => (key?.length ?? 0) % partitionCount
const logger: Logger = consoleLogger('info')
const options: KafkaOptions = {
  brokers: ['localhost:9092'],
  clientId: undefined,
  tls: { ca: 'PEM', minVersion: 'TLSv1.3' },
  sasl: scramSha256({ username: 'user', password: 'secret' }),
  logger,
  mapBroker: (host, port) => ({ host, port: port + 1 }),
}
export const kafka = new Kafka(options)
kafka.on('throttled', ({ api, throttleMs }) => {
  assertType<Equal<typeof api, string>>()
  assertType<Equal<typeof throttleMs, number>>()
})

export async function produce(producer: Producer): Promise<void> {
  const receipt = await producer.send({
    topic: 't',
    key: null,
    value: Buffer.from('v'),
    headers: { trace: ['a', 'b'] },
  })
  assertType<Equal<typeof receipt, Receipt>>()
  assertType<Equal<typeof receipt.offset, bigint | undefined>>()
  const receipts = await producer.send([{ topic: 't', value: 'v' }], { signal: new AbortController().signal })
  assertType<Equal<typeof receipts, Receipt[]>>()
  const more: boolean = producer.enqueue({ topic: 't', value: null }, (error, settled) => {
    assertType<Equal<typeof error, KafkaError | undefined>>()
    assertType<Equal<typeof settled, Receipt | undefined>>()
  })
  if (!more) await producer.room()
  await producer.flush()
  // @ts-expect-error A topic is required.
  await producer.send({ value: 'v' })
  // @ts-expect-error A value is required: an explicit null is a tombstone.
  await producer.send({ topic: 't' })
}

export async function consume(consumer: Consumer): Promise<void> {
  for await (const message of consumer) {
    assertType<Equal<typeof message, Message>>()
    assertType<Equal<typeof message.value, Buffer | null>>()
    assertType<Equal<typeof message.offset, bigint>>()
    consumer.done(message)
    break
  }
  for await (const batch of consumer.batches()) {
    assertType<Equal<typeof batch, MessageBatch>>()
    for (const message of batch) assertType<Equal<typeof message, Message>>()
    await batch.commit()
  }
  const messages = await consumer.poll({ maxRecords: 10, timeoutMs: 100 })
  assertType<Equal<typeof messages, Message[]>>()
  const step = await consumer.messages().next()
  if (step.done !== true) assertType<Equal<typeof step.value, Message>>()
  await consumer.run({
    each: async (message, { signal }) => {
      assertType<Equal<typeof message, Message>>()
      assertType<Equal<typeof signal, AbortSignal>>()
    },
    concurrency: { by: 'partition', limit: 4 },
  })
  await consumer.close()
}

export async function administer(admin: Admin): Promise<void> {
  const created = await admin.createTopics([{ name: 't', partitions: 3 }], { validateOnly: true })
  assertType<Equal<(typeof created)[number], everything.CreatedTopic>>()
  const offsets = await admin.listOffsets([{ topic: 't', partition: 0, at: 'latest' }])
  assertType<Equal<(typeof offsets)[number]['offset'], bigint>>()
}

export function explain(error: unknown): string {
  if (error instanceof SendError) return String(error.results.length)
  if (error instanceof AdminError) return error.code
  if (KafkaError.is(error)) {
    assertType<Equal<typeof error.broker, everything.BrokerAddress | undefined>>()
    return error.code
  }
  return String(error)
}

export const parts = {
  producer: kafka.producer({ compression: 'zstd', partitioner }),
  consumer: kafka.consumer({ groupId: 'g', topics: ['a', /^b/], commit: { count: 10 } }),
  admin: kafka.admin(),
}
// @ts-expect-error There is no such codec.
kafka.producer({ compression: 'bzip2' })
// @ts-expect-error A misspelt option.
kafka.consumer({ groupid: 'g', topics: 'a' })
export const closed: Promise<void> = kafka[Symbol.asyncDispose]()
