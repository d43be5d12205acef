import { describe, expect, test } from 'vitest'
import { engineOf } from '../../src/engine/index.ts'
import type { Consumer, ConsumerOptions } from '../../src/index.ts'
import { append, committedAt, consumerOf, take, value } from '../support/consuming.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'

const three = { topics: { t: 3 } }
const place = (partition: number) => ({ topic: 't', partition })
const start = (partition: number) => ({ ...place(partition), offset: 'earliest' as const })

/** A consumer with these partitions, which it reads from the beginning. */
const reading = (scenario: Scenario, partitions: number[], options: Partial<ConsumerOptions> = {}): Consumer =>
  scenario.kafka.consumer({ assign: partitions.map(start), ...options })

describe('assign', () => {
  test('adds and removes partitions while a reader reads; those that stay keep their positions', () =>
    onTestkit(three, async (scenario) => {
      for (const partition of [0, 1, 2]) await append(scenario, partition, [`${partition}a`, `${partition}b`])
      const consumer = reading(scenario, [0, 1])
      const engine = engineOf(consumer)
      const reader = consumer.messages()
      expect((await take(reader, 4)).sort()).toEqual(['0a', '0b', '1a', '1b'])
      const more = reader.next()
      await engine.assign([start(1), start(2)])
      expect(consumer.assignment()).toEqual([place(1), place(2)])
      expect([value((await more).value), ...(await take(reader, 1))]).toEqual(['2a', '2b'])
      await append(scenario, 0, ['0c'])
      await append(scenario, 1, ['1c'])
      expect(await take(reader, 1)).toEqual(['1c'])
      const last = reader.next()
      await scenario.advance('5s')
      await consumer.close()
      expect((await last).done).toBe(true)
    }))

  test('gives records to a reader that waits without any partition', () =>
    onTestkit(three, async (scenario) => {
      await append(scenario, 2, ['a'])
      const consumer = reading(scenario, [])
      const engine = engineOf(consumer)
      const first = engine.batches().next()
      await scenario.advance('10s')
      await engine.assign([start(2)])
      const { value: batch } = await first
      expect(batch).toMatchObject({ partition: 2, firstOffset: 0 })
      await engine.assign([])
      expect(consumer.assignment()).toEqual([])
      expect(batch?.isCurrent).toBe(false)
    }))

  test('ends a removed partition as a revocation does: waits for its items, calls the hooks, and commits', () =>
    onTestkit(three, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      const calls: string[] = []
      const hook = (name: string) => (partitions: readonly { partition: number }[]) => {
        calls.push(`${name} ${partitions.map(({ partition }) => partition)}`)
      }
      const hooks = { onAssigned: hook('assigned'), onRevoked: hook('revoked') }
      const consumer = reading(scenario, [0], { groupId: 'g', ...hooks })
      const engine = engineOf(consumer)
      const reader = consumer.messages()
      const { value: first } = await reader.next()
      const assigning = engine.assign([start(1)]).then(() => calls.push('done'))
      await scenario.advance('1s')
      expect(engine.rebalancing).toBe(true)
      expect(calls).toEqual(['assigned 0'])
      consumer.done(first!)
      await assigning
      expect(calls).toEqual(['assigned 0', 'revoked 0', 'assigned 1', 'done'])
      expect(committedAt(scenario)).toBe(1)
      expect(engine.rebalancing).toBe(false)
      expect(() => consumer.done(first!)).toThrow('the partition was revoked or repositioned')
    }))

  test('waits for an item of a removed partition no longer than revokeGraceMs, and aborts its signal', () =>
    onTestkit(three, async (scenario) => {
      await append(scenario, 0, ['a'])
      const consumer = reading(scenario, [0], { revokeGraceMs: 2_000 })
      const { value: batch } = await engineOf(consumer).batches().next()
      const startedMs = scenario.nowMs
      await engineOf(consumer).assign([])
      expect(scenario.nowMs - startedMs).toBeGreaterThanOrEqual(2_000)
      expect(scenario.nowMs - startedMs).toBeLessThan(3_000)
      expect(batch?.signal.aborted).toBe(true)
    }))

  test('is refused, and changes nothing, for a partition or a topic that does not exist', () =>
    onTestkit({ ...three, kafka: { topicTimeoutMs: 5_000 } }, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      const consumer = reading(scenario, [0])
      const engine = engineOf(consumer)
      const reader = consumer.messages()
      await take(reader, 1)
      const missing = { ...place(3), offset: 5n }
      await expect(engine.assign([place(1), missing])).rejects.toThrow('partition 3 does not exist')
      await expect(engine.assign([{ topic: 'missing', partition: 0 }])).rejects.toMatchObject({
        code: 'UNKNOWN_TOPIC_OR_PARTITION',
        fatal: false,
      })
      await expect(engine.assign([place(1), place(1)])).rejects.toThrow("contains topic 't', partition 1 twice")
      await expect(engine.assign([{ topic: 't' }] as never)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
      expect(consumer.assignment()).toEqual([place(0)])
      expect(await take(reader, 1)).toEqual(['b'])
    }))

  test('calls follow one another: the last one decides', () =>
    onTestkit(three, async (scenario) => {
      const consumer = reading(scenario, [0])
      const engine = engineOf(consumer)
      await Promise.all([engine.assign([place(1)]), engine.assign([place(1), place(2)]), engine.assign([place(2)])])
      expect(consumer.assignment()).toEqual([place(2)])
    }))

  test('ends at its deadline, and with the consumer', () =>
    onTestkit({ ...three, kafka: { topicTimeoutMs: 600_000, apiTimeoutMs: 600_000 } }, async (scenario) => {
      const consumer = reading(scenario, [0])
      const engine = engineOf(consumer)
      const missing = [{ topic: 'missing', partition: 0 }]
      await expect(engine.assign(missing, { timeoutMs: 1_000 })).rejects.toMatchObject({ code: 'TIMED_OUT' })
      const pending = expect(engine.assign(missing)).rejects.toMatchObject({ code: 'CLOSED' })
      await scenario.advance('1s')
      await consumer.close()
      await pending
      await expect(engine.assign([place(0)])).rejects.toMatchObject({ code: 'CLOSED' })
    }))

  test('of a member of a group is refused; a consumer without partitions does not start by itself', () =>
    onTestkit(three, async (scenario) => {
      await expect(engineOf(consumerOf(scenario)).assign([place(0)])).rejects.toThrow('is a member of a group')
      const pointless = scenario.kafka.consumer({ assign: [] })
      await expect(pointless.messages().next()).rejects.toThrow('The consumer has no partitions to read')
    }))
})

