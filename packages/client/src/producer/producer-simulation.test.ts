import { expect, test } from 'vitest'
import { FakeCluster, type Fate } from '../../test/producer/fake-cluster.ts'
import type { KafkaError } from '../errors.ts'
import type { ProducerOptions } from './options.ts'
import { Producer } from './producer.ts'

/** One stream of random numbers per seed. */
function randomStream(seed: number): () => number {
  let state = seed * 2_654_435_761
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 0x1_0000_0000
  }
}

function troubled(random: () => number): Fate | undefined {
  const dice = random()
  if (dice < 0.5) return undefined
  if (dice < 0.58) return { kind: 'delay', ms: Math.floor(random() * 400) }
  if (dice < 0.66) return { kind: 'lose', append: true }
  if (dice < 0.74) return { kind: 'lose', append: false }
  if (dice < 0.8) return { kind: 'error', code: 'NOT_ENOUGH_REPLICAS' }
  if (dice < 0.85) return { kind: 'error', code: 'NOT_LEADER_OR_FOLLOWER' }
  if (dice < 0.9) return { kind: 'error', code: 'REQUEST_TIMED_OUT', append: true }
  if (dice < 0.94) return { kind: 'error', code: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', append: true }
  if (dice < 0.97) return { kind: 'error', code: 'OUT_OF_ORDER_SEQUENCE_NUMBER' }
  if (dice < 0.99) return { kind: 'error', code: 'INVALID_TIMESTAMP' }
  return { kind: 'error', code: 'CORRUPT_MESSAGE' }
}

const records = 80
const partitions = 2

/** Sends through trouble of all kinds, then compares what the producer said with the logs. */
async function simulate(seed: number): Promise<{ delivered: number; unknown: number; refused: number }> {
  const random = randomStream(seed)
  const cluster = new FakeCluster({ t: [1, 2] })
  const { runtime } = cluster
  const options: ProducerOptions = {
    maxBatchBytes: 1024,
    maxInFlight: 1 + Math.floor(random() * 5),
    lingerMs: random() < 0.3 ? 5 : 0,
    // Some runs are so short that batches expire under way.
    deliveryTimeoutMs: random() < 0.4 ? 1500 : 60_000,
    compression: random() < 0.2 ? 'gzip' : 'none',
  }
  if (random() < 0.3) for (let p = 0; p < partitions; p++) cluster.log('t', p).maxBatchBytes = 700
  const producer = new Producer(cluster.port, options)
  let calm = false
  cluster.fate = ({ batches }) => {
    const fate = calm ? undefined : troubled(random)
    // A broker that has a batch never says so of it.
    const lies = fate?.kind === 'error' && fate.code === 'OUT_OF_ORDER_SEQUENCE_NUMBER'
    return lies && batches.some(({ topic, partition, bytes }) => cluster.log(topic, partition).knows(bytes))
      ? undefined
      : fate
  }
  const said = new Map<string, KafkaError | undefined>()
  let twice = 0
  for (let i = 0; i < records; i++) {
    const value = `${i} ${'x'.repeat(Math.floor(random() * 500))}`
    producer.enqueue({ topic: 't', value, partition: i % partitions }, (error) => {
      if (said.has(value)) twice++
      said.set(value, error)
    })
    if (random() < 0.4) await runtime.advance(Math.floor(random() * 300))
    if (random() < 0.05) cluster.setTopic('t', random() < 0.5 ? [1, 2] : [2, random() < 0.3 ? -1 : 1])
  }
  await runtime.advance(5000)
  calm = true
  cluster.setTopic('t', [1, 2])
  await runtime.advance(120_000)

  expect(twice).toBe(0)
  expect(said.size).toBe(records)
  expect(producer.bufferedBytes).toBe(0)
  const counts = { delivered: 0, unknown: 0, refused: 0 }
  const logs = Array.from({ length: partitions }, (_, partition) => cluster.log('t', partition).values)
  for (const log of logs) {
    const numbers = log.map((value) => Number.parseInt(value, 10))
    expect(numbers, 'no record twice, none out of order').toEqual([...new Set(numbers)].sort((a, b) => a - b))
  }
  const stored = new Set(logs.flat())
  for (const [value, error] of said) {
    if (error === undefined) counts.delivered++
    else if (error.outcome === 'unknown') counts.unknown++
    else counts.refused++
    if (error === undefined) expect(stored.has(value), `lost: ${value.slice(0, 3)}`).toBe(true)
    else if (error.outcome !== 'unknown')
      expect(stored.has(value), `said not written: ${value.slice(0, 3)}`).toBe(false)
  }
  await producer.close()
  expect(runtime.timers).toBe(0)
  return counts
}

/** These found bugs once: a batch before a refused one given a new number, and one older than the broker remembers. */
const telling = [3, 26, 347]
const seeds = [...telling, ...Array.from({ length: 60 }, (_, i) => 1000 + i)]

test('sixty seeds of trouble: no record lost, repeated or out of order, and every outcome told is true', async () => {
  const totals = { delivered: 0, unknown: 0, refused: 0 }
  for (const seed of seeds) {
    const counts = await simulate(seed).catch((error) => {
      throw new Error(`seed ${seed}: ${error.message}`, { cause: error })
    })
    totals.delivered += counts.delivered
    totals.unknown += counts.unknown
    totals.refused += counts.refused
  }
  // The trouble was real: all three kinds of ending happened, many times.
  expect(totals.delivered).toBeGreaterThan(3000)
  expect(totals.unknown).toBeGreaterThan(50)
  expect(totals.refused).toBeGreaterThan(50)
}, 30_000)
