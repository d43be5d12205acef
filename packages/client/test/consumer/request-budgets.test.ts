import {
  type Api,
  Fetch,
  FindCoordinator,
  ListOffsets,
  Metadata,
  OffsetCommit,
  OffsetFetch,
  OffsetForLeaderEpoch,
  Produce,
} from '@ottla/codec'
import { expect, test } from 'vitest'
import type { Consumer } from '../../src/index.ts'
import { consumerOf } from '../support/consuming.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'
import { batchOf } from '../support/record-batches.ts'

const partitionCount = 1_000
const brokers = [1, 2, 3]

/** The requests that brokers received while `act` ran, and for a while after it. */
class Budget {
  readonly #scenario: Scenario
  #from = 0

  constructor(scenario: Scenario) {
    this.#scenario = scenario
  }

  async during(act: () => unknown, settleMs: number): Promise<void> {
    this.#from = this.#scenario.cluster.saw({}).reduce((last, { sequence }) => Math.max(last, sequence), -1) + 1
    await act()
    await this.#scenario.advance(settleMs)
  }

  total(api: Api): number {
    return this.#seen(api).length
  }

  /** The most requests that one broker received. */
  most(api: Api): number {
    const seen = this.#seen(api)
    return Math.max(...brokers.map((id) => seen.filter(({ node }) => node === id).length))
  }

  #seen(api: Api) {
    return this.#scenario.seen(api).filter(({ sequence }) => sequence >= this.#from)
  }
}

/** One record in each partition: one request a leader. */
async function fill(scenario: Scenario): Promise<void> {
  for (const node of brokers) {
    const partitionData = []
    for (let index = 0; index < partitionCount; index++) {
      if (scenario.cluster.partition('t', index).leader !== node) continue
      partitionData.push({ index, records: batchOf(0, ['v']) })
    }
    const body = { transactionalId: null, acks: -1, timeoutMs: 30_000, topicData: [{ name: 't', partitionData }] }
    await scenario.request(Produce, body, { node, maxVersion: 12 })
  }
}

async function readAll(consumer: Consumer): Promise<void> {
  for (let count = 0; count < partitionCount; ) {
    count += (await consumer.poll({ maxRecords: partitionCount, timeoutMs: 1_000 })).length
  }
}

const play = (act: (scenario: Scenario, budget: Budget) => Promise<void>) =>
  onTestkit({ brokers: 3, topics: { t: partitionCount }, replicationFactor: 3 }, (scenario) =>
    act(scenario, new Budget(scenario)),
  )

test('the start of 1,000 partitions costs one request a broker and kind, and so does a later start with commits', () =>
  play(async (scenario, budget) => {
    await fill(scenario)
    let consumer = consumerOf(scenario)
    await budget.during(() => consumer.ready(), 1_000)
    expect(budget.total(OffsetFetch)).toBe(1)
    expect(budget.most(ListOffsets)).toBe(1)
    // The first is refused where the internal topic of the offsets is still being created.
    expect(budget.total(FindCoordinator)).toBeLessThanOrEqual(2)
    expect(budget.total(Metadata)).toBeLessThanOrEqual(2)
    // The start that each response of ListOffsets names is committed immediately: at most one for each leader.
    expect(budget.total(OffsetCommit)).toBeLessThanOrEqual(brokers.length)
    expect(budget.most(Fetch), 'one a response, and the long polls of a second').toBeLessThanOrEqual(6)
    await readAll(consumer)
    // Marks the records of the last one.
    await consumer.poll({ timeoutMs: 0 })
    await budget.during(() => consumer.close(), 0)
    expect(budget.total(OffsetCommit)).toBe(1)
    consumer = consumerOf(scenario)
    await budget.during(() => consumer.ready(), 1_000)
    expect(budget.total(OffsetFetch)).toBe(1)
    expect(budget.total(ListOffsets), 'the commits are the positions').toBe(0)
    expect(budget.most(OffsetForLeaderEpoch)).toBeLessThanOrEqual(1)
    expect(budget.total(OffsetCommit)).toBe(0)
    expect(budget.most(Fetch)).toBeLessThanOrEqual(6)
    expect(budget.total(Metadata)).toBeLessThanOrEqual(1)
  }))

test('assigned partitions without a group cost one ListOffsets a broker', () =>
  play(async ({ kafka }, budget) => {
    const assign = Array.from({ length: partitionCount }, (_, partition) => ({ topic: 't', partition }))
    const consumer = kafka.consumer({ assign, offsetReset: 'earliest' })
    await budget.during(() => consumer.ready(), 1_000)
    expect(budget.most(ListOffsets)).toBe(1)
    expect(budget.total(OffsetFetch) + budget.total(FindCoordinator) + budget.total(OffsetCommit)).toBe(0)
    expect(budget.most(Fetch)).toBeLessThanOrEqual(6)
    expect(budget.total(Metadata)).toBeLessThanOrEqual(2)
  }))

test('a seek of 1,000 partitions to an end costs one ListOffsets a broker, to offsets none', () =>
  play(async (scenario, budget) => {
    await fill(scenario)
    const consumer = consumerOf(scenario)
    await readAll(consumer)
    const seekAll = (offset: bigint | 'earliest' | 'latest') => () => {
      for (const place of consumer.assignment()) consumer.seek({ ...place, offset })
    }
    for (const end of ['earliest', 'latest'] as const) {
      await budget.during(seekAll(end), 1_000)
      expect(budget.most(ListOffsets)).toBe(1)
      expect(budget.total(OffsetFetch) + budget.total(Metadata)).toBe(0)
      // Besides the long polls one late fetch for what became ready during them.
      expect(budget.most(Fetch)).toBeLessThanOrEqual(6)
    }
    await budget.during(seekAll(0n), 1_000)
    expect(budget.total(ListOffsets) + budget.total(OffsetFetch) + budget.total(Metadata)).toBe(0)
    expect(budget.most(Fetch)).toBeLessThanOrEqual(6)
    await readAll(consumer)
  }))

test('a new leader of hundreds of partitions costs one validation a broker, and so does the restart of a broker', () =>
  play(async (scenario, budget) => {
    await fill(scenario)
    const consumer = consumerOf(scenario)
    await readAll(consumer)
    await budget.during(() => scenario.cluster.broker(2).shutdown(), 3_000)
    expect(budget.most(OffsetForLeaderEpoch)).toBe(1)
    expect(budget.total(Metadata)).toBeLessThanOrEqual(3)
    expect(budget.total(ListOffsets)).toBe(0)
    expect(budget.most(Fetch), '3 s of long polls').toBeLessThanOrEqual(12)
    await budget.during(() => scenario.cluster.broker(2).restart(), 3_000)
    expect(budget.total(Metadata) + budget.total(ListOffsets)).toBeLessThanOrEqual(2)
    await fill(scenario)
    await readAll(consumer)
  }))
