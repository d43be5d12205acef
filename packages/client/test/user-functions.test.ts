import { createCluster } from '@ottla/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type ConsumerOptions,
  Kafka,
  KafkaError,
  type KafkaOptions,
  type ProducerOptions,
  plain,
  type Receipt,
  silentLogger,
} from '../src/index.ts'
import { onTestkit, type Scenario } from './support/on-testkit.ts'

/** What a function of the application does in place of its work. */
const misbehaviours: Readonly<Record<string, () => unknown>> = {
  'throws an Error': () => {
    throw new Error('from the application')
  },
  'throws undefined': () => {
    throw undefined
  },
  'throws a text': () => {
    throw 'from the application'
  },
  'throws an object without a prototype': () => {
    throw Object.create(null)
  },
  'throws an error with a hostile message': () => {
    throw Object.defineProperty(new Error(), 'message', {
      get() {
        throw new Error('hostile')
      },
    })
  },
  'rejects with an Error': () => Promise.reject(new Error('from the application')),
  'rejects with null': () => Promise.reject(null),
  'never settles': () => new Promise(() => {}),
  'resolves to nothing': () => Promise.resolve(undefined),
  'returns undefined': () => undefined,
  'returns null': () => null,
  'returns NaN': () => Number.NaN,
  'returns a negative number': () => -1,
  'returns a text': () => 'text',
  'returns an empty list': () => [],
  'returns an object': () => ({}),
  'returns values of other types': () => ({ host: 5, port: 'x', cert: 5 }),
  'returns a thenable that throws': () => ({
    // biome-ignore lint/suspicious/noThenProperty: a broken thenable is the case under test
    then() {
      throw new Error('from the application')
    },
  }),
}

/** The options with a function that misbehaves while `isBroken()`, and otherwise works. */
interface Functions {
  readonly kafka?: (misbehave: <T>(work: T) => T, bootstrap: readonly string[]) => Partial<KafkaOptions>
  readonly producer?: (misbehave: <T>(work: T) => T) => ProducerOptions
  readonly consumer?: (misbehave: <T>(work: T) => T) => Partial<ConsumerOptions>
}

const stored = (bytes: Uint8Array) => Buffer.from(bytes)
const alice = { username: 'alice', password: 'alice-secret' }

const functions: Readonly<Record<string, Functions>> = {
  brokers: { kafka: (misbehave, bootstrap) => ({ brokers: misbehave(() => bootstrap) }) },
  mapBroker: { kafka: (misbehave) => ({ mapBroker: misbehave((host: string, port: number) => ({ host, port })) }) },
  logger: {
    kafka: (misbehave) => ({
      logger: {
        debug: misbehave(silentLogger.debug),
        info: misbehave(silentLogger.info),
        warn: misbehave(silentLogger.warn),
        error: misbehave(silentLogger.error),
      },
    }),
  },
  'codecs.gzip.compress': {
    kafka: (misbehave) => ({
      codecs: { gzip: { name: 'gzip', id: 1, compress: misbehave(stored), decompress: stored } },
    }),
    producer: () => ({ compression: 'gzip' }),
  },
  'codecs.gzip.decompress': {
    kafka: (misbehave) => ({
      codecs: { gzip: { name: 'gzip', id: 1, compress: stored, decompress: misbehave(stored) } },
    }),
    producer: () => ({ compression: 'gzip' }),
  },
  'a codec of KafkaJS': {
    kafka: (misbehave) => ({
      codecs: {
        gzip: () => ({
          compress: misbehave(async ({ buffer }: { buffer: Buffer }) => buffer),
          decompress: misbehave(async (buffer: Buffer) => buffer),
        }),
      },
    }),
    producer: () => ({ compression: 'gzip' }),
  },
  partitioner: { producer: (misbehave) => ({ partitioner: misbehave(() => 0) }) },
  'sasl.authenticate': {
    kafka: (misbehave) => {
      const right = plain(alice)
      return {
        allowPlaintextCredentials: true,
        sasl: { ...right, name: 'PLAIN', authenticate: misbehave(right.authenticate.bind(right)) },
      }
    },
  },
  'a listener': {},
  onAssigned: { consumer: (misbehave) => ({ onAssigned: misbehave(async () => {}) }) },
}

const clientEvents = ['connected', 'disconnected', 'connectFailed', 'metadata'] as const

let isBroken = true
const uncaught: unknown[] = []
const note = (error: unknown) => uncaught.push(error)
let listeners: NodeJS.UncaughtExceptionListener[]
let rejectionListeners: NodeJS.UnhandledRejectionListener[]

