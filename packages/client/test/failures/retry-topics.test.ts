import { Heartbeat } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import {
  type ConsumerOptions,
  type HandlerContext,
  Kafka,
  type Message,
  type RetryTopic,
  type RunOptions,
  silentLogger,
} from '../../src/index.ts'
import { append, committedAt, consumerOf, value } from '../support/consuming.ts'
import { headersOf, lettersIn, valuesOf } from '../support/letters.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'
import { failure, outcome } from '../support/settled.ts'

const topics = { t: 1, 'retry-1m': 1, 'retry-5m': 1, dlq: 1 }
const minute = 60_000
const retryTopics: readonly RetryTopic[] = [
  { topic: 'retry-1m', delayMs: minute },
  { topic: 'retry-5m', delayMs: 5 * minute },
]

interface Call {
  readonly value: string | undefined
  readonly topic: string
  readonly atMs: number
  readonly retry: HandlerContext['retry']
}

/** A run whose handler calls are recorded. */
function start(
  scenario: Scenario,
  fails: (message: Message, calls: readonly Call[]) => boolean,
  options: Partial<RunOptions> = {},
  consumerOptions: Partial<ConsumerOptions> = {},
) {
  const consumer = consumerOf(scenario, { maxWaitMs: 5_000, ...consumerOptions })
  const calls: Call[] = []
  const running = consumer.run({
    retryTopics,
    deadLetter: { topic: 'dlq' },
    each: (message, { retry }) => {
      calls.push({ value: value(message), topic: message.topic, atMs: scenario.nowMs, retry })
      if (fails(message, calls)) throw new Error(`not yet: ${value(message)}`)
    },
    ...options,
  })
  const close = async () => {
    await consumer.close()
    await running
  }
  return { consumer, calls, running, close }
}

const bad = (message: Message) => value(message) === 'bad'

