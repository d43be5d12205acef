import { Produce } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import type { Consumer, Message, RunOptions } from '../../src/index.ts'
import { append, committedAt, consumerOf, take, value } from '../support/consuming.ts'
import { headersOf, lettersIn, valuesOf } from '../support/letters.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'
import { failure, outcome } from '../support/settled.ts'

const topics = { t: 1, dlq: 1 }
const poison =
  (...bad: string[]) =>
  (message: Message) => {
    if (bad.includes(value(message) ?? '')) throw new TypeError(`cannot read ${value(message)}`)
  }

/** Runs until `count` calls of the handler have returned. */
async function runUntil(scenario: Scenario, count: number, options: RunOptions): Promise<string[]> {
  const consumer = consumerOf(scenario)
  const seen: string[] = []
  const stop = new AbortController()
  const { each } = options
  await consumer.run({
    deadLetter: { topic: 'dlq' },
    ...options,
    signal: stop.signal,
    each: async (message, context) => {
      await each?.(message, context)
      seen.push(value(message) ?? '')
      if (seen.length === count) stop.abort()
    },
  })
  await consumer.close()
  return seen
}

describe('a dead letter', () => {
  test('is sent after the last attempt; the messages behind it are handled, and the offset moves', () =>
    onTestkit({ topics }, async (scenario) => {
      await append(scenario, 0, ['a', 'bad', 'c'])
      let calls = 0
      const seen = await runUntil(scenario, 2, {
        retry: { attempts: 3, backoffMs: [10, 10] },
        each: (message) => {
          if (value(message) === 'bad') calls++
          poison('bad')(message)
        },
      })
      expect(seen).toEqual(['a', 'c'])
      expect(calls).toBe(3)
      expect(committedAt(scenario)).toBe(3)
      const [letter, ...more] = await lettersIn(scenario, 'dlq')
      expect(more).toEqual([])
      expect(headersOf(letter!)).toMatchObject({
        'ottla-original-topic': 't',
        'ottla-original-partition': '0',
        'ottla-original-offset': '1',
        'ottla-original-timestamp-type': 'CreateTime',
        'ottla-group': 'g',
        'ottla-attempts': '3',
        'ottla-error-name': 'TypeError',
        'ottla-error-message': 'cannot read bad',
      })
    }))

  test('has the key, the value and the headers of its message, byte for byte', () =>
    onTestkit({ topics }, async (scenario) => {
      const headers = [
        { key: 'trace', value: Buffer.from([0xff, 0]) },
        { key: 'trace', value: null },
        { key: 'empty', value: '' },
      ]
      const bytes = Buffer.from([0xff, 0xfe, 0, 0x80])
      await scenario.kafka.producer().send([
        { topic: 't', key: bytes, value: bytes, headers },
        { topic: 't', key: null, value: null, headers },
        { topic: 't', value: 'ok' },
      ])
      await runUntil(scenario, 1, {
        each: (message) => {
          if (value(message) !== 'ok') throw new Error('no')
        },
      })
      const letters = await lettersIn(scenario, 'dlq')
      expect(letters.map(({ key }) => key)).toEqual([bytes, null])
      expect(letters.map((letter) => letter.value)).toEqual([bytes, null])
      const kept = [
        { key: 'trace', value: Buffer.from([0xff, 0]) },
        { key: 'trace', value: null },
        { key: 'empty', value: Buffer.alloc(0) },
      ]
      for (const letter of letters) expect(letter.headers.slice(0, 3)).toEqual(kept)
    }))

  test('is not committed before it is acknowledged', () =>
    onTestkit({ topics }, async (scenario) => {
      await append(scenario, 0, ['bad', 'b'])
      const consumer = consumerOf(scenario, { commit: { intervalMs: 100 } })
      const held = scenario.fault('Produce', { delay: '20s' })
      const running = consumer.run({ each: poison('bad'), deadLetter: { topic: 'dlq' } })
      await scenario.advance('15s')
      expect(committedAt(scenario)).toBe(0)
      held.remove()
      await scenario.advance('10s')
      expect(committedAt(scenario)).toBe(2)
      await consumer.close()
      await running
    }))

  test('that fails counts as a failure of the handler: run rejects, nothing is committed, and the message comes again', () =>
    onTestkit({ topics }, async (scenario) => {
      await append(scenario, 0, ['a', 'bad'])
      const consumer = consumerOf(scenario)
      const refused = scenario.fault('Produce', { error: 'TOPIC_AUTHORIZATION_FAILED' })
      const error = await failure(consumer.run({ each: poison('bad'), deadLetter: { topic: 'dlq' } }))
      expect(error).toMatchObject({ code: 'HANDLER_FAILED', topic: 't', partition: 0, offset: 1n })
      expect(String(error)).toMatch(/cannot read bad.*dead letter to topic 'dlq' failed.*TOPIC_AUTHORIZATION_FAILED/)
      await consumer.commit()
      expect(committedAt(scenario)).toBe(1)
      refused.remove()
      expect(await take(consumer.messages(), 1)).toEqual(['bad'])
    }))

  test('for a topic that does not exist fails with a hint, and loses nothing', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['bad'])
      const consumer = consumerOf(scenario)
      const error = await failure(consumer.run({ each: poison('bad'), deadLetter: { topic: 'dlq' } }))
      expect(error).toMatchObject({ code: 'HANDLER_FAILED', hint: expect.stringMatching(/Create the topic 'dlq'/) })
      expect(await take(consumer.messages(), 1)).toEqual(['bad'])
    }))

  test('waits for a broker that is down, up to its timeout; then the message is undone', () =>
    onTestkit({ topics, brokers: 1 }, async (scenario) => {
      await append(scenario, 0, ['bad'])
      const consumer = consumerOf(scenario)
      scenario.fault('Produce', 'hang')
      const startMs = scenario.nowMs
      const deadLetter = { topic: 'dlq', timeoutMs: 7_000 }
      const error = await failure(consumer.run({ each: poison('bad'), deadLetter }))
      expect(error).toMatchObject({ code: 'HANDLER_FAILED', offset: 0n })
      expect(scenario.nowMs - startMs).toBeGreaterThanOrEqual(7_000)
      expect(scenario.nowMs - startMs).toBeLessThan(12_000)
      expect(await take(consumer.messages(), 1)).toEqual(['bad'])
    }))

  test('is stored once when the leader of its topic returns after an outage; nothing is committed before', () =>
    onTestkit({ topics: { t: 2, dlq: 2 }, brokers: 2 }, async (scenario) => {
      const [topic] = await scenario.kafka.admin().describeTopics(['dlq'])
      // Another broker than that of the messages: only the dead letter waits.
      const own = scenario.cluster.partition('t', 0).leader
      const place = topic!.partitions.find(({ leader }) => leader !== own)!
      await append(scenario, 0, ['bad', 'b'])
      const { kafka } = scenario
      const consumer = kafka.consumer({ groupId: 'g', assign: [{ topic: 't', partition: 0, offset: 'earliest' }] })
      scenario.cluster.broker(place.leader).kill()
      const running = consumer.run({
        each: poison('bad'),
        deadLetter: { topic: () => ({ topic: 'dlq', partition: place.partition }), timeoutMs: 30_000 },
      })
      await scenario.advance('12s')
      expect(committedAt(scenario)).toBe(0)
      await scenario.cluster.broker(place.leader).restart()
      await scenario.advance('15s')
      await consumer.close()
      await running
      expect(valuesOf(await lettersIn(scenario, 'dlq', place.partition))).toEqual(['bad'])
      expect(committedAt(scenario)).toBe(2)
    }))

  test('that was stored before a crash is stored again by the next member: a duplicate, and no loss', () =>
    onTestkit({ topics }, async (scenario) => {
      await append(scenario, 0, ['bad', 'b'])
      const first = consumerOf(scenario, { commit: { intervalMs: 60_000 } })
      const stored = new Promise<void>((resolve) => first.once('deadLettered', () => resolve()))
      const running = first.run({ each: poison('bad'), deadLetter: { topic: 'dlq' } })
      await stored
      // As a crash between the acknowledgement and the commit.
      scenario.fault('OffsetCommit', { error: 'UNKNOWN_MEMBER_ID' }, 'once')
      await first.close({ timeoutMs: 1_000 })
      await running
      expect(committedAt(scenario)).toBe(0)
      expect(await runUntil(scenario, 1, { each: poison('bad') })).toEqual(['b'])
      expect(valuesOf(await lettersIn(scenario, 'dlq'))).toEqual(['bad', 'bad'])
    }))

  test('skips the attempts for an error that retryIf refuses', () =>
    onTestkit({ topics }, async (scenario) => {
      await append(scenario, 0, ['bad', 'flaky'])
      const calls: string[] = []
      await runUntil(scenario, 1, {
        retry: { attempts: 3, backoffMs: [10, 10], retryIf: (error) => !(error instanceof TypeError) },
        each: (message) => {
          calls.push(value(message) ?? '')
          poison('bad')(message)
          if (calls.length === 2) throw new Error('again')
        },
      })
      expect(calls).toEqual(['bad', 'flaky', 'flaky'])
      expect((await lettersIn(scenario, 'dlq')).map(headersOf)).toMatchObject([{ 'ottla-attempts': '1' }])
    }))

  test('without a topic run rejects immediately for an error that retryIf refuses', () =>
    onTestkit({ topics }, async (scenario) => {
      await append(scenario, 0, ['bad'])
      const startMs = scenario.nowMs
      const retry = { attempts: 5, backoffMs: [60_000, 60_000], retryIf: () => false } as const
      expect(await failure(consumerOf(scenario).run({ retry, each: poison('bad') }))).toMatchObject({
        code: 'HANDLER_FAILED',
      })
      expect(scenario.nowMs - startMs).toBeLessThan(10_000)
    }))

  test('is not sent when retryIf throws or returns a promise: run rejects with both reasons', () =>
    onTestkit({ topics }, async (scenario) => {
      await append(scenario, 0, ['bad'])
      const wrong = [
        () => {
          throw new Error('a bug')
        },
        async () => true,
      ] as never[]
      const consumer = consumerOf(scenario)
      for (const retryIf of wrong) {
        const retry = { attempts: 2, retryIf }
        const running = consumer.run({ retry, each: poison('bad'), deadLetter: { topic: 'dlq' } })
        expect(String(await failure(running))).toMatch(/cannot read bad.*retryIf.*(a bug|neither true nor false)/)
      }
      expect(await lettersIn(scenario, 'dlq')).toEqual([])
    }))

  test('is written once for each message of a batch that its handler has not marked', () =>
    onTestkit({ topics }, async (scenario) => {
      const many = Array.from({ length: 250 }, (_, i) => `m${i}`)
      await append(scenario, 0, ['a', ...many])
      await append(scenario, 0, ['d'])
      const consumer = consumerOf(scenario)
      const stop = new AbortController()
      await consumer.run({
        signal: stop.signal,
        deadLetter: { topic: 'dlq' },
        eachBatch: (batch) => {
          const [first] = batch
          if (value(first) === 'd') return stop.abort()
          consumer.done(first!)
          throw new Error('in the middle')
        },
      })
      await consumer.close()
      expect(valuesOf(await lettersIn(scenario, 'dlq')), 'in their order').toEqual(many)
      expect(committedAt(scenario)).toBe(252)
    }))

  test('of a batch that was stored beside one that failed is not stored again', () =>
    onTestkit({ topics }, async (scenario) => {
      await append(scenario, 0, ['a', 'b', 'c'])
      const consumer = consumerOf(scenario)
      let isBroken = true
      const run = () =>
        consumer.run({
          deadLetter: {
            topic: ({ message }) => {
              if (value(message) === 'b' && isBroken) throw new Error('no topic')
              return 'dlq'
            },
          },
          eachBatch: () => {
            throw new Error('bad')
          },
        })
      expect(String(await failure(run()))).toMatch(/no topic/)
      await consumer.commit()
      expect(committedAt(scenario)).toBe(1)
      isBroken = false
      const running = run()
      await scenario.advance('2s')
      await consumer.close()
      await running
      expect(valuesOf(await lettersIn(scenario, 'dlq'))).toEqual(['a', 'c', 'b'])
      expect(committedAt(scenario)).toBe(3)
    }))

  test("counts as done in mode 'manual'", () =>
    onTestkit({ topics }, async (scenario) => {
      await append(scenario, 0, ['bad', 'b'])
      const consumer = consumerOf(scenario, { commit: 'manual' })
      const running = consumer.run({
        deadLetter: { topic: 'dlq' },
        each: async (message) => {
          poison('bad')(message)
          consumer.done(message)
          await consumer.commit()
        },
      })
      await scenario.advance('2s')
      expect(committedAt(scenario)).toBe(2)
      await consumer.close()
      await running
    }))

  test('that is too large with its description is sent with a short one', () =>
    onTestkit({ topics, configs: { 'max.message.bytes': 3_000 } }, async (scenario) => {
      await scenario.kafka.producer().send({ topic: 't', value: 'x'.repeat(2_500) })
      const consumer = consumerOf(scenario)
      const running = consumer.run({
        deadLetter: { topic: 'dlq' },
        each: () => {
          throw new Error('m'.repeat(1_500))
        },
      })
      await scenario.advance('2s')
      const [letter] = await lettersIn(scenario, 'dlq')
      expect(headersOf(letter!)).toMatchObject({ 'ottla-original-offset': '0', 'ottla-error-name': 'Error' })
      expect(headersOf(letter!)['ottla-error-stack']).toBeUndefined()
      await consumer.close()
      await running
    }))

  test('is sent to the topic and partition that a function chooses', () =>
    onTestkit({ topics: { t: 1, dlq: 3, other: 1 } }, async (scenario) => {
      await append(scenario, 0, ['x', 'y', 'ok'])
      await runUntil(scenario, 1, {
        each: poison('x', 'y'),
        deadLetter: {
          topic: ({ message, error, attempts }) => {
            expect([attempts, String(error)]).toEqual([1, `TypeError: cannot read ${value(message)}`])
            return value(message) === 'x' ? { topic: 'dlq', partition: 2 } : 'other'
          },
        },
      })
      expect(valuesOf(await lettersIn(scenario, 'dlq', 2))).toEqual(['x'])
      expect(valuesOf(await lettersIn(scenario, 'other'))).toEqual(['y'])
    }))

  test('for the topic that is read, or by a function that throws, fails as the handler', () =>
    onTestkit({ topics }, async (scenario) => {
      await append(scenario, 0, ['bad'])
      const consumer = consumerOf(scenario)
      const same = failure(consumer.run({ each: poison('bad'), deadLetter: { topic: () => 't' } }))
      expect(await same).toMatchObject({ code: 'HANDLER_FAILED', hint: expect.stringMatching(/another topic/) })
      const topic = () => {
        throw new Error('no idea')
      }
      expect(String(await failure(consumer.run({ each: poison('bad'), deadLetter: { topic } })))).toMatch(/no idea/)
      expect(await take(consumer.messages(), 1)).toEqual(['bad'])
    }))

  test('is sent where the options of the consumer say, unless those of the run say it', () =>
    onTestkit({ topics: { ...topics, other: 1 } }, async (scenario) => {
      await append(scenario, 0, ['bad', 'b'])
      const consumer = consumerOf(scenario, { deadLetter: { topic: 'dlq' } })
      const first = new AbortController()
      const each = (message: Message) => {
        poison('bad', 'c')(message)
        first.abort()
      }
      await consumer.run({ each, signal: first.signal })
      await append(scenario, 0, ['c', 'd'])
      const second = new AbortController()
      await consumer.run({
        deadLetter: { topic: 'other' },
        signal: second.signal,
        each: (message) => {
          poison('c')(message)
          second.abort()
        },
      })
      expect(valuesOf(await lettersIn(scenario, 'dlq'))).toEqual(['bad'])
      expect(valuesOf(await lettersIn(scenario, 'other'))).toEqual(['c'])
    }))

  test('is sent by a producer of the application, which stays open', () =>
    onTestkit({ topics }, async (scenario) => {
      await append(scenario, 0, ['bad', 'ok'])
      const producer = scenario.kafka.producer({ compression: 'gzip' })
      await runUntil(scenario, 1, { each: poison('bad'), deadLetter: { topic: 'dlq', producer } })
      await producer.send({ topic: 'dlq', value: 'still open' })
      expect(valuesOf(await lettersIn(scenario, 'dlq'))).toEqual(['bad', 'still open'])
    }))
})

