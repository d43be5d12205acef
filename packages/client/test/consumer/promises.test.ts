import { describe, expect, test } from 'vitest'
import { type Consumer, KafkaError } from '../../src/index.ts'
import { append, committedAt, consumerOf } from '../support/consuming.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'

const timeoutMs = 3_000
/** Timers fire at whole milliseconds. */
const roundingMs = 2

/** How a promise settled: 'value', 'end' of an iterator, 'empty', or an error code; and how long it took. */
interface Settled {
  readonly how: string
  readonly elapsedMs: number
}

function watch({ cluster }: Scenario, promise: Promise<unknown>): () => Settled | undefined {
  const startedMs = cluster.virtual!.nowMs
  let settled: Settled | undefined
  const settle = (how: string) => {
    settled = { how, elapsedMs: cluster.virtual!.nowMs - startedMs }
  }
  promise.then(
    (value) => settle(describeValue(value)),
    (error: unknown) => settle(KafkaError.is(error) ? error.code : String(error)),
  )
  return () => settled
}

function describeValue(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'empty' : 'value'
  return (value as IteratorResult<unknown> | undefined)?.done === true ? 'end' : 'value'
}

const place = { topic: 't', partition: 0 }
const limit = { timeoutMs }

/** Each promise with a deadline: how it is called, on a consumer that has read one message. */
const limited: Record<string, (consumer: Consumer) => Promise<unknown>> = {
  'poll()': (consumer) => consumer.poll(limit),
  'ready()': (consumer) => consumer.ready(limit),
  'commit()': (consumer) => consumer.commit(undefined, limit),
  'commit(offsets)': (consumer) => consumer.commit([{ ...place, offset: 1n }], limit),
  'committed()': (consumer) => consumer.committed([place], limit),
}

/** Each promise without a deadline of its own. */
const reading: Record<string, (consumer: Consumer) => Promise<unknown>> = {
  'messages().next()': (consumer) => consumer.messages().next(),
  'batches().next()': (consumer) => consumer.batches().next(),
  'run()': (consumer) => consumer.run({ each: () => {} }),
}

const groupApis = ['FindCoordinator', 'JoinGroup', 'SyncGroup', 'Heartbeat', 'OffsetCommit', 'OffsetFetch'] as const

function silence(scenario: Scenario, whom: 'broker' | 'coordinator'): void {
  if (whom === 'broker') scenario.cluster.broker(1).pause()
  else for (const api of groupApis) scenario.fault(api, 'hang')
}

/** A consumer that has read and marked one message, if it `reads`. */
async function readingOne(scenario: Scenario): Promise<Consumer> {
  await append(scenario, 0, ['a', 'b'])
  const consumer = consumerOf(scenario, { commit: 'manual', maxWaitMs: 500 })
  const [message] = await consumer.poll({ maxRecords: 1 })
  consumer.done(message!)
  return consumer
}

const play = (act: (scenario: Scenario) => Promise<void>) => onTestkit({}, act)

describe('with a silent', () => {
  for (const whom of ['broker', 'coordinator'] as const) {
    test.each(Object.keys(limited))(`${whom} before the start, %s settles by its deadline`, (name) =>
      play(async (scenario) => {
        const consumer = consumerOf(scenario)
        silence(scenario, whom)
        const settled = watch(scenario, limited[name]!(consumer))
        await scenario.advance(timeoutMs + roundingMs)
        expect(settled(), name).toBeDefined()
        expect(settled()!.how).toBe(name === 'poll()' ? 'empty' : name === 'commit()' ? 'value' : 'TIMED_OUT')
        const closed = watch(scenario, consumer.close({ timeoutMs: 1_000 }))
        await scenario.advance(1_000 + roundingMs)
        expect(closed(), 'close').toMatchObject({ how: 'value' })
        scenario.cluster.broker(1).resume()
      }),
    )

    test.each(Object.keys(limited))(`${whom} in the middle, %s settles by its deadline`, (name) =>
      play(async (scenario) => {
        const consumer = await readingOne(scenario)
        silence(scenario, whom)
        const settled = watch(scenario, limited[name]!(consumer))
        await scenario.advance(timeoutMs + roundingMs)
        const expected = name.startsWith('commit') ? 'TIMED_OUT' : 'value'
        expect(settled()?.how, name).toBe(expected)
        const closed = watch(scenario, consumer.close({ timeoutMs: 1_000 }))
        await scenario.advance(1_000 + roundingMs)
        expect(closed(), 'close').toMatchObject({ how: 'value' })
        scenario.cluster.broker(1).resume()
      }),
    )

    test.each(Object.keys(reading))(`${whom}, %s ends with close, within its timeout`, (name) =>
      play(async (scenario) => {
        const consumer = consumerOf(scenario)
        silence(scenario, whom)
        const settled = watch(scenario, reading[name]!(consumer))
        await scenario.advance(timeoutMs)
        expect(settled()).toBeUndefined()
        const closed = watch(scenario, consumer[Symbol.asyncDispose]())
        await scenario.advance(10_000 + roundingMs)
        expect(closed()).toMatchObject({ how: 'value' })
        expect(settled()).toMatchObject({ how: name === 'run()' ? 'value' : 'end' })
        scenario.cluster.broker(1).resume()
      }),
    )
  }
})