describe('a message in a retry topic', () => {
  test('is handled again after the delay of each topic, and then becomes a dead letter; others do not wait', () =>
    onTestkit({ topics }, async (scenario) => {
      await append(scenario, 0, ['bad', 'b'])
      const { consumer, calls, close } = start(scenario, bad)
      const delayed: number[] = []
      consumer.on('delayed', ({ dueMs }) => delayed.push(dueMs))
      await scenario.advance('2s')
      expect(calls.map(({ value: text, topic }) => `${topic} ${text}`)).toEqual(['t bad', 't b'])
      expect(committedAt(scenario), 'not yet').toBe(0)
      await scenario.advance('5s')
      expect(committedAt(scenario)).toBe(2)
      await scenario.advance(8 * minute)
      expect(calls.map(({ topic }) => topic)).toEqual(['t', 't', 'retry-1m', 'retry-5m'])
      const [first, , second, third] = calls
      expect(second!.atMs - first!.atMs).toBeGreaterThanOrEqual(minute - 1)
      expect(second!.atMs - first!.atMs).toBeLessThan(minute + 2_000)
      expect(third!.atMs - second!.atMs).toBeGreaterThanOrEqual(5 * minute - 1)
      expect(third!.atMs - second!.atMs).toBeLessThan(5 * minute + 2_000)
      expect(delayed).toHaveLength(2)
      const [letter, ...more] = await lettersIn(scenario, 'dlq')
      expect(more).toEqual([])
      expect(headersOf(letter!)).toMatchObject({
        'ottla-original-topic': 't',
        'ottla-original-offset': '0',
        'ottla-group': 'g',
        'ottla-attempts': '3',
      })
      expect(headersOf(letter!)['ottla-retry-due']).toBeUndefined()
      await close()
    }))

  test('shows its handler where it was read first, and how many calls have failed', () =>
    onTestkit({ topics }, async (scenario) => {
      await append(scenario, 0, ['a', 'bad'])
      const { calls, close } = start(scenario, (message, all) => bad(message) && all.length < 4, {
        retry: { attempts: 2, backoffMs: [10, 10] },
      })
      await scenario.advance(2 * minute)
      expect(calls.map(({ topic }) => topic)).toEqual(['t', 't', 't', 'retry-1m'])
      expect(calls[0]!.retry).toBeUndefined()
      expect(calls[3]!.retry).toMatchObject({ attempts: 2, original: { topic: 't', partition: 0, offset: 1n } })
      expect(await lettersIn(scenario, 'dlq')).toEqual([])
      await close()
    }))

  test('keeps its key, its value and its headers on the way', () =>
    onTestkit({ topics }, async (scenario) => {
      const bytes = Buffer.from([0xff, 0, 0xfe])
      const headers = [{ key: 'trace', value: bytes }]
      await scenario.kafka.producer().send({ topic: 't', key: bytes, value: bytes, headers })
      const { close } = start(scenario, () => true)
      await scenario.advance(7 * minute)
      const [letter] = await lettersIn(scenario, 'dlq')
      expect([letter!.key, letter!.value, letter!.headers[0]]).toEqual([bytes, bytes, headers[0]])
      const names = letter!.headers.map(({ key }) => key)
      expect(new Set(names).size, 'each description once').toBe(names.length)
      await close()
    }))

  test('is no processing time while it waits: heartbeats continue, and no member is evicted or reported as stuck', () =>
    onTestkit({ topics }, async (scenario) => {
      await append(scenario, 0, ['bad'])
      const { consumer, calls, close } = start(
        scenario,
        bad,
        {},
        { maxProcessingMs: minute, sessionTimeoutMs: 6_000, heartbeatIntervalMs: 2_000 },
      )
      const trouble: unknown[] = []
      consumer.on('stuck', (event) => trouble.push(event))
      consumer.on('stalled', (event) => trouble.push(event))
      await scenario.advance(4 * minute)
      expect(trouble).toEqual([])
      expect(calls).toHaveLength(2)
      expect(scenario.kafka.health().status).toBe('healthy')
      const beats = scenario.seen(Heartbeat).filter(({ body }) => body.groupId === 'g-retry-5m')
      expect(beats.length).toBeGreaterThan(100)
      await scenario.advance(4 * minute)
      expect(calls).toHaveLength(3)
      await close()
    }))

  test('delays those behind it by nothing but their own delay', () =>
    onTestkit({ topics }, async (scenario) => {
      const { calls, close } = start(scenario, ({ topic }) => topic === 't')
      for (let i = 0; i < 5; i++) {
        await append(scenario, 0, [`v${i}`])
        await scenario.advance('10s')
      }
      await scenario.advance(2 * minute)
      const firsts = calls.filter(({ topic }) => topic === 't')
      const seconds = calls.filter(({ topic }) => topic === 'retry-1m')
      expect(seconds.map((call) => call.value)).toEqual(['v0', 'v1', 'v2', 'v3', 'v4'])
      for (const [i, { atMs }] of seconds.entries()) {
        expect(Math.abs(atMs - firsts[i]!.atMs - minute)).toBeLessThan(2_000)
      }
      await close()
    }))

  test('waits for the rest of its time after a rebalance or a restart, not again from the start', () =>
    onTestkit({ topics }, async (scenario) => {
      await append(scenario, 0, ['bad'])
      const first = start(scenario, bad)
      await scenario.advance('40s')
      await first.close()
      const second = start(scenario, () => false)
      await scenario.advance('25s')
      expect(second.calls.map(({ topic }) => topic)).toEqual(['retry-1m'])
      await second.close()
    }))

  test('is not skipped when its member dies while it waits', () =>
    onTestkit({ topics }, async (scenario) => {
      await append(scenario, 0, ['bad'])
      const first = start(scenario, bad)
      await scenario.advance('10s')
      await scenario.kafka.close({ timeoutMs: 1 })
      await first.running.catch(() => {})
      const { bootstrap: brokers, runtime } = scenario.cluster
      const kafka = new Kafka({ brokers, runtime, logger: silentLogger })
      const calls: unknown[] = []
      const consumer = kafka.consumer({ groupId: 'g', topics: ['t'], offsetReset: 'earliest' })
      const running = consumer.run({ retryTopics, each: (message) => void calls.push(message.topic) })
      await scenario.advance(2 * minute)
      expect(calls.filter((topic) => topic === 'retry-1m')).toHaveLength(1)
      await kafka.close()
      await running
    }))

  test("that is stored before its topic is read is not skipped, although the consumer starts at 'latest'", () =>
    onTestkit({ topics }, async (scenario) => {
      // The group of the retry topic finds its coordinator late.
      scenario.fault(
        'FindCoordinator',
        { error: 'COORDINATOR_NOT_AVAILABLE' },
        { times: 20 },
        {
          when: ({ coordinatorKeys, key }) => [...(coordinatorKeys ?? []), key].includes('g-retry-1m'),
        },
      )
      const { consumer, calls, close } = start(scenario, bad, {}, { offsetReset: 'latest' })
      await consumer.ready()
      await append(scenario, 0, ['bad'])
      await scenario.advance('5s')
      expect(await lettersIn(scenario, 'retry-1m')).toHaveLength(1)
      await scenario.advance(2 * minute)
      expect(calls.map(({ topic }) => topic)).toEqual(['t', 'retry-1m'])
      await close()
    }))

  test('for which retryIf refuses another attempt becomes a dead letter without any wait', () =>
    onTestkit({ topics }, async (scenario) => {
      await append(scenario, 0, ['bad'])
      const { close } = start(scenario, bad, { retry: { attempts: 1, retryIf: () => false } })
      await scenario.advance('2s')
      expect(valuesOf(await lettersIn(scenario, 'dlq'))).toEqual(['bad'])
      expect(await lettersIn(scenario, 'retry-1m')).toEqual([])
      await close()
    }))
})