describe('pause', () => {
  test('of one partition leaves the others, and outlives a rebalance', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      const consumer = consumerOf(scenario)
      const reader = consumer.messages()
      await append(scenario, 1, ['first'])
      expect(await take(reader, 1)).toEqual(['first'])
      consumer.pause([place(0)])
      const other = consumerOf(scenario)
      const joining = other.ready()
      const pending = reader.next()
      await joining
      await other.close()
      await scenario.advance('30s')
      expect(consumer.assignment()).toHaveLength(2)
      expect(consumer.paused()).toEqual([place(0)])
      await append(scenario, 0, ['paused'])
      await append(scenario, 1, ['read'])
      expect(value((await pending).value)).toBe('read')
      const resumed = reader.next()
      await scenario.advance('5s')
      consumer.resume([place(0)])
      expect(value((await resumed).value)).toBe('paused')
    }))

  test('of the engine holds for a partition that is assigned later', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      for (const partition of [0, 1]) await append(scenario, partition, [String(partition)])
      const consumer = consumerOf(scenario)
      engineOf(consumer).pause([place(0)])
      const reader = consumer.messages()
      expect(await take(reader, 1)).toEqual(['1'])
      expect(consumer.paused()).toEqual([place(0)])
      const resumed = reader.next()
      await scenario.advance('5s')
      consumer.resume([place(0)])
      expect(value((await resumed).value)).toBe('0')
    }))
})

describe('the member', () => {
  test('shows its id and generation, and which member leads', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      const [one, other] = [consumerOf(scenario), consumerOf(scenario)]
      const engines = [engineOf(one), engineOf(other)]
      expect(engines[0]?.member).toMatchObject({
        state: 'unjoined',
        memberId: '',
        leaderId: undefined,
        isLeader: false,
      })
      await one.ready()
      const again = new Promise((resolve) => one.once('rebalanced', resolve))
      await other.ready()
      await again
      const [first, second] = engines.map((engine) => engine.member)
      expect(first).toMatchObject({ state: 'stable', ...one.groupMetadata() })
      expect(second?.generation).toBe(first?.generation)
      expect(first?.leaderId).toBe(second?.leaderId)
      expect([first, second].filter((member) => member?.isLeader)).toHaveLength(1)
      expect([first?.memberId, second?.memberId]).toContain(first?.leaderId)
      expect(engines.map(({ rebalancing }) => rebalancing)).toEqual([false, false])
      void other.close()
      await scenario.advance('4s')
      expect(engineOf(scenario.kafka.consumer({ assign: [place(0)] })).member).toBeUndefined()
    }))

  test('is rebalancing while partitions are wanted back and a handler still runs', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      await append(scenario, 0, ['a'])
      const consumer = consumerOf(scenario, { revokeGraceMs: 60_000 })
      const engine = engineOf(consumer)
      const reader = engine.batches()
      const { value: batch } = await reader.next()
      expect(engine.rebalancing).toBe(false)
      const joining = consumerOf(scenario).ready()
      await scenario.advance('5s')
      expect(engine.rebalancing).toBe(true)
      expect(batch?.isCurrent).toBe(false)
      await reader.return()
      await joining
    }))
})
