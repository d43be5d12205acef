import type { ErrorName, ProduceRequest } from '@ottla/codec'
import type { FaultRule, TestCluster } from '@ottla/testkit'
import { expect, test } from 'vitest'
import type { KafkaError, Producer, ProducerOptions } from '../../src/index.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'
import { contentsOf } from '../support/record-batches.ts'

/** One stream of random numbers in [0, 1) per seed. */
function randomStream(seed: number): () => number {
  let state = seed * 2_654_435_761
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 0x1_0000_0000
  }
}

const error = (name: ErrorName) => ({ error: name })
const errorAfterWork = (name: ErrorName) => ({ errorAfterWork: name })

/** What happens to a Produce request, each with the probability that it happens. */
const fates: readonly (readonly [probability: number, action: FaultRule['action']])[] = [
  [0.04, { delay: 70 }],
  [0.04, { delay: 380 }],
  [0.08, 'closeAfterWork'],
  [0.08, 'close'],
  [0.06, error('NOT_ENOUGH_REPLICAS')],
  [0.05, error('NOT_LEADER_OR_FOLLOWER')],
  [0.05, errorAfterWork('REQUEST_TIMED_OUT')],
  [0.04, errorAfterWork('NOT_ENOUGH_REPLICAS_AFTER_APPEND')],
  [0.03, error('OUT_OF_ORDER_SEQUENCE_NUMBER')],
  [0.02, error('INVALID_TIMESTAMP')],
  [0.01, error('CORRUPT_MESSAGE')],
]

const records = 80
const partitions = 2
const dayMs = 86_400_000

/** Adds a rule for each fate. All of them look at one random number per request. */
function addFates({ cluster, fault }: Scenario, random: () => number): void {
  let drawn = 1
  let latest: unknown
  const draw = (request: unknown) => {
    if (latest !== request) drawn = random()
    latest = request
    return drawn
  }
  let from = 0
  for (const [probability, action] of fates) {
    const least = from
    from += probability
    const below = from
    fault('Produce', action, 'always', {
      when: (request) => {
        const isDrawn = draw(request) >= least && drawn < below
        if (!isDrawn || action !== fates[8]![1]) return isDrawn
        // A broker that has a batch never reports a gap before it.
        return !batchesOf(request).some((batch) => isStored(cluster, batch))
      },
    })
  }
}

interface SentBatch {
  readonly partition: number
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseSequence: number
}

function batchesOf(request: ProduceRequest): SentBatch[] {
  return request.topicData.flatMap(({ partitionData }) =>
    partitionData.flatMap(({ index: partition, records: bytes }) =>
      contentsOf(bytes!).map(({ batch: { producerId, producerEpoch, baseSequence } }) => ({
        partition,
        producerId,
        producerEpoch,
        baseSequence,
      })),
    ),
  )
}

function isStored(cluster: TestCluster, { partition, producerId, producerEpoch, baseSequence }: SentBatch): boolean {
  const { topics } = cluster.state()
  const logs = topics.find(({ name }) => name === 't')!.partitions[partition]!.logs
  const producers = logs.filter(({ isLeader }) => isLeader).flatMap((log) => log.producers)
  return producers.some(
    (producer) =>
      producer.producerId === String(producerId) &&
      producer.producerEpoch === producerEpoch &&
      producer.lastSequence >= baseSequence,
  )
}

/** Kills a broker now and then, and starts it again within three seconds. */
async function moveLeaders({ cluster, advance }: Scenario, random: () => number, until: () => boolean): Promise<void> {
  while (!until()) {
    await advance(500 + Math.floor(random() * 4_000))
    if (random() < 0.6) continue
    const broker = cluster.broker(1 + Math.floor(random() * 2))
    await broker.kill()
    await advance(300 + Math.floor(random() * 2_700))
    await broker.restart()
  }
}

function optionsOf(random: () => number): ProducerOptions {
  return {
    maxBatchBytes: 1024,
    maxInFlight: 1 + Math.floor(random() * 5),
    lingerMs: random() < 0.3 ? 5 : 0,
    // Some runs are so short that batches expire in flight.
    deliveryTimeoutMs: random() < 0.4 ? 1500 : 60_000,
    compression: random() < 0.2 ? 'gzip' : 'none',
  }
}

interface Reports {
  readonly outcomes: Map<string, KafkaError | undefined>
  repeated: number
}

