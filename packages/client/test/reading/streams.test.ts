import { describe, expect, test } from 'vitest'
import { type Consumer, type ConsumerOptions, KafkaError, type Message } from '../../src/index.ts'
import { append, committedAt, consumerOf, take, value } from '../support/consuming.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'
import { failure } from '../support/settled.ts'

const manual = { commit: 'manual' } as const

const alone = ({ kafka }: Scenario, options: Partial<ConsumerOptions> = {}): Consumer =>
  kafka.consumer({ topics: ['t'], from: 'earliest', ...options })

/** The same tests for both kinds of streams. */
const kinds = {
  readable: (consumer: Consumer, highWaterMark = 2) => consumer.readable({ highWaterMark })[Symbol.asyncIterator](),
  webStream: (consumer: Consumer, highWaterMark = 2) => consumer.webStream({ highWaterMark })[Symbol.asyncIterator](),
}

async function taken(stream: AsyncIterator<Message>, count: number): Promise<(string | undefined)[]> {
  return take(stream, count)
}

describe.each(Object.entries(kinds))('%s', (kind, open) => {
  test('delivers everything in order, and commits what was marked', () =>
    onTestkit({}, async (scenario) => {
      for (let i = 0; i < 5; i++) await append(scenario, 0, [`a${i}`, `b${i}`])
      const consumer = consumerOf(scenario, manual)
      const stream = open(consumer)
      for (let i = 0; i < 5; i++) {
        for (const letter of ['a', 'b']) {
          const { value: message } = await stream.next()
          expect(value(message)).toBe(`${letter}${i}`)
          if (i < 4) consumer.done(message)
        }
      }
      await consumer.commit()
      expect(committedAt(scenario)).toBe(8)
    }))

  test('given up, gives back what was pulled and not marked', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b', 'c', 'd', 'e'])
      const consumer = consumerOf(scenario, manual)
      const stream = open(consumer)
      const { value: first } = await stream.next()
      consumer.done(first)
      expect(await taken(stream, 1)).toEqual(['b'])
      await stream.return?.()
      const again = await consumer.poll({ timeoutMs: 5_000 })
      expect(again.map(value)).toEqual(['b', 'c', 'd', 'e'])
    }))

  test('holds no more than its high watermark ahead', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'])
      const consumer = alone(scenario)
      const stream = open(consumer, 3)
      expect(await taken(stream, 1)).toEqual(['a'])
      await scenario.advance('1s')
      expect(Number(consumer.position({ topic: 't', partition: 0 }))).toBeLessThanOrEqual(5)
      await stream.return?.()
    }))

  test('without a group gives back what had not left it', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b', 'c', 'd', 'e'])
      const consumer = alone(scenario)
      const stream = open(consumer)
      expect(await taken(stream, 2)).toEqual(['a', 'b'])
      await scenario.advance('1s')
      await stream.return?.()
      const rest = await take(consumer.messages(), 3)
      expect(rest.slice(-1)).toEqual([rest.includes('a') ? 'c' : rest.includes('b') ? 'd' : 'e'])
    }))

  test('ends where reading has an end, with the last messages delivered', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      await append(scenario, 0, ['a', 'b', 'c'])
      await append(scenario, 1, ['x'])
      const read: unknown[] = []
      const stream = open(alone(scenario, { until: 'end' }))
      for (let next = await stream.next(); next.done !== true; next = await stream.next()) read.push(value(next.value))
      expect(read.sort()).toEqual(['a', 'b', 'c', 'x'])
    }))

  test('ends when the consumer closes, which waits for what is marked meanwhile', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b', 'c'])
      const consumer = consumerOf(scenario, manual)
      const stream = open(consumer)
      const { value: first } = await stream.next()
      const closing = consumer.close()
      await consumer.commit(first)
      for (let next = await stream.next(); next.done !== true; next = await stream.next()) {
        if (consumer.closing.aborted) await consumer.commit(next.value).catch(() => {})
      }
      await closing
      expect(committedAt(scenario)).toBeGreaterThanOrEqual(1)
    }))

  test('fails with the error of the reader', () =>
    onTestkit({}, async (scenario) => {
      const consumer = alone(scenario, { assign: [{ topic: 't', partition: 7 }], topics: undefined })
      expect(await failure(open(consumer).next())).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' })
    }))

  test('is one reader of the consumer', () =>
    onTestkit({}, async (scenario) => {
      const consumer = alone(scenario)
      const stream = open(consumer)
      const next = stream.next()
      await scenario.advance('1s')
      await expect(consumer.poll()).rejects.toMatchObject({ code: 'CONSUMER_BUSY' })
      expect(await failure(open(consumer).next())).toMatchObject({ code: 'CONSUMER_BUSY' })
      await append(scenario, 0, ['a'])
      expect(value((await next).value)).toBe('a')
    }))

  test.each(['auto', 'none'] as const)('is refused in a group with commit %s', (commit) =>
    onTestkit({}, async (scenario) => {
      const create = () => open(consumerOf(scenario, { commit }))
      expect(create).toThrow(KafkaError)
      expect(create).toThrow(`'commit' of kafka.consumer() must be 'manual' for consumer.${kind}()`)
    }),
  )

  test('in use for hours is not stalled, while what it delivered is marked', () =>
    onTestkit({}, async (scenario) => {
      const consumer = consumerOf(scenario, { ...manual, maxProcessingMs: 10_000 })
      const stalled: unknown[] = []
      consumer.on('stalled', (event) => stalled.push(event))
      const stream = open(consumer)
      for (let i = 0; i < 5; i++) {
        await append(scenario, 0, [String(i)])
        const next = await stream.next().catch((error: unknown) => ({ error, value: undefined }))
        expect(next).not.toHaveProperty('error')
        consumer.done(next.value!)
        await scenario.advance('60s')
      }
      expect(stalled).toEqual([])
    }))
})
