import { expect, test } from 'vitest'
import type { Consumer } from '../../src/index.ts'
import { consumerOf, value } from '../support/consuming.ts'
import { lettersIn, valuesOf } from '../support/letters.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'

/** `OTTLA_SEEDS=500` for a long run. */
const seeds = Number(process.env.OTTLA_SEEDS ?? 3)
const topics = { t: 2, retry: 2, dlq: 1 }
const count = 40

/** A small generator (mulberry32): a seed replays a run. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

type Random = () => number
const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)]!

/** Adds a fault for a while: a broker that refuses, is slow, loses responses or forgets a member. */
function disturb(scenario: Scenario, random: Random): () => void {
  const trigger = { times: 1 + Math.floor(random() * 3) }
  const fault = pick(random, [
    () =>
      scenario.fault(
        'Produce',
        { error: pick(random, ['NOT_LEADER_OR_FOLLOWER', 'TOPIC_AUTHORIZATION_FAILED']) },
        trigger,
      ),
    () => scenario.fault('Produce', { delay: pick(random, [500, 4_000, 9_000]) }, trigger),
    () => scenario.fault('Produce', pick(random, ['dropResponse', 'closeAfterWork', 'close'] as const), trigger),
    () => scenario.fault('Heartbeat', { error: pick(random, ['UNKNOWN_MEMBER_ID', 'REBALANCE_IN_PROGRESS']) }, trigger),
    () => scenario.fault('OffsetCommit', { error: pick(random, ['NOT_COORDINATOR', 'UNKNOWN_MEMBER_ID']) }, trigger),
    () => scenario.fault('Fetch', { error: 'NOT_LEADER_OR_FOLLOWER' }, trigger),
  ])()
  return () => fault.remove()
}

class Service {
  readonly #scenario: Scenario
  readonly #handled: Set<string>
  readonly #calls = new Map<string, number>()
  #consumer: Consumer | undefined
  #running: Promise<void> | undefined

  constructor(scenario: Scenario, handled: Set<string>) {
    this.#scenario = scenario
    this.#handled = handled
  }

  start(): void {
    const consumer = consumerOf(this.#scenario, {
      sessionTimeoutMs: 6_000,
      heartbeatIntervalMs: 500,
      revokeGraceMs: 1_000,
      maxWaitMs: 2_000,
      commit: { intervalMs: 700 },
    })
    this.#consumer = consumer
    this.#running = this.#supervise(consumer)
  }

  async stop(timeoutMs: number): Promise<void> {
    await this.#consumer?.close({ timeoutMs })
    await this.#running
  }

  /** As a supervisor does: whatever `run` rejects with, it is called again while the consumer is open. */
  async #supervise(consumer: Consumer): Promise<void> {
    let isOpen = true
    consumer.once('closed', () => {
      isOpen = false
    })
    while (isOpen) {
      const run = consumer.run({
        concurrency: { limit: 2 },
        retry: { attempts: 2, backoffMs: [50, 100] },
        retryTopics: [{ topic: 'retry', delayMs: 1_500 }],
        deadLetter: { topic: 'dlq', timeoutMs: 5_000 },
        each: (message) => this.#handle(value(message) ?? ''),
      })
      await run.catch(() => {})
      await this.#scenario.advance(200)
    }
  }

  #handle(text: string): void {
    const calls = (this.#calls.get(text) ?? 0) + 1
    this.#calls.set(text, calls)
    if (text.startsWith('bad')) throw new Error('always')
    if (text.startsWith('flaky') && calls < 4) throw new Error('not yet')
    this.#handled.add(text)
  }
}

test.each(Array.from({ length: seeds }, (_, i) => i + 1))(
  'each message is handled or a dead letter, whatever fails (seed %i)',
  (seed) =>
    onTestkit({ topics, seed }, async (scenario) => {
      const random = randomOf(seed)
      const values = Array.from({ length: count }, (_, i) => `${['ok', 'bad', 'flaky', 'ok', 'ok'][i % 5]}-${i}`)
      const writer = scenario.kafka.producer()
      await writer.send(values.map((text, i) => ({ topic: 't', partition: i % 2, value: text })))
      const handled = new Set<string>()
      const services = [new Service(scenario, handled), new Service(scenario, handled)]
      for (const service of services) service.start()
      for (let round = 0; round < 8; round++) {
        const heal = disturb(scenario, random)
        await scenario.advance(300 + random() * 4_000)
        if (random() < 0.4) {
          const service = pick(random, services)
          await service.stop(pick(random, [1, 3_000]))
          service.start()
        }
        heal()
      }
      await scenario.advance('90s')
      for (const service of services) await service.stop(5_000)

      const letters = new Set(valuesOf(await lettersIn(scenario, 'dlq')))
      const lost = values.filter((text) => !handled.has(text) && !letters.has(text))
      expect(lost).toEqual([])
      expect(values.filter((text) => text.startsWith('bad') && !letters.has(text))).toEqual([])
      for (const { groupId, offsets } of scenario.cluster.groups()) {
        if (groupId === 'g') expect(offsets.map(({ offset }) => Number(offset))).toEqual([count / 2, count / 2])
      }
    }),
)
