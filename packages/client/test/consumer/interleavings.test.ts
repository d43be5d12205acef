import type { ErrorName } from '@ottla/codec'
import type { FaultRule } from '@ottla/testkit'
import { expect, test } from 'vitest'
import type { Consumer, Message } from '../../src/index.ts'
import { append, committedAt } from '../support/consuming.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'
import { outcome } from '../support/settled.ts'

/** Numbers that follow from the seed alone. */
class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed * 2_654_435_761 + 1
  }

  below(limit: number): number {
    this.#state = (Math.imul(this.#state ^ (this.#state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) | 0
    return (this.#state >>> 8) % limit
  }
}

const partitions = 3

/** What the application receives: in order, no offset skipped, and only uncommitted offsets again. */
class Witness {
  readonly next = new Map<number, number>()
  count = 0

  see({ partition, offset }: Message, committed: number): void {
    const expected = this.next.get(partition) ?? 0
    if (Number(offset) > expected) throw new Error(`partition ${partition}: ${offset} after ${expected - 1}`)
    if (Number(offset) < committed) {
      throw new Error(`partition ${partition}: ${offset}, although ${committed} is committed`)
    }
    this.next.set(partition, Math.max(expected, Number(offset) + 1))
    this.count++
  }
}

type FaultedApi = 'Heartbeat' | 'JoinGroup' | 'SyncGroup' | 'Fetch' | 'OffsetCommit' | 'OffsetFetch' | 'ListOffsets'

class Chaos {
  readonly witness = new Witness()
  readonly consumer: Consumer
  readonly #scenario: Scenario
  readonly #dice: Dice
  readonly #appended = Array<number>(partitions).fill(0)
  /** Settles when the consumer is closed; rejects with what the witness reports. */
  readonly running: Promise<void>
  closing = false
  #otherTopics = 0

  constructor(scenario: Scenario, seed: number) {
    this.#scenario = scenario
    this.#dice = new Dice(seed)
    const assignors = [['range'], ['cooperative-sticky']] as const
    this.consumer = scenario.kafka.consumer({
      groupId: 'g',
      topics: ['t', /^other-/],
      offsetReset: 'earliest',
      assignors: assignors[seed % 2]!,
      commit: { intervalMs: 300, count: 7 },
      sessionTimeoutMs: 2_000,
      heartbeatIntervalMs: 500,
      revokeGraceMs: 1_000,
      maxWaitMs: 2_000,
      maxBufferedBytes: 4_000,
      // One batch, a few, or as many as there are.
      partitionMaxBytes: [1, 500, 5_000][seed % 3]!,
    })
    this.running = this.#read(seed)
    this.running.catch(() => {})
  }

  async #read(seed: number): Promise<void> {
    const { consumer } = this
    const way = (seed >> 1) % 4
    if (way === 0) await consumer.run({ concurrency: { limit: 1 + (seed % 3) }, each: (one) => this.#handle(one) })
    if (way === 1) for await (const message of consumer) await this.#handle(message)
    if (way === 2) for await (const batch of consumer.batches()) for (const one of batch) await this.#handle(one)
    if (way === 3) await this.#poll()
  }

  async #poll(): Promise<void> {
    while (!this.closing) {
      for (const message of await this.consumer.poll({ maxRecords: 4, timeoutMs: 200 })) await this.#handle(message)
    }
  }