describe('a dead letter in flight', () => {
  test('is waited for when its partition is revoked, and committed: the next member does not see its message', () =>
    onTestkit({ topics }, async (scenario) => {
      await append(scenario, 0, ['bad', 'b'])
      const options = { heartbeatIntervalMs: 500, sessionTimeoutMs: 6_000 }
      const consumers = [consumerOf(scenario, options), consumerOf(scenario, options)]
      const stop = new AbortController()
      const seen: unknown[] = []
      const run = (consumer: Consumer) =>
        consumer.run({
          signal: stop.signal,
          deadLetter: { topic: 'dlq' },
          each: (message) => {
            poison('bad')(message)
            seen.push(value(message))
          },
        })
      scenario.fault('Produce', { delay: '4s' }, 'once')
      const runs = [run(consumers[0]!)]
      await scenario.advance('2s')
      // Its join revokes the partition of the first: eager members give up all of them.
      runs.push(run(consumers[1]!))
      await scenario.advance('10s')
      stop.abort()
      await Promise.all(runs)
      for (const consumer of consumers) await consumer.close()
      expect(valuesOf(await lettersIn(scenario, 'dlq'))).toEqual(['bad'])
      expect(seen).toEqual(['b'])
      expect(committedAt(scenario)).toBe(2)
    }))

  test('is waited for by close, which commits it', () =>
    onTestkit({ topics }, async (scenario) => {
      await append(scenario, 0, ['bad'])
      const first = consumerOf(scenario)
      scenario.fault('Produce', { delay: '3s' }, 'once')
      const running = first.run({ each: poison('bad'), deadLetter: { topic: 'dlq' } })
      await scenario.advance('2s')
      await first.close()
      await running
      expect(committedAt(scenario)).toBe(1)
      expect(valuesOf(await lettersIn(scenario, 'dlq'))).toEqual(['bad'])
    }))

  test('when its partition is lost commits nothing, and does not end the run', () =>
    onTestkit({ topics }, async (scenario) => {
      await append(scenario, 0, ['bad', 'b'])
      const consumer = consumerOf(scenario, { sessionTimeoutMs: 6_000, heartbeatIntervalMs: 500 })
      const letters: unknown[] = []
      consumer.on('deadLettered', ({ offset }) => letters.push(offset))
      scenario.fault('Produce', { delay: '10s' }, 'once')
      const seen: (string | undefined)[] = []
      const running = consumer.run({
        deadLetter: { topic: 'dlq' },
        each: (message) => {
          poison('bad')(message)
          seen.push(value(message))
        },
      })
      await scenario.advance('2s')
      scenario.fault('Heartbeat', { error: 'UNKNOWN_MEMBER_ID' }, 'once')
      await scenario.advance('3s')
      expect(committedAt(scenario)).toBe(0)
      expect(await outcome(running, () => scenario.advance(1))).toBe('pending')
      await scenario.advance('30s')
      // Of the first attempt nothing was acknowledged to this member: the record may be there twice.
      expect(letters).toEqual([0n])
      expect(seen).toEqual(['b'])
      expect(valuesOf(await lettersIn(scenario, 'dlq'))).toEqual(['bad', 'bad'])
      await consumer.close()
      await running
    }))

  test('counts as processing time: a handler that took too long leaves its message to a dead letter', () =>
    onTestkit({ topics }, async (scenario) => {
      await append(scenario, 0, ['slow', 'b'])
      const consumer = consumerOf(scenario, { maxProcessingMs: 10_000, revokeGraceMs: 5_000 })
      const seen: unknown[] = []
      const running = consumer.run({
        deadLetter: { topic: 'dlq' },
        each: (message, { signal }) => {
          if (value(message) === 'b') return seen.push('b')
          return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
        },
      })
      await scenario.advance('30s')
      expect(seen).toEqual(['b'])
      const [letter] = await lettersIn(scenario, 'dlq')
      expect(headersOf(letter!)).toMatchObject({ 'ottla-error-name': 'KafkaError' })
      await consumer.close()
      await running
    }))

  test('beyond the grace of close is given up; close settles, and the message is undone', () =>
    onTestkit({ topics }, async (scenario) => {
      await append(scenario, 0, ['bad'])
      const consumer = consumerOf(scenario, { revokeGraceMs: 1_000 })
      scenario.fault('Produce', { delay: '60s' })
      const running = consumer.run({ each: poison('bad'), deadLetter: { topic: 'dlq' } })
      await scenario.advance('2s')
      const startMs = scenario.nowMs
      await consumer.close({ timeoutMs: 5_000 })
      await running
      expect(scenario.nowMs - startMs).toBeLessThan(11_000)
      expect(committedAt(scenario)).toBe(0)
    }))

  test('holds up only its own partition with a second worker', () =>
    onTestkit({ topics: { t: 2, dlq: 1 } }, async (scenario) => {
      await append(scenario, 0, ['bad'])
      await append(scenario, 1, ['a', 'b'])
      const consumer = consumerOf(scenario)
      scenario.fault('Produce', { delay: '60s' })
      const seen: unknown[] = []
      const running = consumer.run({
        concurrency: { limit: 2 },
        deadLetter: { topic: 'dlq' },
        each: (message) => {
          poison('bad')(message)
          seen.push(value(message))
        },
      })
      await scenario.advance('5s')
      expect(seen).toEqual(['a', 'b'])
      await consumer.close()
      await running
    }))

  test('of a client that closes is still sent: the producer closes after the consumers', () =>
    onTestkit({ topics }, async (scenario) => {
      await append(scenario, 0, ['bad'])
      const consumer = consumerOf(scenario)
      let fail: (() => void) | undefined
      const running = consumer.run({
        deadLetter: { topic: 'dlq' },
        each: () => new Promise((_, reject) => (fail = () => reject(new Error('late')))),
      })
      await scenario.advance('2s')
      const closing = scenario.kafka.close()
      await scenario.advance('1s')
      fail?.()
      await Promise.all([closing, running])
      expect(committedAt(scenario)).toBe(1)
      expect(scenario.seen(Produce)).toHaveLength(1)
    }))
})

