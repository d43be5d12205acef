import { describe, expect, test } from 'vitest'
import type { RedriveOptions } from '../../src/index.ts'
import { append, consumerOf, value } from '../support/consuming.ts'
import { lettersIn, valuesOf } from '../support/letters.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'
import { failure } from '../support/settled.ts'

const topics = { t: 2, u: 1, dlq: 2 }

/** Dead letters in 'dlq', written as another service would. */
async function bury(scenario: Scenario, count: number, headers: Record<string, string | Buffer> = {}): Promise<void> {
  const own = { 'ottla-original-topic': 't', 'ottla-original-partition': '0', 'ottla-original-offset': '7' }
  const all = { trace: 'x', ...own, ...headers }
  const letters = Array.from({ length: count }, (_, i) => ({
    topic: 'dlq',
    partition: i % 2,
    key: `k${i}`,
    value: `v${i}`,
    headers: all,
  }))
  await scenario.kafka.producer().send(letters)
}

const moved = async (scenario: Scenario, topic = 't') => {
  const found = [
    ...(await lettersIn(scenario, topic, 0)),
    ...(topic === 't' ? await lettersIn(scenario, topic, 1) : []),
  ]
  return found.sort((a, b) => (String(a.value) < String(b.value) ? -1 : 1))
}

const redrive = ({ kafka }: Scenario, options: Partial<RedriveOptions> = {}) =>
  kafka.redrive({ from: 'dlq', ...options })

