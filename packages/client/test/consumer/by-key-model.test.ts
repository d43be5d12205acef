import { describe, expect, test } from 'vitest'
import { decodeAhead } from '../../src/consumer/partition/ahead-codec.ts'
import { type Consumer, type HandlerContext, Kafka, type Message } from '../../src/index.ts'
import { silentLogger } from '../../src/logger.ts'
import { append, consumerOf, value } from '../support/consuming.ts'
import { type Crashable, crashable } from '../support/crash.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'

const partitions = 2
const keys = 'abcdef'
const seeds = 6
const intervalMs = 1_000

/** Numbers below `below`, the same ones for a seed. */
function randomOf(seed: number) {
  let state = seed * 2_654_435_761
  return (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

interface Process {
  readonly crashable: Crashable
  readonly kafka: Kafka
  readonly consumer: Consumer
  /** What its handlers finished in time, to be part of its next commit. */
  readonly finished: readonly Set<number>[]
  /** Partitions and keys. */
  readonly running: Set<string>
  isUp: boolean
}

/** What the handlers saw, compared with what the coordinator has. */
class Model {
  readonly scenario: Scenario
  readonly random: (below: number) => number
  readonly violations: string[] = []
  readonly written: string[][] = Array.from({ length: partitions }, () => [])
  readonly finished = Array.from({ length: partitions }, () => new Set<number>())
  /** What the coordinator says is processed: it may never be delivered again. */
  readonly settled = Array.from({ length: partitions }, () => new Set<number>())

  constructor(scenario: Scenario, seed: number) {
    this.scenario = scenario
    this.random = randomOf(seed)
  }

  async write(): Promise<void> {
    const partition = this.random(partitions)
    const values = Array.from({ length: 1 + this.random(12) }, () => keys[this.random(keys.length)] ?? 'a')
    this.written[partition]!.push(...values)
    await append(this.scenario, partition, values, { keyOf: (text) => text })
  }

  start(): Process {
    const { cluster } = this.scenario
    const crash = crashable(cluster.runtime)
    const kafka = new Kafka({ brokers: cluster.bootstrap, runtime: crash.runtime, logger: silentLogger })
    const options = { sessionTimeoutMs: 6_000, revokeGraceMs: 500, commit: { intervalMs } } as const
    const consumer = consumerOf({ kafka } as Scenario, options)
    const process: Process = {
      ...{ crashable: crash, kafka, consumer, isUp: true },
      finished: Array.from({ length: partitions }, () => new Set<number>()),
      running: new Set(),
    }
    const concurrency = { by: 'key', limit: 1 + this.random(5), maxAhead: 3 + this.random(30) } as const
    const retry = { attempts: 100, backoffMs: [50, 400] } as const
    const running = consumer.run({
      concurrency,
      retry,
      each: (message, context) => this.#handle(process, message, context),
    })
    running.catch((error: unknown) => {
      if (process.isUp) this.violations.push(`run rejected: ${String(error)}`)
    })
    return process
  }

  async #handle(process: Process, { partition, offset: at }: Message, context: HandlerContext): Promise<void> {
    const offset = Number(at)
    const key = this.written[partition]![offset]!
    const place = `${partition}/${key}`
    if (!process.isUp) return
    if (this.settled[partition]!.has(offset)) this.violations.push(`${partition}/${offset} was delivered again`)
    if (process.running.has(place)) this.violations.push(`${place} runs twice`)
    for (let before = 0; before < offset; before++) {
      const isEarlier = this.written[partition]![before] === key && !this.finished[partition]!.has(before)
      if (isEarlier) this.violations.push(`${partition}/${offset} overtakes ${before}`)
    }
    const { signal } = context
    process.running.add(place)
    await this.sleep(this.random(10) === 0 ? 2_000 : this.random(200))
    process.running.delete(place)
    if (!process.isUp) return
    if (this.random(8) === 0) throw new Error('a transient failure')
    this.finished[partition]!.add(offset)
    if (!signal.aborted) process.finished[partition]!.add(offset)
  }

  crash(process: Process): void {
    process.isUp = false
    process.crashable.crash()
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.scenario.cluster.runtime.setTimer(resolve, Math.max(1, delayMs)))
  }

  /** Reads the commits. What was finished before `finished` was copied has to be part of them if `isComplete`. */
  async look(before?: readonly ReadonlySet<number>[]): Promise<void> {
    const { kafka } = this.scenario
    const topic = (await kafka.admin().describeTopics(['t']))[0]!
    for (const { partition, offset, metadata } of await kafka.admin().listConsumerGroupOffsets('g')) {
      const base = Number(offset)
      const settled = this.settled[partition]!
      for (let at = 0; at < base; at++) settled.add(at)
      const ahead = decodeAhead({ topic: 't', partition, topicId: topic.topicId }, base, metadata)
      if ((ahead === undefined) !== (metadata === '')) this.violations.push(`unreadable metadata ${metadata}`)
      for (const { start, end } of ahead?.runs ?? []) for (let at = start; at < end; at++) settled.add(at)
    }
    for (const [partition, settled] of this.settled.entries()) {
      for (const at of settled) {
        if (!this.finished[partition]!.has(at))
          this.violations.push(`${partition}/${at} is committed, and not finished`)
      }
      for (const at of before?.[partition] ?? []) {
        if (!settled.has(at)) this.violations.push(`${partition}/${at} was finished, and is not committed`)
      }
    }
  }

  get isDone(): boolean {
    return this.written.every((values, partition) => values.length === this.finished[partition]!.size)
  }
}

