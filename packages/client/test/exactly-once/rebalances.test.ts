import { describe, expect, test } from 'vitest'
import { deferred } from '../../src/runtime/deferred.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'
import {
  committedInputs,
  copy,
  feed,
  numbers,
  outputs,
  type ProcessorOptions,
  processorOf,
  until,
  visible,
} from '../support/processing.ts'

const groups: { name: string; options: ProcessorOptions }[] = [
  { name: 'eager', options: { assignors: ['range'] } },
  { name: 'cooperative', options: { assignors: ['cooperative-sticky'] } },
  { name: 'KIP-848', options: { protocol: 'consumer' } },
]

describe.each(groups)('in a group that is $name', ({ options: group }) => {
  const on = (play: (scenario: Scenario) => Promise<void>) =>
    onTestkit({ topics: { in: 2, out: 2 }, kafka: { requestTimeoutMs: 5_000 } }, play)
  /** Commits only when something else than time demands it. */
  const slow = { ...group, commitIntervalMs: 30_000 }

  test('the open transaction is committed before its partitions are given up', () =>
    on(async (scenario) => {
      await feed(scenario, numbers(20), 2)
      const seen: string[] = []
      const first = processorOf(scenario, {
        ...slow,
        each: (message, tx) => {
          seen.push(String(message.value))
          return copy(message, tx)
        },
      })
      await until(scenario, 'all are processed', () => seen.length === 20)
      expect(first.counts.committed).toBe(0)
      const second = processorOf(scenario, { ...slow, transactionalId: 'p-2' })
      await until(scenario, 'the partitions are shared', () => second.assignment().length === 1)
      expect(first.counts).toEqual({ records: 20, committed: 1, aborted: 0 })
      await feed(scenario, numbers(10, 20), 2)
      for (const processor of [first, second]) await until(scenario, 'both read', () => processor.lag() === 0)
      for (const processor of [first, second]) await processor.close()
      expect(second.counts.aborted).toBe(0)
      expect((await visible(scenario, 2)).sort()).toEqual(outputs(numbers(30)))
      expect(await committedInputs(scenario)).toEqual([15n, 15n])
    }))

  test('it is aborted where a handler does not end within the grace, and another instance processes its messages', () =>
    on(async (scenario) => {
      await feed(scenario, numbers(6), 2)
      const hung = deferred<void>()
      let calls = 0
      const first = processorOf(scenario, {
        ...slow,
        revokeGraceMs: 1_000,
        concurrency: 2,
        each: async (message, tx) => {
          await copy(message, tx)
          // In both partitions, so that one of them is given up.
          if (message.offset === 2n && calls++ < 2) await hung.promise
        },
      })
      await until(scenario, 'both hang', () => calls === 2)
      const second = processorOf(scenario, { ...slow, transactionalId: 'p-2' })
      await until(scenario, 'the partitions are shared', () => second.assignment().length === 1)
      expect(first.counts).toEqual({ records: 0, committed: 0, aborted: 1 })
      expect(await committedInputs(scenario)).not.toContain(3n)
      hung.resolve()
      await until(scenario, 'the rest is processed', () => (first.lag() ?? 1) + (second.lag() ?? 1) === 0)
      for (const processor of [first, second]) await processor.close()
      expect(first.counts.records + second.counts.records).toBe(6)
      expect((await visible(scenario, 2)).sort()).toEqual(outputs(numbers(6)))
    }))

  test('nothing of a transaction is visible whose partitions were lost, and their messages are processed again', () =>
    on(async (scenario) => {
      await feed(scenario, numbers(10), 2)
      let processed = 0
      const processor = processorOf(scenario, {
        ...slow,
        each: (message, tx) => {
          processed++
          return copy(message, tx)
        },
      })
      await until(scenario, 'all are processed', () => processed === 10)
      const api = group.protocol === 'consumer' ? 'ConsumerGroupHeartbeat' : 'Heartbeat'
      scenario.fault(api, { error: 'UNKNOWN_MEMBER_ID' }, 'once')
      let isLost = false
      processor.on('lost', () => {
        isLost = true
      })
      await until(scenario, 'the partitions are lost', () => isLost)
      await until(scenario, 'the transaction is aborted', () => processor.counts.aborted === 1, 1_000)
      expect(await visible(scenario, 2)).toEqual([])
      expect(await committedInputs(scenario)).not.toContain(5n)
      await until(scenario, 'all are processed again', () => processed === 20)
      await processor.close()
      expect((await visible(scenario, 2)).sort()).toEqual(outputs(numbers(10)))
    }))

  test('new partitions are processed too', () =>
    on(async (scenario) => {
      await feed(scenario, numbers(10), 2)
      const processor = processorOf(scenario, {
        ...group,
        each: (message, tx) => tx.send({ topic: 'out', value: `out-${String(message.value)}` }),
      })
      await until(scenario, 'all are committed', () => processor.counts.records === 10)
      const admin = scenario.kafka.admin()
      await admin.createPartitions({ in: 4 })
      await until(scenario, 'they are assigned', () => processor.assignment().length === 4, 400_000)
      await feed(scenario, numbers(12, 10), 4)
      await until(scenario, 'all are committed', () => processor.counts.records === 22)
      await processor.close()
      expect((await visible(scenario, 2)).sort()).toEqual(outputs(numbers(22)))
    }))
})
