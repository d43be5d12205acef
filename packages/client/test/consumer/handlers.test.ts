import { LeaveGroup } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import type { Message } from '../../src/index.ts'
import { append, committedAt, consumerOf, take, value, values } from '../support/consuming.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'
import { failure, outcome } from '../support/settled.ts'

const never = () => new Promise<void>(() => {})

/** The next heartbeat reports a rebalance. */
const rebalance = ({ fault }: Scenario) => fault('Heartbeat', { error: 'REBALANCE_IN_PROGRESS' }, 'once')

describe('an item whose handler failed', () => {
  test('waits for its retry without a worker: other partitions go on, and the pause is not processing time', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      await append(scenario, 0, ['bad', 'after'])
      await append(scenario, 1, ['x', 'y'])
      const consumer = consumerOf(scenario, { maxProcessingMs: 10_000 })
      const seen: unknown[] = []
      const stalled: unknown[] = []
      consumer.on('stalled', (event) => stalled.push(event))
      const running = consumer.run({
        retry: { attempts: 3, backoffMs: [60_000, 60_000] },
        each: (message) => {
          seen.push(value(message))
          if (value(message) === 'bad' && seen.filter((one) => one === 'bad').length < 2) throw new Error('not yet')
        },
      })
      await scenario.advance('5s')
      expect(seen).toEqual(['bad', 'x', 'y'])
      await scenario.advance('90s')
      expect(seen).toEqual(['bad', 'x', 'y', 'bad', 'after'])
      expect(stalled).toEqual([])
      await consumer.close()
      await running
      expect(committedAt(scenario)).toBe(2)
    }))

  test('is retried without what of its batch was marked', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b', 'c', 'd'])
      const consumer = consumerOf(scenario)
      const calls: unknown[] = []
      const running = consumer.run({
        retry: { attempts: 2, backoffMs: [100, 100] },
        eachBatch: (batch) => {
          const messages = [...batch]
          calls.push(values(messages))
          if (calls.length > 1) return
          consumer.done([messages[0]!, messages[2]!])
          throw new Error('not yet')
        },
      })
      await scenario.advance('2s')
      expect(calls).toEqual([
        ['a', 'b', 'c', 'd'],
        ['b', 'd'],
      ])
      await consumer.close()
      await running
      expect(committedAt(scenario)).toBe(4)
    }))

  test('is reported although the handler sought its partition before', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b', 'c'])
      const consumer = consumerOf(scenario)
      const running = failure(
        consumer.run({
          retry: { attempts: 5 },
          each: () => {
            consumer.seek({ topic: 't', partition: 0, offset: 2 })
            throw new Error('a bug')
          },
        }),
      )
      expect(await running).toMatchObject({ code: 'HANDLER_FAILED', offset: 0n })
      expect(await take(consumer.messages(), 1)).toEqual(['c'])
    }))
})

describe('two handlers of one partition', () => {
  test('never overlap, also when an eager rebalance returns the partition before the first one has ended', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      const consumer = consumerOf(scenario, { assignors: ['range'], revokeGraceMs: 100 })
      let active = 0
      let most = 0
      let calls = 0
      const running = consumer.run({
        concurrency: { limit: 4 },
        each: async () => {
          most = Math.max(most, ++active)
          if (++calls === 1) await scenario.advance('30s')
          active--
        },
      })
      await scenario.advance('1s')
      await rebalance(scenario).wait(1)
      await scenario.advance('60s')
      expect([calls, most]).toEqual([3, 1])
      await consumer.close()
      await running
      expect(committedAt(scenario)).toBe(2)
    }))
})

describe('a handler that hangs', () => {
  test('does not keep run from rejecting when the consumer leaves, whatever the group did meanwhile', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      const consumer = consumerOf(scenario, { maxProcessingMs: 10_000, revokeGraceMs: 1_000 })
      const running = failure(consumer.run({ each: never }))
      await scenario.advance('2s')
      await rebalance(scenario).wait(1)
      await scenario.advance('20s')
      expect(await outcome(running, () => scenario.advance(1))).toMatchObject({
        code: 'PROCESSING_TIMED_OUT',
        offset: 0n,
      })
      expect(scenario.seen(LeaveGroup)).toHaveLength(1)
    }))
})

describe('close', () => {
  test('awaited in a handler of run ends immediately; the item is committed, and the member leaves within a second', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      const consumer = consumerOf(scenario)
      let waitedMs = -1
      await consumer.run({
        each: async () => {
          await scenario.advance(10)
          const startedMs = scenario.nowMs
          await consumer.close()
          waitedMs = scenario.nowMs - startedMs
        },
      })
      const endedMs = scenario.nowMs
      await consumer.close()
      expect(waitedMs).toBeLessThan(100)
      expect(scenario.nowMs - endedMs).toBeLessThan(1_000)
      expect(committedAt(scenario)).toBe(1)
      expect(scenario.seen(LeaveGroup)).toHaveLength(1)
    }))

  test('waits no longer for an item in hand once it is marked', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      const consumer = consumerOf(scenario, { revokeGraceMs: 5_000 })
      for await (const message of consumer) {
        const startedMs = scenario.nowMs
        const closing = consumer.close()
        consumer.done(message)
        await closing
        expect(scenario.nowMs - startedMs).toBeLessThan(1_000)
      }
      expect(committedAt(scenario)).toBe(1)
    }))
})

test('undo returns what of the last poll was not marked, in its order', () =>
  onTestkit({}, async (scenario) => {
    await append(scenario, 0, ['a', 'b', 'c', 'd'])
    const consumer = consumerOf(scenario)
    const first = await consumer.poll()
    consumer.done(first[1] as Message)
    consumer.undo()
    expect(values(await consumer.poll())).toEqual(['a', 'c', 'd'])
    await consumer.poll({ timeoutMs: 0 })
    await consumer.close()
    expect(committedAt(scenario)).toBe(4)
  }))

test('return during a pending next ends it, and the next reader gets the record', () =>
  onTestkit({}, async (scenario) => {
    const consumer = consumerOf(scenario)
    const reader = consumer.messages()
    const pending = reader.next()
    await scenario.advance('1s')
    await reader.return()
    expect(await pending).toEqual({ value: undefined, done: true })
    await append(scenario, 0, ['a'])
    expect(await take(consumer.messages(), 1)).toEqual(['a'])
  }))