async function play(model: Model): Promise<void> {
  const { random } = model
  const processes: Process[] = []
  for (let round = 0; round < 6; round++) {
    const process = model.start()
    processes.push(process)
    await model.sleep(2_000 + random(8_000))
    for (let i = 0; i < 6; i++) {
      await model.write()
      await model.sleep(random(400))
      if (random(4) === 0) pauseForAWhile(model, process)
    }
    if (random(2) === 0) {
      const before = process.finished.map((offsets) => new Set(offsets))
      await model.sleep(intervalMs * 2)
      await model.look(before)
    }
    if (random(3) === 0) {
      const before = process.finished.map((offsets) => new Set(offsets))
      await process.consumer.close()
      process.isUp = false
      await model.look(before)
    } else model.crash(process)
    await model.look()
  }
  const last = model.start()
  processes.push(last)
  for (let i = 0; i < 200 && !model.isDone; i++) await model.sleep(1_000)
  await last.consumer.close()
  await model.look(model.finished)
  expect(model.isDone).toBe(true)
  for (const { kafka } of processes) await kafka.close({ timeoutMs: 1_000 })
}

function pauseForAWhile(model: Model, { consumer }: Process): void {
  const places = consumer.assignment().slice(0, 1)
  consumer.pause(places)
  void model.sleep(500).then(() => consumer.resume(places))
}

describe('run by key, compared with a model', () => {
  const all = Array.from({ length: seeds }, (_, i) => i + 1)
  test.each(all)(
    'keeps the order of each key, skips nothing, and repeats nothing that was committed: seed %i',
    (seed) =>
      onTestkit({ topics: { t: partitions }, seed }, async (scenario) => {
        const model = new Model(scenario, seed)
        await play(model)
        expect(model.violations).toEqual([])
      }),
  )
})

/** How long others take beside a handler of `slowMs` for one key. */
async function measure(slowMs: number, records: number, handlerMs: number): Promise<number> {
  return onTestkit({}, async (scenario) => {
    const { cluster } = scenario
    const sleep = (delayMs: number) => new Promise<void>((resolve) => cluster.runtime.setTimer(resolve, delayMs))
    // One record in a hundred is of the slow key.
    for (let at = 0; at < records; at += 1_000) {
      const values = Array.from({ length: 1_000 }, (_, i) => (i % 100 === 0 ? 'slow' : `k${(at + i) % 997}`))
      await append(scenario, 0, values, { keyOf: (text) => text })
    }
    const consumer = consumerOf(scenario)
    let others = 0
    let startedMs = -1
    let endedMs = -1
    let isSlow = slowMs > 0
    const running = consumer.run({
      concurrency: { by: 'key', limit: 64, maxAhead: 300_000 },
      each: async (message) => {
        if (startedMs < 0) startedMs = scenario.nowMs
        const text = value(message)
        const delayMs = text === 'slow' && isSlow ? slowMs : handlerMs
        if (text === 'slow') isSlow = false
        await sleep(delayMs)
        if (text !== 'slow' && ++others === records * 0.99) endedMs = scenario.nowMs
      },
    })
    while (endedMs < 0) await sleep(100)
    const tookMs = endedMs - startedMs
    await sleep(slowMs + records * 0.01 * handlerMs * 2)
    await consumer.close()
    await running
    expect(cluster.groups()[0]?.offsets.map(({ offset }) => Number(offset))).toEqual([records])
    return tookMs
  })
}

test('a key whose handler takes 30 s costs the others at most 5 % of their throughput', async () => {
  const records = 15_000
  const alone = await measure(0, records, 100)
  const beside = await measure(30_000, records, 100)
  expect(beside).toBeGreaterThan(15_000)
  expect(beside / alone).toBeLessThan(1.05)
})
