import { Fetch } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import type { Message } from '../../src/index.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'
import {
  committedInputs,
  copy,
  feed,
  numbers,
  outputOf,
  outputs,
  processorOf,
  until,
  visible,
} from '../support/processing.ts'
import { failure } from '../support/settled.ts'
import { protocols } from '../support/transactions.ts'

describe.each(protocols)('with protocol $protocol (release $release)', ({ release }) => {
  const on = (play: (scenario: Scenario) => Promise<void>, partitions = 1) =>
    onTestkit({ topics: { in: partitions, out: partitions }, as: release, kafka: { requestTimeoutMs: 5_000 } }, play)

  test('commits the outputs with the offsets of their messages, in the order of the messages', () =>
    on(async (scenario) => {
      await feed(scenario, numbers(50))
      const processor = processorOf(scenario)
      await until(scenario, 'all are committed', () => processor.counts.records === 50)
      expect(await visible(scenario)).toEqual(outputs(numbers(50)))
      expect(await committedInputs(scenario)).toEqual([50n])
      await processor.close()
      await processor.done
    }))

  test('commits at the interval what is processed by then', () =>
    on(async (scenario) => {
      await feed(scenario, numbers(5))
      const processor = processorOf(scenario, { commitIntervalMs: 2_000 })
      await processor.ready()
      await scenario.advance('1500ms')
      expect(processor.counts).toEqual({ records: 0, committed: 0, aborted: 0 })
      await scenario.advance('1s')
      expect(processor.counts).toMatchObject({ records: 5, aborted: 0 })
      await processor.close()
    }))

  test('commits before the interval when a transaction has maxRecords', () =>
    on(async (scenario) => {
      await feed(scenario, numbers(30))
      const processor = processorOf(scenario, { commitIntervalMs: 30_000, maxRecords: 10 })
      await until(scenario, 'three transactions are committed', () => processor.counts.records === 30, 5_000)
      expect(processor.counts.committed).toBe(3)
      await processor.close()
    }))

  test('a failed handler aborts the transaction: its messages are handed out again, from the bytes that are there', () =>
    on(async (scenario) => {
      await feed(scenario, numbers(20))
      let calls = 0
      const seen: bigint[] = []
      const processor = processorOf(scenario, {
        commitIntervalMs: 1_000,
        maxRecords: 15,
        retry: { attempts: 2, backoffMs: [0, 0] },
        each: async (message, tx) => {
          seen.push(message.offset)
          await copy(message, tx)
          if (message.offset === 7n && calls++ === 0) throw new Error('once')
        },
      })
      await until(scenario, 'all are committed', () => processor.counts.records === 20)
      const fetches = scenario.seen(Fetch).flatMap(({ body }) => body.topics.flatMap(({ partitions }) => partitions))
      expect(fetches.filter(({ fetchOffset }) => fetchOffset < 20n).length).toBe(1)
      await processor.close()
      expect(seen.slice(0, 10)).toEqual([0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 0n, 1n])
      expect(processor.counts.aborted).toBe(1)
      expect(await visible(scenario)).toEqual(outputs(numbers(20)))
    }))

  test('a handler without further attempts ends the processor, and nothing of its transaction is visible', () =>
    on(async (scenario) => {
      await feed(scenario, numbers(5))
      const processor = processorOf(scenario, {
        maxRecords: 2,
        each: (message, tx) => {
          tx.enqueue(outputOf(message))
          if (message.offset === 3n) throw new Error('broken')
        },
      })
      expect(await failure(processor.done)).toMatchObject({
        code: 'HANDLER_FAILED',
        topic: 'in',
        partition: 0,
        offset: 3n,
      })
      expect(processor.status).toBe('failed')
      expect(await visible(scenario)).toEqual(outputs(numbers(2)))
      expect(await committedInputs(scenario)).toEqual([2n])
      const next = processorOf(scenario)
      await until(scenario, 'the rest is committed', () => next.counts.records === 3)
      await next.close()
      expect(await visible(scenario)).toEqual(outputs(numbers(5)))
    }))

  test('many partitions share one producer, and the handlers of several run at the same time', () =>
    on(async (scenario) => {
      await feed(scenario, numbers(40), 8)
      let running = 0
      let most = 0
      const processor = processorOf(scenario, {
        concurrency: 4,
        each: async (message: Message, tx) => {
          most = Math.max(most, ++running)
          await copy(message, tx)
          running--
        },
      })
      await until(scenario, 'all are committed', () => processor.counts.records === 40)
      await processor.close()
      expect(most).toBe(4)
      expect((await visible(scenario, 8)).sort()).toEqual(outputs(numbers(40)))
    }, 8))
})
