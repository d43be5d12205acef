import { Heartbeat, JoinGroup, LeaveGroup } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import type { Message } from '../../src/index.ts'
import { append, committedAt, consumerOf, take, value, values } from '../support/consuming.ts'
import { onTestkit } from '../support/on-testkit.ts'
import { failure, outcome } from '../support/settled.ts'

describe('run', () => {
  test('handles messages in order, awaits promises, and ends with its signal', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b', 'c'])
      const consumer = consumerOf(scenario)
      const stop = new AbortController()
      const seen: string[] = []
      await consumer.run({
        signal: stop.signal,
        each: async (message, { signal }) => {
          expect(signal.aborted).toBe(false)
          seen.push(`<${value(message)}`)
          await scenario.advance(10)
          seen.push(`${value(message)}>`)
          if (value(message) === 'b') stop.abort()
        },
      })
      expect(seen.join('')).toBe('<aa><bb>')
      await consumer.close()
      expect(committedAt(scenario)).toBe(2)
    }))

  test('handles partitions concurrently up to the limit, and each partition in order', () =>
    onTestkit({ topics: { t: 4 } }, async (scenario) => {
      for (const partition of [0, 1, 2, 3]) await append(scenario, partition, ['a', 'b'])
      let running = 0
      let most = 0
      const perPartition = new Map<number, number>()
      const consumer = consumerOf(scenario)
      let left = 8
      const stop = new AbortController()
      await consumer.run({
        signal: stop.signal,
        concurrency: { by: 'partition', limit: 3 },
        each: async ({ partition }) => {
          most = Math.max(most, ++running)
          perPartition.set(partition, (perPartition.get(partition) ?? 0) + 1)
          expect(perPartition.get(partition)).toBe(1)
          await scenario.advance(10)
          perPartition.set(partition, 0)
          running--
          if (--left === 0) stop.abort()
        },
      })
      expect(most).toBe(3)
    }))

  test('rejects when a handler fails; nothing is committed past the message, and the next run starts with it', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b', 'c'])
      const consumer = consumerOf(scenario)
      const failing = consumer.run({
        each: (message) => {
          if (value(message) === 'b') throw new Error('poison')
        },
      })
      await expect(failing).rejects.toMatchObject({ code: 'HANDLER_FAILED', topic: 't', partition: 0, offset: 1n })
      await consumer.commit()
      expect(committedAt(scenario)).toBe(1)
      expect(await take(consumer.messages(), 2)).toEqual(['b', 'c'])
    }))

  test('retries with pauses, and reports each retry', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      const consumer = consumerOf(scenario)
      const retries: number[] = []
      consumer.on('retry', ({ attempt, backoffMs }) => retries.push(attempt, backoffMs))
      const attemptsMs: number[] = []
      const seen: unknown[] = []
      const stop = new AbortController()
      await consumer.run({
        retry: { attempts: 3, backoffMs: [100, 1_000] },
        signal: stop.signal,
        each: async (message) => {
          if (value(message) === 'a') attemptsMs.push(scenario.nowMs)
          if (value(message) === 'a' && attemptsMs.length < 3) throw new Error('not yet')
          if (seen.push(value(message)) === 2) stop.abort()
        },
      })
      expect(seen).toEqual(['a', 'b'])
      const [first, firstPauseMs, second, secondPauseMs] = retries
      expect([retries.length, first, second]).toEqual([4, 1, 2])
      // Twice as long, each with at most 20 % of jitter.
      expect(Math.abs(firstPauseMs! - 100)).toBeLessThanOrEqual(20)
      expect(Math.abs(secondPauseMs! - 200)).toBeLessThanOrEqual(40)
      const [a, b, c] = attemptsMs as [number, number, number]
      expect(Math.abs(b - a - firstPauseMs!)).toBeLessThan(2)
      expect(Math.abs(c - b - secondPauseMs!)).toBeLessThan(2)
    }))

  test('ends the workers that wait for records too when a handler fails', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      const consumer = consumerOf(scenario)
      const running = failure(
        consumer.run({
          concurrency: { limit: 3 },
          each: () => {
            throw new Error('poison')
          },
        }),
      )
      await scenario.advance('1s')
      await append(scenario, 0, ['a'])
      const startedMs = scenario.nowMs
      expect(await running).toMatchObject({ code: 'HANDLER_FAILED' })
      expect(scenario.nowMs - startedMs).toBeLessThan(1_000)
    }))

  test('continues after a handler that rejects because its partition was lost', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      const consumer = consumerOf(scenario, { sessionTimeoutMs: 6_000 })
      let calls = 0
      const running = consumer.run({
        each: (_, { signal }) => {
          if (++calls > 1) return undefined
          return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
        },
      })
      scenario.fault('Heartbeat', { error: 'UNKNOWN_MEMBER_ID' }, 'once')
      await scenario.advance('20s')
      expect(calls).toBe(3)
      expect(await outcome(running, () => scenario.advance(1))).toBe('pending')
    }))

  test('stops during a pause between attempts without waiting for its end, and leaves the item undone', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      const consumer = consumerOf(scenario)
      const stop = new AbortController()
      const running = consumer.run({
        retry: { attempts: 5, backoffMs: [60_000, 60_000] },
        signal: stop.signal,
        each: () => {
          throw new Error('not yet')
        },
      })
      await scenario.advance('1s')
      stop.abort()
      expect(await outcome(running, () => scenario.advance(1))).toBe(undefined)
      expect(await take(consumer.messages(), 1)).toEqual(['a'])
    }))

  test('after a seek from a handler calls the next one when that handler is done', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b', 'c'])
      const consumer = consumerOf(scenario)
      const seen: string[] = []
      const stop = new AbortController()
      await consumer.run({
        concurrency: { limit: 2 },
        signal: stop.signal,
        each: async (message) => {
          seen.push(`<${value(message)}`)
          if (value(message) === 'a') consumer.seek({ topic: 't', partition: 0, offset: 2 })
          await scenario.advance(600)
          seen.push(`${value(message)}>`)
          if (value(message) === 'c') stop.abort()
        },
      })
      expect(seen.join('')).toBe('<aa><cc>')
    }))

  test('handles batches', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      await append(scenario, 0, ['c'])
      const consumer = consumerOf(scenario)
      const seen: unknown[] = []
      const stop = new AbortController()
      await consumer.run({
        signal: stop.signal,
        eachBatch: (batch) => {
          seen.push(values([...batch]))
          if (seen.length === 2) stop.abort()
        },
      })
      expect(seen).toEqual([['a', 'b'], ['c']])
      await consumer.close()
      expect(committedAt(scenario)).toBe(3)
    }))

  test('rejects options that do not exist with a clear message', () =>
    onTestkit({}, async (scenario) => {
      const consumer = consumerOf(scenario)
      const each = () => {}
      await expect(consumer.run({ each, deadLeter: {} } as never)).rejects.toThrow(/'deadLeter' .* does not exist/)
      await expect(consumer.run({ each, concurrency: { by: 'value' as never } })).rejects.toThrow(
        /'concurrency.by' of consumer.run\(\) must be 'partition', 'key' or 'none', not 'value'/,
      )
      await expect(consumer.run({})).rejects.toThrow(
        /Either 'each' or 'eachBatch' of consumer.run\(\) must be a function/,
      )
    }))

  test('ends with close, which waits for the handler and commits its message', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      const consumer = consumerOf(scenario)
      let finish: (() => void) | undefined
      const running = consumer.run({ each: () => new Promise<void>((resolve) => (finish = resolve)) })
      await scenario.advance('1s')
      const closing = consumer.close()
      await scenario.advance('1s')
      expect(scenario.seen(LeaveGroup)).toEqual([])
      finish?.()
      await Promise.all([closing, running])
      expect(committedAt(scenario)).toBe(1)
      expect(scenario.seen(LeaveGroup)).toHaveLength(1)
    }))
})

