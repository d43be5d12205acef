import { getEventListeners, getMaxListeners } from 'node:events'
import { createCluster, type TestCluster } from '@ottla/testkit'
import { type Consumer, Kafka, silentLogger } from 'ottla'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

const calls = 100
/** Only one call of a consumer reads at a time, so these need a consumer each. */
const consumers = 15

let cluster: TestCluster
let kafka: Kafka
const warnings: Error[] = []
const onWarning = (warning: Error) => warnings.push(warning)

beforeEach(async () => {
  warnings.length = 0
  process.on('warning', onWarning)
  cluster = await createCluster({ brokers: 1, topics: [{ name: 'orders', partitions: 1 }] })
  kafka = new Kafka({ brokers: cluster.bootstrap, runtime: cluster.runtime, logger: silentLogger })
  await kafka.ready()
})

afterEach(async () => {
  process.off('warning', onWarning)
  await kafka.close({ timeoutMs: 100 })
  await cluster.close()
})

const repeat = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make)

const reading = (read: (consumer: Consumer, signal: AbortSignal) => Promise<unknown>) => (signal: AbortSignal) =>
  repeat(consumers, () => {
    const options = { topics: ['orders'], groupId: 'readers', rebalanceTimeoutMs: 10_000 }
    return read(kafka.consumer(options), signal)
  })

/** Each starts many calls that wait for the paused broker until the signal aborts. */
const kinds: readonly (readonly [string, (signal: AbortSignal) => Promise<unknown>[]])[] = [
  ['kafka.ready', (signal) => repeat(calls, () => kafka.ready({ signal }))],
  [
    'producer.send',
    (signal) => {
      const producer = kafka.producer({ maxBufferedBytes: 10_000 })
      producer.send({ topic: 'orders', value: Buffer.alloc(20_000) }).catch(() => {})
      return repeat(calls, () => producer.send({ topic: 'orders', value: 'waits for buffer space' }, { signal }))
    },
  ],
  [
    'producer.flush and room',
    (signal) => {
      const producer = kafka.producer({ maxBufferedBytes: 1_000 })
      producer.send({ topic: 'orders', value: Buffer.alloc(2_000) }).catch(() => {})
      return repeat(calls, () => [producer.flush({ signal }), producer.room({ signal })]).flat()
    },
  ],
  [
    'admin calls',
    (signal) => {
      const admin = kafka.admin()
      return repeat(calls, () => [
        admin.listTopics({ signal }),
        admin.describeTopics(['orders'], { signal }),
        admin.createTopics([{ name: 'new' }], { signal }),
        admin.listOffsets([{ topic: 'orders', partition: 0, at: 'latest' }], { signal }),
        admin.listConsumerGroupOffsets('readers', { signal }),
      ]).flat()
    },
  ],
  ['consumer.poll', reading((consumer, signal) => consumer.poll({ signal, timeoutMs: 60_000 }))],
  ['consumer.run', reading((consumer, signal) => consumer.run({ signal, each: () => {} }))],
  ['consumer.messages', reading((consumer, signal) => consumer.messages({ signal }).next())],
  ['consumer.batches', reading((consumer, signal) => consumer.batches({ signal }).next())],
  ['consumer.ready', reading((consumer, signal) => consumer.ready({ signal }))],
]

describe('many calls that share one signal add one listener to it, and no warning', () => {
  test.each(kinds)('%s', async (kind, start) => {
    cluster.broker(1).pause()
    const controller = new AbortController()
    const { signal } = controller
    const maxListeners = getMaxListeners(signal)
    const started = start(signal)
    expect(started.length).toBeGreaterThan(10)
    // A few turns: not every call waits for the signal from its first turn on.
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    expect(getEventListeners(signal, 'abort').length).toBe(1)
    controller.abort(new Error('enough'))
    const outcomes = await Promise.allSettled(started)
    expect(getEventListeners(signal, 'abort')).toEqual([])
    expect(getMaxListeners(signal)).toBe(maxListeners)
    // `run` resolves: its signal is the way to stop it.
    expect(outcomes.filter(({ status }) => status === 'rejected').length).toBe(
      kind === 'consumer.run' ? 0 : started.length,
    )
    expect(warnings).toEqual([])
    cluster.broker(1).resume()
  })
})