/** Sends records with pauses, and collects what the producer reports about each. */
async function produce(scenario: Scenario, producer: Producer, seed: number, random: () => number): Promise<Reports> {
  const { advance, cluster } = scenario
  const reports: Reports = { outcomes: new Map(), repeated: 0 }
  const rejects = randomStream(seed + 1)
  for (let i = 0; i < records; i++) {
    const value = `${i} ${'x'.repeat(Math.floor(random() * 500))}`
    // Now and then a record that brokers reject by its name, with nothing of its batch written.
    const timestamp = cluster.clock.now() + (rejects() < 0.02 ? dayMs : 0)
    producer.enqueue({ topic: 't', value, partition: i % partitions, timestamp }, (failure) => {
      if (reports.outcomes.has(value)) reports.repeated++
      reports.outcomes.set(value, failure)
    })
    if (random() < 0.4) await advance(Math.floor(random() * 300))
  }
  return reports
}

interface Counts {
  delivered: number
  unknown: number
  refused: number
}

/** Compares what the producer reported with what the logs hold. */
async function compare(scenario: Scenario, { outcomes }: Reports): Promise<Counts> {
  const logs = await Promise.all(Array.from({ length: partitions }, (_, partition) => scenario.values('t', partition)))
  for (const log of logs) {
    const numbers = log.map((value) => Number.parseInt(value!, 10))
    expect(numbers, 'no record twice, none out of order').toEqual([...new Set(numbers)].sort((a, b) => a - b))
  }
  const stored = new Set(logs.flat())
  const counts = { delivered: 0, unknown: 0, refused: 0 }
  for (const [value, failure] of outcomes) {
    if (failure === undefined) counts.delivered++
    else if (failure.outcome === 'unknown') counts.unknown++
    else counts.refused++
    if (failure === undefined) expect(stored.has(value), `lost: ${value.slice(0, 3)}`).toBe(true)
    else if (failure.outcome !== 'unknown') {
      expect(stored.has(value), `reported as not written: ${value.slice(0, 3)}`).toBe(false)
    }
  }
  return counts
}

/** Partition 0 has two replicas, partition 1 only one: without its broker it has no leader. */
function simulate(seed: number): Promise<Counts> {
  const random = randomStream(seed)
  const options = optionsOf(random)
  const configs = random() < 0.3 ? { 'max.message.bytes': 700 } : {}
  const config = { 'broker.session.timeout.ms': 500 }
  const cluster = { seed, traffic: false, brokers: 2, topics: { t: partitions }, replicationFactor: 2, configs, config }
  return onTestkit(cluster, async (scenario) => {
    await scenario.cluster.reassign('t', 1, [2])
    await scenario.advance('2s')
    const producer = scenario.kafka.producer(options)
    addFates(scenario, random)
    let calm = false
    const moving = moveLeaders(scenario, random, () => calm)
    const reports = await produce(scenario, producer, seed, random)
    await scenario.advance('5s')
    calm = true
    await moving
    scenario.cluster.faults.clear()
    for (let waitedS = 0; waitedS < 120 && reports.outcomes.size < records; waitedS++) await scenario.advance('1s')
    await scenario.advance('2s')

    expect(reports.repeated).toBe(0)
    expect(reports.outcomes.size).toBe(records)
    expect(producer.bufferedBytes).toBe(0)
    return compare(scenario, reports)
  })
}

/** These once found bugs: a new number for a batch before a rejected one, and a batch older than the broker remembers. */
const foundBugs = [3, 26, 347]
const seeds = [...foundBugs, ...Array.from({ length: 60 }, (_, i) => 1000 + i)]

test('sixty seeds of faults: no record lost, repeated or out of order, and every reported outcome is true', async () => {
  const totals: Counts = { delivered: 0, unknown: 0, refused: 0 }
  for (const seed of seeds) {
    const counts = await simulate(seed).catch((failure) => {
      throw new Error(`seed ${seed}: ${failure.message}`, { cause: failure })
    })
    totals.delivered += counts.delivered
    totals.unknown += counts.unknown
    totals.refused += counts.refused
  }
  // The faults were real: all three kinds of outcome occurred, many times.
  expect(totals.delivered).toBeGreaterThan(3000)
  expect(totals.unknown).toBeGreaterThan(50)
  expect(totals.refused).toBeGreaterThan(50)
}, 60_000)