describe('hostile headers of a retry topic', () => {
  const forged = (headers: Record<string, string>) => ({ topic: 'retry-1m', value: 'forged', headers })

  test('cannot make a record wait longer than the delay of its topic', () =>
    onTestkit({ topics }, async (scenario) => {
      const far = String(Number.MAX_SAFE_INTEGER)
      await scenario.kafka
        .producer()
        .send([forged({ 'ottla-retry-due': far }), forged({ 'ottla-retry-due': far }), forged({})])
      const { calls, close } = start(scenario, () => false)
      await scenario.advance('59s')
      expect(calls).toEqual([])
      await scenario.advance('3s')
      // The second one is seen only when the first was handled.
      expect(calls).toHaveLength(1)
      await scenario.advance(minute + 2_000)
      expect(calls).toHaveLength(3)
      await close()
    }))

  test('cannot send it in circles, fake its place or its attempts, or hold up its handler', () =>
    onTestkit({ topics }, async (scenario) => {
      const hostile = [
        { 'ottla-attempts': '-5', 'ottla-original-topic': '__consumer_offsets', 'ottla-original-offset': '1e9' },
        { 'ottla-attempts': '99999999999999999999999', 'ottla-original-partition': '4294967296' },
        { 'ottla-attempts': 'NaN', 'ottla-original-topic': '../../etc', 'ottla-original-partition': '-1' },
        { 'ottla-attempts': '9'.repeat(100_000) },
      ]
      await scenario.kafka.producer().send(hostile.map((headers) => forged({ 'ottla-retry-due': '0', ...headers })))
      const { calls, close } = start(scenario, () => true)
      await scenario.advance(9 * minute)
      expect(calls.filter(({ topic }) => topic === 'retry-1m')).toHaveLength(4)
      expect(calls.filter(({ topic }) => topic === 'retry-5m')).toHaveLength(4)
      for (const [i, { retry }] of calls.slice(0, 4).entries()) {
        expect(retry).toMatchObject({ attempts: 0, original: { topic: 'retry-1m', partition: 0, offset: BigInt(i) } })
      }
      const letters = await lettersIn(scenario, 'dlq')
      expect(letters.map((letter) => headersOf(letter)['ottla-attempts'])).toEqual(['2', '2', '2', '2'])
      await close()
    }))

  test('with a number of attempts beyond any policy are clamped', () =>
    onTestkit({ topics }, async (scenario) => {
      await scenario.kafka.producer().send(forged({ 'ottla-retry-due': '0', 'ottla-attempts': '1000000' }))
      const { close } = start(scenario, () => true)
      await scenario.advance(7 * minute)
      const [letter] = await lettersIn(scenario, 'dlq')
      expect(headersOf(letter!)['ottla-attempts']).toBe('1000000')
      await close()
    }))
})

