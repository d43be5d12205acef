import { type ErrorName, errorCode } from '@ottla/codec'
import { afterEach, expect, test } from 'vitest'
import { KafkaError } from '../errors.ts'
import { settle } from '../group/testing/scripted-cluster.ts'
import type { Consumer } from './consumer.ts'
import type { Message } from './message.ts'
import { closeConsumers, consumerOf, outcome } from './testing/consumers.ts'
import { ScriptedKafka } from './testing/scripted-log.ts'

afterEach(async () => expect(await closeConsumers(), 'timers left').toBe(0))

/** Numbers that depend on the seed alone. */
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

/** What the application saw: in order, nothing passed over, and again only what was not committed. */
class Witness {
  readonly next = new Map<number, number>()
  count = 0

  see({ partition, offset }: Message, committed: number): void {
    const expected = this.next.get(partition) ?? 0
    if (Number(offset) > expected) throw new Error(`partition ${partition}: ${offset} after ${expected - 1}`)
    if (Number(offset) < committed)
      throw new Error(`partition ${partition}: ${offset}, though ${committed} is committed`)
    this.next.set(partition, Math.max(expected, Number(offset) + 1))
    this.count++
  }
}

class Chaos {
  readonly kafka = new ScriptedKafka(partitions)
  readonly witness = new Witness()
  readonly consumer: Consumer
  readonly #dice: Dice
  readonly #appended = Array<number>(partitions).fill(0)
  /** Settles when the consumer is closed; rejects with what the witness complains about. */
  readonly running: Promise<void>
  closing = false

  constructor(seed: number) {
    this.#dice = new Dice(seed)
    const assignors = [['range'], ['cooperative-sticky']] as const
    this.consumer = consumerOf(this.kafka, {
      assignors: assignors[seed % 2]!,
      commit: { intervalMs: 300, count: 7 },
      sessionTimeoutMs: 6_000,
      heartbeatIntervalMs: 500,
      revokeGraceMs: 1_000,
      maxBufferedBytes: 4_000,
      partitionMaxBytes: 500,
    })
    for (const log of this.kafka.partitions) log.perFetch = 1 + (seed % 3)
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
    this.witness.see(message, this.kafka.committedAt(message.partition) ?? 0)
    if (this.#dice.below(4) > 0) return undefined
    const { runtime } = this.kafka
    const pauseMs = this.#dice.below(700)
    return new Promise((resolve) => runtime.setTimer(resolve, pauseMs))
  }

  readonly #faults: (() => void)[] = [
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
    () => this.#commitRefused(),
    () => this.#fetchRefused('NOT_LEADER_OR_FOLLOWER'),
    () => this.#fetchRefused('UNKNOWN_TOPIC_ID'),
    () => this.#pause(),
    () => this.#resume(),
    () => this.kafka.changed(),
  ]

  async step(): Promise<void> {
    for (let i = this.#dice.below(4); i > 0; i--) this.#append()
    if (this.#dice.below(3) === 0) this.#faults[this.#dice.below(this.#faults.length)]!()
    await this.kafka.runtime.advance(this.#dice.below(600))
    this.#checkCommits()
  }

  /** No faults any more: whatever was appended must arrive, and be committed. */
  async comeToRest(): Promise<void> {
    this.kafka.once.clear()
    for (const log of this.kafka.partitions) log.error = undefined
    this.#resume()
    for (let i = 0; i < 60 && !this.#complete(); i++) await this.kafka.runtime.advance(5_000)
    await settle()
    expect(await outcome(this.running)).toBe('pending')
    for (let partition = 0; partition < partitions; partition++) {
      expect(this.witness.next.get(partition) ?? 0, `partition ${partition}`).toBe(this.#appended[partition])
      if (this.#appended[partition]! > 0) expect(this.kafka.committedAt(partition)).toBe(this.#appended[partition])
    }
  }

  #complete(): boolean {
    return this.#appended.every((count, partition) => count === (this.kafka.committedAt(partition) ?? 0))
  }

  #append(): void {
    const partition = this.#dice.below(partitions)
    const count = 1 + this.#dice.below(5)
    const gzip = this.#dice.below(3) === 0
    this.kafka.partitions[partition]!.append(Array<string>(count).fill('x'.repeat(50)), { gzip })
    this.#appended[partition]! += count
    this.kafka.appended()
  }

  #refuse(api: string, name: ErrorName): void {
    const empty = { assignment: new Uint8Array(0), memberId: '', members: [] }
    this.kafka.next(api, () => ({ ...empty, errorCode: errorCode(name) }))
  }

  #lose(api: string): void {
    this.kafka.next(api, () => {
      throw new KafkaError('CONNECTION_LOST', 'on the way', { retriable: true, outcome: 'unknown' })
    })
  }

  #commitRefused(): void {
    const codes: ErrorName[] = ['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'NOT_COORDINATOR']
    const code = errorCode(codes[this.#dice.below(codes.length)]!)
    this.kafka.next('OffsetCommit', (body) => {
      const topics = body.topics as { name: string; partitions: { partitionIndex: number }[] }[]
      return {
        topics: topics.map(({ name, partitions: list }) => ({
          name,
          partitions: list.map(({ partitionIndex }) => ({ partitionIndex, errorCode: code })),
        })),
      }
    })
  }

  #fetchRefused(name: ErrorName): void {
    const log = this.kafka.partitions[this.#dice.below(partitions)]!
    log.error = name
    this.kafka.appended()
    this.kafka.runtime.setTimer(() => {
      log.error = undefined
    }, 300)
  }

  #pause(): void {
    const [first] = this.consumer.assignment()
    if (first !== undefined) this.consumer.pause([first])
  }

  #resume(): void {
    this.consumer.resume(this.consumer.paused())
  }

  #checkCommits(): void {
    for (let partition = 0; partition < partitions; partition++) {
      const committed = this.kafka.committedAt(partition) ?? 0
      expect(committed, `commit of partition ${partition}`).toBeLessThanOrEqual(this.witness.next.get(partition) ?? 0)
    }
  }
}

test.each(Array.from({ length: 40 }, (_, seed) => [seed]))(
  'whatever happens meanwhile, each record is handled in order and none is passed over: seed %i',
  async (seed) => {
    const chaos = new Chaos(seed)
    for (let i = 0; i < 40; i++) await chaos.step()
    await chaos.comeToRest()
    expect(chaos.witness.count).toBeGreaterThan(10)
    chaos.closing = true
    const closed = chaos.consumer.close()
    await chaos.kafka.runtime.advance(20_000)
    await closed
    await chaos.running
  },
)
