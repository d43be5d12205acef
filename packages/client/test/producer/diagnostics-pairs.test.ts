import { Metadata } from '@ottla/codec'
import type { FaultRule } from '@ottla/testkit'
import { expect, test } from 'vitest'
import type { KafkaError, Producer, ProducerOptions, ProducerRecord, SettledRecords } from '../../src/index.ts'
import { onTestkit, type Scenario, type ScenarioOptions } from '../support/on-testkit.ts'
import { type RecordedPairs, recordPairs } from '../support/recorded-pairs.ts'

// Random aborts, closes, kills and encode failures: each start has exactly one end, and each accepted record one result.

type Random = () => number

function randomStream(seed: number): Random {
  let state = seed * 2_654_435_761
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 0x1_0000_0000
  }
}

const below = (random: Random, limit: number) => Math.floor(random() * limit)
const oneOf = <T>(random: Random, values: readonly T[]): T => values[below(random, values.length)]!

const actions: readonly FaultRule['action'][] = [
  'hang',
  'close',
  'closeAfterWork',
  { delay: '700ms' },
  { error: 'NOT_ENOUGH_REPLICAS' },
  { error: 'POLICY_VIOLATION' },
  { error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' },
  { garbage: 30 },
]

/** Every third batch cannot be compressed. */
function failingCodec() {
  let calls = 0
  const compress = async (): Promise<Buffer> => {
    if (++calls % 3 === 0) throw new Error('the codec fails')
    return Buffer.from('not a frame')
  }
  return { gzip: () => ({ compress, decompress: async (bytes: Buffer) => bytes }) }
}

function optionsOf(random: Random): ProducerOptions {
  return {
    acks: oneOf(random, ['all', 'all', 1, 0] as const),
    maxBatchBytes: 2_048,
    maxBufferedBytes: oneOf(random, [8_000, 1 << 20]),
    lingerMs: oneOf(random, [0, 0, 20]),
    deliveryTimeoutMs: oneOf(random, [900, 5_000]),
    requestTimeoutMs: oneOf(random, [300, 3_000]),
    compression: oneOf(random, ['none', 'none', 'gzip'] as const),
  }
}

/** The records of a run by what became of them. */
class Books {
  /** Passed to calls that were not refused immediately. */
  accepted = 0
  settledByInterceptor = 0
  readonly onSettled = ({ records }: SettledRecords) => {
    this.settledByInterceptor += records
  }
}

function recordOf(random: Random): ProducerRecord {
  const topic = oneOf(random, ['t', 't', 'u', 'missing'])
  const partition = random() < 0.2 ? below(random, 4) : undefined
  return { topic, partition, value: 'x'.repeat(below(random, 700)) }
}

/** Whether the call was refused as a whole, with nothing accepted. */
function isRefusal({ code, message }: KafkaError): boolean {
  return code === 'INVALID_ARGUMENT' || (code === 'BUFFER_FULL' && !message.startsWith('Timed out'))
}

class Load {
  readonly #scenario: Scenario
  readonly #random: Random
  readonly #books: Books
  readonly #calls: Promise<unknown>[] = []

  constructor(scenario: Scenario, random: Random, books: Books) {
    this.#scenario = scenario
    this.#random = random
    this.#books = books
  }

  async run(): Promise<void> {
    const { kafka, advance } = this.#scenario
    const random = this.#random
    for (let round = 0; round < 3; round++) {
      const producer = kafka.producer({ ...optionsOf(random), interceptors: [{ onSettled: this.#books.onSettled }] })
      for (let step = 0; step < 12; step++) {
        this.#step(producer)
        if (random() < 0.6) await advance(below(random, 150))
      }
      const closing = producer.close({ timeoutMs: 1 + below(random, 1_500) })
      if (random() < 0.5) await closing
      else this.#calls.push(closing)
    }
    if (random() < 0.5) await kafka.close({ timeoutMs: 1 + below(random, 800) })
    await Promise.all(this.#calls)
  }

  #step(producer: Producer): void {
    const random = this.#random
    const kind = random()
    if (kind < 0.3) this.#enqueue(producer)
    else if (kind < 0.6) this.#send(producer, [recordOf(random)])
    else if (kind < 0.9)
      this.#send(
        producer,
        Array.from({ length: 1 + below(random, 12) }, () => recordOf(random)),
      )
    else this.#describe()
  }

  #enqueue(producer: Producer): void {
    try {
      producer.enqueue(recordOf(this.#random), this.#random() < 0.5 ? () => {} : undefined)
      this.#books.accepted++
    } catch {
      // The buffer is full.
    }
  }

  #send(producer: Producer, records: ProducerRecord[]): void {
    const sent = producer.send(records, { signal: this.#signal() })
    this.#books.accepted += records.length
    this.#calls.push(
      sent.catch((error: KafkaError) => {
        if (isRefusal(error)) this.#books.accepted -= records.length
      }),
    )
  }

  #describe(): void {
    const describing = this.#scenario.kafka.admin().describeTopics(['t'], { signal: this.#signal(), timeoutMs: 2_000 })
    this.#calls.push(describing.catch(() => {}))
  }

  /** Aborts at some time in the next 400 ms. */
  #signal(): AbortSignal | undefined {
    if (this.#random() < 0.5) return undefined
    const caller = new AbortController()
    this.#scenario.cluster.runtime.setTimer(() => caller.abort(), 1 + below(this.#random, 400))
    return caller.signal
  }
}

/** Another topic of the same name, with fewer partitions. */
async function recreate({ cluster, deleteTopic }: Pick<Scenario, 'cluster' | 'deleteTopic'>): Promise<void> {
  try {
    await deleteTopic('u')
    await cluster.createTopic({ name: 'u', partitions: 1, replicationFactor: 2 })
  } catch {
    // Too many brokers are down.
  }
}

/** Kills, pauses and restarts brokers until the load is over. */
async function disturb({ cluster, advance }: Scenario, random: Random, over: () => boolean): Promise<void> {
  while (!over()) {
    await advance(100 + below(random, 600))
    const broker = cluster.broker(1 + below(random, 2))
    if (random() < 0.5) await broker.kill()
    else broker.pause()
    await advance(below(random, 900))
    if (broker.isUp) broker.resume()
    else await broker.restart()
  }
}

async function bodiesThatFail(scenario: Scenario): Promise<void> {
  const cluster = scenario.connect()
  const body = () => {
    throw new Error('no body')
  }
  await cluster
    .findBroker()
    .then(
      (broker) => broker.request(Metadata, body),
      () => undefined,
    )
    .catch(() => {})
}

function expectPairs({ request, send, produce }: RecordedPairs): void {
  for (const pair of [request, send, produce]) {
    expect([...pair.open.values()], 'starts without an end').toEqual([])
    expect(pair.unmatched, 'ends without a start').toBe(0)
    expect(pair.ended.length).toBe(pair.started.length)
  }
}

const options: ScenarioOptions = {
  brokers: 2,
  topics: { t: 3, u: 2 },
  replicationFactor: 2,
  configs: { 'max.message.bytes': 1_500 },
  config: { 'broker.session.timeout.ms': 600 },
  onDiagnostic: () => {},
  kafka: { topicTimeoutMs: 800, requestTimeoutMs: 2_000, codecs: failingCodec() as never },
}

const seeds = Array.from({ length: 60 }, (_, seed) => seed)

test.each(seeds)('each start has one end, and each accepted record one result (seed %i)', (seed) =>
  onTestkit({ ...options, seed }, (scenario) =>
    recordPairs(async (pairs) => {
      const random = randomStream(seed)
      const books = new Books()
      const { produce } = pairs
      for (let i = 0; i < 4; i++) {
        const api = oneOf(random, ['Produce', 'Produce', 'Metadata', 'InitProducerId', 'ApiVersions'] as const)
        scenario.fault(api, oneOf(random, actions), { times: 1 + below(random, 4) })
      }
      let over = false
      const disturbing = disturb(scenario, random, () => over)
      await bodiesThatFail(scenario)
      const recreating = scenario
        .advance(below(random, 3_000))
        .then(() => recreate({ cluster: scenario.cluster, deleteTopic: (name) => scenario.deleteTopic(name) }))
      await new Load(scenario, random, books).run()
      over = true
      await Promise.all([disturbing, recreating])
      await scenario.close()
      await scenario.advance('5s')
      expectPairs(pairs)
      expect(books.settledByInterceptor).toBe(books.accepted)
      const { counters } = scenario.kafka.metrics()
      const counted = (counters['producer.records'] ?? 0) + (counters['producer.failedRecords'] ?? 0)
      expect(counted).toBe(books.accepted)
      const acknowledged = produce.ended.filter(({ result }) => result === 'acknowledged')
      expect(acknowledged.reduce((sum, { records }) => sum + records, 0)).toBe(counters['producer.records'] ?? 0)
    }),
  ),
)