describe('redrive', () => {
  test('moves what a run has buried back to its topic, without the headers of the failure; a second call moves nothing', () =>
    onTestkit({ topics }, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      const consumer = consumerOf(scenario)
      const running = consumer.run({
        deadLetter: { topic: 'dlq', headers: 'spring' },
        each: () => {
          throw new Error('down')
        },
      })
      await scenario.advance('3s')
      await consumer.close()
      await running
      const report = await redrive(scenario)
      expect(report).toMatchObject({ moved: 2, skipped: 0, unroutable: 0, isComplete: true })
      expect([...report.movedByTopic]).toEqual([['t', 2]])
      const back = await moved(scenario)
      expect(valuesOf(back)).toEqual(['a', 'a', 'b', 'b'])
      for (const { headers } of back) expect(headers).toEqual([])
      expect(await redrive(scenario)).toMatchObject({ moved: 0, isComplete: true })
    }))

  test('keeps key, value and other headers, and reads the places of all three formats', () =>
    onTestkit({ topics: { ...topics, v: 1 } }, async (scenario) => {
      const int = Buffer.alloc(4)
      const long = Buffer.alloc(8)
      const spring = {
        'kafka_dlt-original-topic': 'u',
        'kafka_dlt-original-partition': int,
        'kafka_dlt-original-offset': long,
        'kafka_dlt-exception-message': 'no',
      }
      const connect = {
        '__connect.errors.topic': 'v',
        '__connect.errors.partition': '0',
        '__connect.errors.offset': '3',
        '__connect.errors.exception.message': 'no',
      }
      const bytes = Buffer.from([0xff, 0, 0x80])
      await bury(scenario, 1)
      await scenario.kafka.producer().send([
        { topic: 'dlq', key: bytes, value: bytes, headers: { trace: bytes, ...spring } },
        { topic: 'dlq', value: null, headers: connect },
      ])
      expect(await redrive(scenario)).toMatchObject({ moved: 3 })
      const [letter] = await moved(scenario)
      expect([letter?.key?.toString(), letter?.headers.map(({ key }) => key)]).toEqual(['k0', ['trace']])
      const [fromSpring] = await lettersIn(scenario, 'u')
      expect(fromSpring).toMatchObject({ key: bytes, value: bytes, headers: [{ key: 'trace', value: bytes }] })
      expect(await lettersIn(scenario, 'v')).toMatchObject([{ value: null, headers: [] }])
    }))

  test('moves nothing in a dry run, and says what it would move', () =>
    onTestkit({ topics }, async (scenario) => {
      await bury(scenario, 6)
      const report = await redrive(scenario, { dryRun: true })
      expect(report).toMatchObject({ moved: 6, isComplete: false })
      expect(await moved(scenario)).toEqual([])
      expect(await redrive(scenario)).toMatchObject({ moved: 6, isComplete: true })
    }))

  test('ends at the end as of its start, also while letters arrive', () =>
    onTestkit({ topics }, async (scenario) => {
      await bury(scenario, 10)
      let added = 0
      const filter = async () => {
        if (added++ < 10) await bury(scenario, 2)
        return true
      }
      expect(await redrive(scenario, { filter })).toMatchObject({ moved: 10, isComplete: true })
      expect(await redrive(scenario)).toMatchObject({ moved: 20, isComplete: true })
    }))

  test('moves at most limit letters, and the next call continues after them', () =>
    onTestkit({ topics }, async (scenario) => {
      await bury(scenario, 9)
      expect(await redrive(scenario, { limit: 4 })).toMatchObject({ moved: 4, isComplete: false })
      expect(await redrive(scenario)).toMatchObject({ moved: 5, isComplete: true })
      expect(valuesOf(await moved(scenario))).toEqual(Array.from({ length: 9 }, (_, i) => `v${i}`))
    }))

  test('moves only what the filter accepts, to the topic that a function chooses', () =>
    onTestkit({ topics }, async (scenario) => {
      await bury(scenario, 6)
      const report = await redrive(scenario, {
        filter: ({ message, original }) => original?.topic === 't' && value(message) !== 'v1',
        to: ({ message }) => (value(message) === 'v2' ? undefined : 'u'),
      })
      expect(report).toMatchObject({ moved: 4, skipped: 2, isComplete: true })
      expect(valuesOf(await moved(scenario, 'u'))).toEqual(['v0', 'v3', 'v4', 'v5'])
    }))

  test('moves at most ratePerSecond letters in a second', () =>
    onTestkit({ topics }, async (scenario) => {
      await bury(scenario, 20)
      const startMs = scenario.nowMs
      expect(await redrive(scenario, { ratePerSecond: 2 })).toMatchObject({ moved: 20 })
      expect(scenario.nowMs - startMs).toBeGreaterThanOrEqual(9_500)
      expect(scenario.nowMs - startMs).toBeLessThan(20_000)
    }))

  test('does not follow headers to a topic of Kafka, to a topic that is not allowed, to itself or to none', () =>
    onTestkit({ topics }, async (scenario) => {
      const hostile = ['__consumer_offsets', 'dlq', '../x', '', 'a'.repeat(300), 'u']
      for (const topic of hostile) await bury(scenario, 1, { 'ottla-original-topic': topic })
      await bury(scenario, 1, { 'ottla-original-partition': '-1' })
      await bury(scenario, 1, { 'ottla-original-offset': '99999999999999999999' })
      await bury(scenario, 1, { 'ottla-unreadable-last-offset': '9' })
      await bury(scenario, 1)
      expect(await redrive(scenario, { topics: ['t'] })).toMatchObject({ moved: 1, unroutable: 9, isComplete: true })
      expect(await lettersIn(scenario, 'u')).toEqual([])
    }))

  test('that fails commits what it has moved; the next call repeats little and loses nothing', () =>
    onTestkit({ topics }, async (scenario) => {
      await bury(scenario, 6)
      let calls = 0
      const producer = scenario.kafka.producer()
      const flaky = {
        send: async (record: Parameters<typeof producer.send>[0] & object) => {
          if (++calls === 4) throw new Error('refused')
          return producer.send(record as never)
        },
      }
      const error = await failure(redrive(scenario, { producer: flaky as never }))
      expect(String(error)).toMatch(/letter at offset \d+ to topic 't' failed: refused/)
      const before = (await moved(scenario)).length
      expect(before).toBeLessThan(6)
      await redrive(scenario)
      const all = valuesOf(await moved(scenario))
      expect(new Set(all).size).toBe(6)
      expect(all.length).toBeLessThan(10)
    }))

  test('shares the letters with another call at the same time, and each letter is moved', () =>
    onTestkit({ topics }, async (scenario) => {
      await bury(scenario, 40)
      const reports = await Promise.all([
        redrive(scenario, { ratePerSecond: 20 }),
        redrive(scenario, { ratePerSecond: 20 }),
      ])
      expect(reports.some(({ isComplete }) => isComplete)).toBe(true)
      const all = valuesOf(await moved(scenario))
      expect(new Set(all).size).toBe(40)
      expect(reports[0].moved + reports[1].moved).toBe(all.length)
      expect(await redrive(scenario)).toMatchObject({ moved: 0, isComplete: true })
    }))

  test('ends with its signal, and with a function that throws', () =>
    onTestkit({ topics }, async (scenario) => {
      await bury(scenario, 20)
      const stop = new AbortController()
      const running = failure(redrive(scenario, { ratePerSecond: 1, signal: stop.signal }))
      await scenario.advance('5s')
      stop.abort()
      expect(await running).toMatchObject({ code: 'ABORTED' })
      const filter = () => {
        throw new Error('a bug')
      }
      expect(String(await failure(redrive(scenario, { filter })))).toMatch(
        /'filter' of kafka.redrive\(\) failed: a bug/,
      )
      await redrive(scenario)
      expect(new Set(valuesOf(await moved(scenario))).size).toBe(20)
    }))

  test('refuses options that do not fit, and a topic that does not exist', () =>
    onTestkit({ topics }, async (scenario) => {
      const refused: [object, RegExp][] = [
        [{ from: '' }, /'from'/],
        [{ to: 'dlq' }, /'to' .* another topic/],
        [{ limit: 0 }, /'limit'/],
        [{ ratePerSecond: 0 }, /'ratePerSecond'/],
        [{ topics: 't' }, /'topics'/],
        [{ rate: 1 }, /'rate' .*does not exist/],
        [{ producer: scenario.kafka.producer({ acks: 0 }) }, /acks: 0/],
      ]
      for (const [options, message] of refused) {
        const error = await failure(redrive(scenario, options))
        expect(error).toMatchObject({ code: 'INVALID_OPTION' })
        expect(String(error)).toMatch(message)
      }
      expect(await failure(redrive(scenario, { from: 'missing' }))).toMatchObject({
        code: 'UNKNOWN_TOPIC_OR_PARTITION',
      })
    }))
})
