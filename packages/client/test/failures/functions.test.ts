import { describe, expect, test } from 'vitest'
import { KafkaError, type RunOptions } from '../../src/index.ts'
import { append, committedAt, consumerOf } from '../support/consuming.ts'
import { lettersIn, valuesOf } from '../support/letters.ts'
import { onTestkit } from '../support/on-testkit.ts'
import { outcome } from '../support/settled.ts'

const topics = { t: 1, dlq: 1 }

/** What a function of the application does in place of its work. */
const misbehaviours: Readonly<Record<string, () => unknown>> = {
  'throws undefined': () => {
    throw undefined
  },
  'throws an object without a prototype': () => {
    throw Object.create(null)
  },
  'rejects with null': () => Promise.reject(null),
  'never settles': () => new Promise(() => {}),
  'returns undefined': () => undefined,
  'returns null': () => null,
  'returns a number': () => Number.NaN,
  'returns a text': () => 'no such topic!',
  'returns an empty list': () => [],
  'returns values of other types': () => ({ topic: 5, partition: 'x', key: {}, value: [] }),
}

/** The options of a run with this function in one place. A rejected promise that nothing expects must not end the process. */
const places: Readonly<Record<string, (broken: () => unknown) => Partial<RunOptions>>> = {
  'retry.retryIf': (broken) => ({ retry: { attempts: 2, backoffMs: [1, 1], retryIf: quiet(broken) as never } }),
  'deadLetter.topic': (broken) => ({ deadLetter: { topic: quiet(broken) as never } }),
  'deadLetter.headers': (broken) => ({ deadLetter: { topic: 'dlq', headers: quiet(broken) as never } }),
  'deadLetter.producer.send': (broken) => ({
    deadLetter: { topic: 'dlq', timeoutMs: 2_000, producer: { send: broken as never } },
  }),
}

/** Where a value is expected, a promise is only a wrong value. */
function quiet(broken: () => unknown): () => unknown {
  return () => {
    const result = broken()
    if (result instanceof Promise) result.catch(() => {})
    return result
  }
}

describe.each(Object.keys(places))('%s that', (place) => {
  test.each(Object.keys(misbehaviours))(
    '%s fails the run with a KafkaError or sends the message: it is not lost',
    (how) =>
      onTestkit({ topics }, async (scenario) => {
        await append(scenario, 0, ['bad'])
        const consumer = consumerOf(scenario, { maxWaitMs: 5_000 })
        const running = consumer.run({
          deadLetter: { topic: 'dlq' },
          ...places[place]!(misbehaviours[how]!),
          each: () => {
            throw new Error('bad')
          },
        })
        const result = await outcome(running, () => scenario.advance('8s'))
        await consumer.commit()
        const letters = valuesOf(await lettersIn(scenario, 'dlq'))
        if (result === 'pending') {
          expect(committedAt(scenario)).toBe(1)
          // A producer of the application that resolves reports that the record is stored.
          if (place !== 'deadLetter.producer.send') expect(letters).toEqual(['bad'])
        } else {
          expect(KafkaError.is(result)).toBe(true)
          expect(result).toMatchObject({ code: 'HANDLER_FAILED', topic: 't', partition: 0, offset: 0n })
          expect(committedAt(scenario)).toBe(0)
        }
        await consumer.close()
        await running.catch(() => {})
      }),
  )
})

test.each(['rejects with null', 'never settles', 'returns null', 'returns a text'])(
  'a filter of redrive that %s moves nothing twice and loses nothing',
  (how) =>
    onTestkit({ topics }, async (scenario) => {
      const headers = { 'ottla-original-topic': 't', 'ottla-original-partition': '0', 'ottla-original-offset': '1' }
      await scenario.kafka.producer().send({ topic: 'dlq', value: 'x', headers })
      const stop = new AbortController()
      const running = scenario.kafka.redrive({ from: 'dlq', filter: misbehaviours[how] as never, signal: stop.signal })
      await outcome(running, () => scenario.advance('5s'))
      stop.abort()
      const result = await running.catch((error: unknown) => error)
      if (KafkaError.is(result)) expect(['HANDLER_FAILED', 'ABORTED']).toContain(result.code)
      else expect(result).toMatchObject({ moved: expect.any(Number), isComplete: true })
      if (KafkaError.is(result)) await scenario.kafka.redrive({ from: 'dlq' })
      const isRefused = !KafkaError.is(result) && (result as { skipped: number }).skipped === 1
      expect(valuesOf(await lettersIn(scenario, 't'))).toEqual(isRefused ? [] : ['x'])
    }),
)