beforeAll(() => {
  listeners = process.listeners('uncaughtException')
  rejectionListeners = process.listeners('unhandledRejection')
  process.removeAllListeners('uncaughtException')
  process.removeAllListeners('unhandledRejection')
  process.on('uncaughtException', note)
  process.on('unhandledRejection', note)
})

afterAll(() => {
  process.off('uncaughtException', note)
  process.off('unhandledRejection', note)
  for (const listener of listeners) process.on('uncaughtException', listener)
  for (const listener of rejectionListeners) process.on('unhandledRejection', listener)
})

/** Sends a record and reads it: each call settles in time, with a KafkaError if it fails. */
async function exercise(
  { kafka, nowMs, ...scenario }: Scenario,
  options: { readonly producer: ProducerOptions; readonly consumer: Partial<ConsumerOptions> },
  group: string,
): Promise<{ sent: Receipt | KafkaError; read: unknown }> {
  const producer = kafka.producer({ deliveryTimeoutMs: 3_000, ...options.producer })
  const sent = await producer.send({ topic: 't', value: 'x', key: 'k' }).catch((error: unknown) => error)
  const consumer = kafka.consumer({ groupId: group, topics: ['t'], offsetReset: 'earliest', ...options.consumer })
  const reading = new AbortController()
  const first = consumer.messages({ signal: reading.signal }).next()
  const giveUp = scenario.advance('10s').then(() => reading.abort())
  const read = await first.catch((error: unknown) => error)
  await giveUp
  await consumer.close().catch(() => {})
  await producer.close().catch(() => {})
  return { sent: sent as Receipt | KafkaError, read }
}

const isKafkaErrorOr = (result: unknown, what: (value: object) => boolean) =>
  KafkaError.is(result) || (typeof result === 'object' && result !== null && what(result))

describe.each(Object.keys(functions))('%s that', (name) => {
  const given = functions[name]!

  // Virtual time waits for the work of a codec.
  const hows = Object.keys(misbehaviours).filter(
    (how) => how !== 'never settles' || !/codec.*(compress|Kafka)/.test(name),
  )

  test.each(hows)('%s ends neither the process nor the client', async (how) => {
    const misbehave = <T>(work: T): T =>
      ((...args: unknown[]) =>
        isBroken ? misbehaviours[how]!() : (work as (...all: unknown[]) => unknown)(...args)) as T
    isBroken = true
    uncaught.length = 0
    const sasl = name.startsWith('sasl') ? { sasl: { users: { alice: alice.password } } } : {}
    const options = {
      producer: given.producer?.(misbehave) ?? {},
      consumer: given.consumer?.(misbehave) ?? {},
    }
    const kafkaOptions = given.kafka?.(misbehave, ['broker-1:9092']) ?? {}
    const limits = { connectTimeoutMs: 500, handshakeTimeoutMs: 500, requestTimeoutMs: 1_000, apiTimeoutMs: 5_000 }
    await onTestkit({ kafka: { ...limits, ...kafkaOptions }, ...sasl }, async (scenario) => {
      if (name === 'a listener')
        for (const event of clientEvents)
          scenario.kafka.on(
            event,
            misbehave(() => {}),
          )
      const broken = await exercise(scenario, options, 'broken')
      expect(broken.sent).toSatisfy((result) => isKafkaErrorOr(result, (value) => 'offset' in value))
      expect(broken.read).toSatisfy((result) => isKafkaErrorOr(result, (value) => 'done' in value))

      isBroken = false
      await scenario.advance('5s')
      const { sent, read } = await exercise(scenario, options, 'working')
      expect(sent).not.toBeInstanceOf(Error)
      expect(read).toMatchObject({ done: false, value: { key: expect.anything() } })
      expect(await scenario.kafka.admin().listTopics()).toContainEqual(expect.objectContaining({ name: 't' }))
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(uncaught).toEqual([])
  })
})

test('a codec that never settles fails its records at their deadline, and delays no other topic', async () => {
  await using cluster = await createCluster({ brokers: 1, topics: [{ name: 't', replicationFactor: 1 }] })
  const gzip = { name: 'gzip', id: 1, compress: () => new Promise<Uint8Array>(() => {}), decompress: stored } as const
  const { bootstrap: brokers, runtime } = cluster
  const kafka = new Kafka({ brokers, runtime, logger: silentLogger, codecs: { gzip } })
  const stuck = kafka.producer({ compression: 'gzip', deliveryTimeoutMs: 500 })
  const failed = stuck.send({ topic: 't', value: 'x' }).catch((error: unknown) => error)
  await kafka.producer().send({ topic: 't', value: 'y' })
  expect(await failed).toMatchObject({ code: 'DELIVERY_TIMED_OUT', outcome: 'not-written' })
  await kafka.close()
})