describe('an item that takes too long', () => {
  test('has its signal aborted and an event reported; after the grace the consumer leaves and the reader rejects', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      const consumer = consumerOf(scenario, { maxProcessingMs: 10_000, revokeGraceMs: 2_000 })
      const stalled: unknown[] = []
      consumer.on('stalled', (event) => stalled.push(event.offset))
      const reader = consumer.messages()
      const first = (await reader.next()).value as Message
      await scenario.advance(9_900)
      expect(first.signal.aborted).toBe(false)
      await scenario.advance(4_100)
      expect(stalled).toEqual([0n])
      expect(first.signal.aborted).toBe(true)
      await scenario.advance(6_000)
      expect(scenario.seen(LeaveGroup)).toHaveLength(1)
      await expect(reader.next()).rejects.toMatchObject({ code: 'PROCESSING_TIMED_OUT', offset: 0n })
    }))

  test('does not stop the heartbeats', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      const consumer = consumerOf(scenario, { sessionTimeoutMs: 6_000, heartbeatIntervalMs: 1_000 })
      const reader = consumer.messages()
      await reader.next()
      const joins = scenario.seen(JoinGroup).length
      await scenario.advance('60s')
      expect(scenario.seen(Heartbeat).length).toBeGreaterThan(55)
      expect(await take(reader, 1)).toEqual(['b'])
      expect(scenario.seen(JoinGroup)).toHaveLength(joins)
    }))
})