describe('a run with retry topics', () => {
  test('rejects when a message cannot be stored in one, and commits nothing', () =>
    onTestkit({ topics: { t: 1, dlq: 1, 'retry-5m': 1 } }, async (scenario) => {
      await append(scenario, 0, ['bad'])
      const { consumer, running } = start(scenario, bad)
      const error = await failure(running)
      expect(error).toMatchObject({ code: 'HANDLER_FAILED', topic: 't', offset: 0n })
      expect(error.hint).toMatch(/Create the topic 'retry-1m'/)
      await consumer.close()
      expect(committedAt(scenario)).toBe(0)
    }))

  test('rejects when the last attempts fail without a dead letter topic, and the message stays in its topic', () =>
    onTestkit({ topics }, async (scenario) => {
      await append(scenario, 0, ['bad'])
      const options = { deadLetter: undefined, retryTopics: retryTopics.slice(0, 1) }
      const { consumer, running } = start(scenario, bad, options)
      const failing = failure(running)
      await scenario.advance(2 * minute)
      expect(await failing).toMatchObject({ code: 'HANDLER_FAILED', topic: 'retry-1m', offset: 0n })
      const again = start(scenario, () => false, options, {})
      await consumer.close()
      await scenario.advance(minute)
      expect(again.calls.map(({ topic }) => topic)).toEqual(['retry-1m'])
      await again.close()
    }))

  test('does not send a dead letter to a topic that it reads: the message would be read again and again', () =>
    onTestkit({ topics }, async (scenario) => {
      await append(scenario, 0, ['bad'])
      const deadLetter = { topic: () => 't' }
      const { running } = start(scenario, bad, { deadLetter, retryTopics: [{ topic: 'retry-1m', delayMs: 1_000 }] })
      const failing = failure(running)
      await scenario.advance('10s')
      expect(await failing).toMatchObject({ code: 'HANDLER_FAILED', topic: 'retry-1m' })
    }))

  test('ends with its signal, with close and with the client, and leaves no consumer behind', () =>
    onTestkit({ topics }, async (scenario) => {
      await append(scenario, 0, ['bad'])
      const stop = new AbortController()
      const first = start(scenario, bad, { signal: stop.signal })
      await scenario.advance('2s')
      stop.abort()
      await first.running
      await first.consumer.close()
      const second = start(scenario, bad)
      await scenario.advance('2s')
      await second.close()
      const third = start(scenario, bad)
      await scenario.advance('2s')
      expect(await outcome(third.running, () => scenario.advance(1))).toBe('pending')
      await scenario.kafka.close()
      await third.running
      expect(scenario.cluster.groups().every(({ members }) => members.length === 0)).toBe(true)
    }))

  test('may be closed by a handler of a retry topic, whose message is committed', () =>
    onTestkit({ topics }, async (scenario) => {
      await append(scenario, 0, ['bad'])
      const consumer = consumerOf(scenario)
      const startMs = scenario.nowMs
      await consumer.run({
        retryTopics,
        each: async (message) => {
          if (message.topic === 't') throw new Error('later')
          await consumer.close()
        },
      })
      await consumer.close()
      expect(scenario.nowMs - startMs).toBeLessThan(minute + 4_000)
      const group = scenario.cluster.groups().find(({ groupId }) => groupId === 'g-retry-1m')
      expect(group?.offsets.map(({ offset }) => Number(offset))).toEqual([1])
    }))

  test('reports the retries of all its consumers', () =>
    onTestkit({ topics }, async (scenario) => {
      await append(scenario, 0, ['bad'])
      const { consumer, close } = start(scenario, bad, { retry: { attempts: 2, backoffMs: [10, 10] } })
      const retried: string[] = []
      consumer.on('retry', ({ topic, attempt }) => retried.push(`${topic} ${attempt}`))
      await scenario.advance(7 * minute)
      expect(retried).toEqual(['t 1', 'retry-1m 1', 'retry-5m 1'])
      await close()
    }))

  test('refuses options that do not fit', () =>
    onTestkit({ topics }, async (scenario) => {
      const each = () => {}
      const refused: [Partial<RunOptions>, Partial<ConsumerOptions>, RegExp][] = [
        [{ retryTopics: [] }, {}, /'retryTopics'/],
        [{ retryTopics: [{ topic: 'r', delayMs: 0 }] }, {}, /'retryTopics\[0\].delayMs'/],
        [{ retryTopics: [{ topic: 't', delayMs: 1 }] }, {}, /'retryTopics\[0\].topic' .* this consumer reads/],
        [{ retryTopics: [...retryTopics, ...retryTopics] }, {}, /'retryTopics\[2\].topic' .* listed twice/],
        [{ retryTopics, deadLetter: { topic: 'retry-1m' } }, {}, /is one of the retry topics/],
        [{ retryTopics, each: undefined, eachBatch: each }, {}, /needs 'each'/],
        [{ retryTopics }, { commit: 'manual' }, /automatic commits/],
        [
          { retryTopics },
          { groupId: undefined, topics: undefined, assign: [{ topic: 't', partition: 0 }] } as never,
          /groupId/,
        ],
      ]
      for (const [options, consumerOptions, message] of refused) {
        const error = await failure(consumerOf(scenario, consumerOptions).run({ each, ...options } as RunOptions))
        expect(error).toMatchObject({ code: 'INVALID_OPTION' })
        expect(String(error)).toMatch(message)
      }
    }))
})