  #handle(message: Message): Promise<void> | undefined {
    this.witness.see(message, committedAt(this.#scenario, message.partition) ?? 0)
    if (this.#dice.below(4) > 0) return undefined
    return this.#scenario.advance(this.#dice.below(700))
  }

  readonly #faults: (() => unknown)[] = [
    () => this.#refuse('Heartbeat', 'REBALANCE_IN_PROGRESS'),
    () => this.#refuse('Heartbeat', 'UNKNOWN_MEMBER_ID'),
    () => this.#refuse('Heartbeat', 'ILLEGAL_GENERATION'),
    () => this.#refuse('Heartbeat', 'NOT_COORDINATOR'),
    () => this.#refuse('JoinGroup', 'COORDINATOR_NOT_AVAILABLE'),
    () => this.#refuse('SyncGroup', 'REBALANCE_IN_PROGRESS'),
    () => this.#lose('SyncGroup'),
    () => this.#lose('Fetch'),
    () => this.#lose('OffsetCommit'),
    () => this.#lose('OffsetFetch'),
    () => this.#lose('ListOffsets'),
    () => this.#refuseCommit(),
    () => this.#refuseFetch('NOT_LEADER_OR_FOLLOWER'),
    () => this.#refuseFetch('UNKNOWN_TOPIC_ID'),
    () => this.#pause(),
    () => this.#resume(),
    () => this.#changeMetadata(),
  ]

  async step(): Promise<void> {
    for (let i = this.#dice.below(4); i > 0; i--) await this.#append()
    if (this.#dice.below(3) === 0) await this.#faults[this.#dice.below(this.#faults.length)]!()
    await this.#scenario.advance(this.#dice.below(600))
    this.#checkCommits()
  }

  /** Without faults everything that was appended must be delivered and committed. */
  async comeToRest(): Promise<void> {
    this.#scenario.cluster.faults.clear()
    this.#resume()
    for (let i = 0; i < 300 && !this.#complete(); i++) {
      await this.#scenario.advance('1s')
      this.#checkCommits()
    }
    expect(await outcome(this.running, () => this.#scenario.advance(1))).toBe('pending')
    for (let partition = 0; partition < partitions; partition++) {
      const appended = this.#appended[partition]!
      expect(this.witness.next.get(partition) ?? 0, `partition ${partition}`).toBe(appended)
      if (appended > 0) expect(committedAt(this.#scenario, partition)).toBe(appended)
    }
  }

  #complete(): boolean {
    return this.#appended.every((count, partition) => count === (committedAt(this.#scenario, partition) ?? 0))
  }

  async #append(): Promise<void> {
    const partition = this.#dice.below(partitions)
    const count = 1 + this.#dice.below(5)
    const gzip = this.#dice.below(3) === 0
    await append(this.#scenario, partition, Array<string>(count).fill('x'.repeat(50)), { gzip })
    this.#appended[partition]! += count
  }

  #refuse(api: FaultedApi, error: ErrorName): void {
    this.#scenario.fault(api, { error }, 'once')
  }

  /** The request or its response is lost with the connection. */
  #lose(api: FaultedApi): void {
    const action: FaultRule['action'] = this.#dice.below(2) === 0 ? 'close' : 'closeAfterWork'
    this.#scenario.fault(api, action, 'once')
  }

  #refuseCommit(): void {
    const codes: ErrorName[] = ['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'NOT_COORDINATOR']
    this.#refuse('OffsetCommit', codes[this.#dice.below(codes.length)]!)
  }

  #refuseFetch(error: ErrorName): void {
    const partition = this.#dice.below(partitions)
    this.#scenario.fault('Fetch', { error }, { until: '300ms' }, { topic: 't', partition })
  }

  #pause(): void {
    const [first] = this.consumer.assignment()
    if (first !== undefined) this.consumer.pause([first])
  }

  #resume(): void {
    for (let partition = 0; partition < partitions; partition++) this.consumer.resume([{ topic: 't', partition }])
  }

  /** One more topic of the pattern: the member joins again. */
  async #changeMetadata(): Promise<void> {
    await this.#scenario.cluster.createTopic({ name: `other-${this.#otherTopics++}`, partitions: 1 })
  }

  #checkCommits(): void {
    for (let partition = 0; partition < partitions; partition++) {
      const committed = committedAt(this.#scenario, partition) ?? 0
      const handled = this.witness.next.get(partition) ?? 0
      if (committed > handled) throw new Error(`partition ${partition}: committed ${committed}, handled ${handled}`)
    }
  }
}

test.each(Array.from({ length: 40 }, (_, seed) => [seed]))(
  'under faults each record is handled in order and none is skipped: seed %i',
  (seed) => {
    const config = { 'group.min.session.timeout.ms': 500 }
    const kafka = { metadataMaxAgeMs: 1_000 }
    return onTestkit({ seed, traffic: false, topics: { t: partitions }, config, kafka }, async (scenario) => {
      const chaos = new Chaos(scenario, seed)
      for (let i = 0; i < 40; i++) await chaos.step()
      await chaos.comeToRest()
      expect(chaos.witness.count).toBeGreaterThan(10)
      chaos.closing = true
      await chaos.consumer.close()
      await chaos.running
    })
  },
)