describe('the options of dead letters', () => {
  test('are refused with the name of the option', () =>
    onTestkit({ topics }, async (scenario) => {
      const consumer = consumerOf(scenario)
      const each = () => {}
      const refused: [unknown, RegExp][] = [
        [{ topic: 'no topic name!' }, /'deadLetter.topic' of consumer.run\(\) must be the name of a topic/],
        [{}, /'deadLetter.topic'/],
        ['dlq', /'deadLetter' of consumer.run\(\) must be an object/],
        [{ topic: 'dlq', headers: 'avro' }, /'deadLetter.headers'/],
        [{ topic: 'dlq', timeoutMs: 0 }, /'deadLetter.timeoutMs'/],
        [{ topic: 'dlq', producer: {} }, /'deadLetter.producer' of consumer.run\(\) must be a producer/],
        [{ topic: 'dlq', producer: scenario.kafka.producer({ acks: 0 }) }, /acks: 0/],
        [{ topic: 'dlq', tpoic: 1 }, /'deadLetter.tpoic' .*does not exist/],
        [{ topic: 't' }, /'deadLetter.topic' of consumer.run\(\) is a topic that this consumer reads \('t'\)/],
      ]
      for (const [deadLetter, message] of refused) {
        const error = await failure(consumer.run({ each, deadLetter } as RunOptions))
        expect(error).toMatchObject({ code: 'INVALID_OPTION' })
        expect(String(error)).toMatch(message)
      }
      const place = { dlq: 'dlq' } as never
      const hint = expect.stringMatching(/deadLetter/)
      expect(() => consumerOf(scenario, place)).toThrow(expect.objectContaining({ hint }))
      const pattern = scenario.kafka.consumer({ groupId: 'p', topics: [/^d/] })
      expect(String(await failure(pattern.run({ each, deadLetter: { topic: 'dlq' } })))).toMatch(/reads \('dlq'\)/)
    }))
})
