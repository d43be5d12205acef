import { expect } from 'vitest'
import { KafkaError } from '../../src/errors.ts'
import type { ProducerOptions } from '../../src/producer/options.ts'
import { Producer } from '../../src/producer/producer.ts'
import type { Receipt } from '../../src/producer/receipt.ts'
import { FakeCluster, type FakeProduce } from './fake-cluster.ts'

export function setUp(options: ProducerOptions = {}, topics: Record<string, number[]> = { t: [1] }) {
  const cluster = new FakeCluster(topics)
  const producer = new Producer(cluster.port, options)
  return { cluster, producer, runtime: cluster.runtime, turns: () => cluster.runtime.turns() }
}

export async function failure(promise: Promise<unknown>): Promise<KafkaError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!KafkaError.is(error)) throw new Error(`expected a KafkaError, got ${String(error)}`)
  return error
}

/** Counts how often each of many promises or callbacks settles. */
export function tally() {
  const counts = { resolved: 0, rejected: 0, errors: [] as KafkaError[] }
  const watch = (promise: Promise<unknown>) =>
    promise.then(
      () => counts.resolved++,
      (error) => {
        counts.rejected++
        counts.errors.push(error)
      },
    )
  return { counts, watch }
}

/** `count` batches of one record each, all in flight at once. */
export function sendBatches(producer: Producer, count: number, topic = 't'): Promise<Receipt>[] {
  const filler = 'x'.repeat(600)
  return Array.from({ length: count }, (_, i) => producer.send({ topic, value: `${i} ${filler}`, partition: 0 }))
}

export const oneRecordABatch: ProducerOptions = { maxBatchBytes: 1024 }

export function numbersIn(cluster: FakeCluster, topic = 't'): number[] {
  return cluster
    .log(topic)
    .values.map((value) => Number.parseInt(value, 10))
    .filter((number) => number !== warm)
}

const warm = -1

/** One record delivered: until then a partition has one batch in flight at a time. */
export async function warmUp(cluster: FakeCluster, producer: Producer): Promise<void> {
  const sent = producer.send({ topic: 't', value: `${warm}`, partition: 0 })
  await cluster.runtime.turns()
  await sent
  cluster.produced.length = 0
}

export const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)

/** Answers held requests in an order of the test's choice. */
export async function hold(cluster: FakeCluster, count: number): Promise<FakeProduce[]> {
  cluster.fate = () => ({ kind: 'hold' })
  await cluster.runtime.turns()
  expect(cluster.produced).toHaveLength(count)
  cluster.fate = () => undefined
  return cluster.produced.slice()
}

export async function sendAll(
  producer: Producer,
  values: string[],
  turns: () => Promise<void>,
  topic = 't',
): Promise<void> {
  const sent = producer.send(values.map((value) => ({ topic, value })))
  await turns()
  await sent
}