describe('return()', () => {
  test.each(['messages', 'batches'] as const)('ends a pending next of %s, whatever brokers do', (name) =>
    play(async (scenario) => {
      const consumer = consumerOf(scenario)
      silence(scenario, 'broker')
      const reader = consumer[name]()
      const next = watch(scenario, reader.next())
      await scenario.advance(100)
      const returned = watch(scenario, reader.return())
      await scenario.advance(1)
      expect([next()?.how, returned()?.how]).toEqual(['end', 'end'])
      // Another reader may follow.
      const poll = watch(scenario, consumer.poll(limit))
      await scenario.advance(timeoutMs + roundingMs)
      expect(poll()?.how).toBe('empty')
      scenario.cluster.broker(1).resume()
    }),
  )

  test('of an item in hand does not wait, and a commit of the item is sent', () =>
    play(async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      const consumer = consumerOf(scenario, { commit: 'manual' })
      const reader = consumer.messages()
      const { value: message } = await reader.next()
      const returned = watch(scenario, reader.return())
      await scenario.advance(1)
      expect(returned()?.how).toBe('end')
      await consumer.commit(message)
      expect(committedAt(scenario)).toBe(1)
    }))
})

describe('during a rebalance that does not end', () => {
  const held = async (act: (scenario: Scenario, consumer: Consumer) => Promise<void>) =>
    play(async (scenario) => {
      const consumer = await readingOne(scenario)
      const join = scenario.fault('JoinGroup', 'hang')
      scenario.fault('Heartbeat', { error: 'REBALANCE_IN_PROGRESS' }, 'once')
      await join.wait(1)
      await act(scenario, consumer)
      join.remove()
    })

  test.each(Object.keys(limited))('%s settles by its deadline', (name) =>
    held(async (scenario, consumer) => {
      const settled = watch(scenario, limited[name]!(consumer))
      await scenario.advance(timeoutMs + roundingMs)
      const expected = name === 'poll()' ? 'empty' : name === 'commit()' ? 'value' : undefined
      expect(settled(), name).toBeDefined()
      if (expected !== undefined) expect(settled()!.how).toBe(expected)
    }),
  )

  test.each(Object.keys(reading))('%s ends with close', (name) =>
    held(async (scenario, consumer) => {
      const settled = watch(scenario, reading[name]!(consumer))
      await scenario.advance(1_000)
      const closed = watch(scenario, consumer.close({ timeoutMs: 1_000 }))
      await scenario.advance(1_000 + roundingMs)
      expect(closed()?.how).toBe('value')
      expect(settled()?.how).toBe(name === 'run()' ? 'value' : 'end')
    }),
  )
})

describe('with a handler that hangs', () => {
  test.each(['each', 'eachBatch'] as const)(
    'run with %s rejects when the member leaves, and so does every later call',
    (kind) =>
      play(async (scenario) => {
        await append(scenario, 0, ['a', 'b'])
        const consumer = consumerOf(scenario, { maxProcessingMs: 5_000, revokeGraceMs: 1_000 })
        const hang = () => new Promise<void>(() => {})
        const run = watch(scenario, consumer.run(kind === 'each' ? { each: hang } : { eachBatch: hang }))
        await scenario.advance(8_000)
        expect(run()).toBeDefined()
        expect(run()!.how).toBe('PROCESSING_TIMED_OUT')
        for (const call of [...Object.values(reading), limited['poll()']!, limited['ready()']!]) {
          const later = watch(scenario, call(consumer))
          await scenario.advance(timeoutMs + roundingMs)
          expect(later()?.how).toBe('PROCESSING_TIMED_OUT')
        }
      }),
  )

  test.each(Object.keys(limited).filter((name) => name !== 'poll()'))('%s settles by its deadline', (name) =>
    play(async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      const consumer = consumerOf(scenario)
      const run = watch(scenario, consumer.run({ each: () => new Promise(() => {}) }))
      await scenario.advance(1_000)
      const settled = watch(scenario, limited[name]!(consumer))
      await scenario.advance(timeoutMs + roundingMs)
      expect(settled()?.how).toBe('value')
      const closed = watch(scenario, consumer.close({ timeoutMs: 1_000 }))
      await scenario.advance(1_000 + roundingMs)
      expect([closed()?.how, run()?.how]).toEqual(['value', 'value'])
    }),
  )
})

describe('close', () => {
  test.each(Object.keys(limited))('ends a pending %s', (name) =>
    play(async (scenario) => {
      const consumer = name === 'ready()' || name === 'poll()' ? consumerOf(scenario) : await readingOne(scenario)
      silence(scenario, 'coordinator')
      const settled = watch(scenario, limited[name]!(consumer))
      const closed = watch(scenario, consumer.close({ timeoutMs: 500 }))
      await scenario.advance(500 + roundingMs)
      expect(closed()?.how).toBe('value')
      expect(settled(), name).toBeDefined()
    }),
  )

  test('ends a pending commit of a batch', () =>
    play(async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      const consumer = consumerOf(scenario, { commit: 'manual' })
      const { value: batch } = await consumer.batches().next()
      silence(scenario, 'coordinator')
      const committed = watch(scenario, batch!.commit())
      const closed = watch(scenario, consumer.close({ timeoutMs: 500 }))
      await scenario.advance(500 + roundingMs)
      expect([closed()?.how, committed() !== undefined]).toEqual(['value', true])
    }))
})
