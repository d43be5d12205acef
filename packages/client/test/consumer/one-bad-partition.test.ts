import { describe, expect, test } from 'vitest'
import type { Consumer } from '../../src/index.ts'
import { append, committedAt, consumerOf, value } from '../support/consuming.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'

const bad = 2
const badBroker = 3
const good = [0, 1, 3]

/** What fails for one partition; returns what ends it. */
const kinds: Record<string, (scenario: Scenario) => Promise<() => unknown>> = {
  leaderless: async ({ cluster }) => {
    await cluster.broker(badBroker).kill()
    return () => cluster.broker(badBroker).restart()
  },
  forbidden: async (scenario) => {
    const rules = (['Fetch', 'ListOffsets', 'OffsetCommit', 'OffsetFetch', 'OffsetForLeaderEpoch'] as const).map(
      (api) => scenario.fault(api, { error: 'TOPIC_AUTHORIZATION_FAILED' }, 'always', { topic: 't', partition: bad }),
    )
    return () => {
      for (const rule of rules) rule.remove()
    }
  },
  unstable: async (scenario) => {
    const rule = scenario.fault('OffsetFetch', { error: 'UNSTABLE_OFFSET_COMMIT' }, 'always', {
      topic: 't',
      partition: bad,
    })
    return () => rule.remove()
  },
  'on a slow broker': async ({ fault }) => {
    // The coordinator is another one: its requests would wait behind these.
    const rules = (['Fetch', 'ListOffsets', 'OffsetForLeaderEpoch'] as const).map((api) =>
      fault(api, { delay: '20s' }, 'always', { node: badBroker }),
    )
    return () => {
      for (const rule of rules) rule.remove()
    }
  },
  deleted: async ({ fault }) => {
    const rules = (['Fetch', 'ListOffsets', 'OffsetForLeaderEpoch'] as const).map((api) =>
      fault(api, { error: 'UNKNOWN_TOPIC_OR_PARTITION' }, 'always', { topic: 't', partition: bad }),
    )
    return () => {
      for (const rule of rules) rule.remove()
    }
  },
}

const play = (act: (scenario: Scenario) => Promise<void>) =>
  onTestkit({ brokers: 4, topics: { t: 4 }, kafka: { metadataMaxAgeMs: 2_000 } }, async (scenario) => {
    // The bad partition alone is on its broker.
    for (const partition of [0, 1, 2, 3])
      await scenario.cluster.reassign('t', partition, [partition === bad ? badBroker : 1])
    await scenario.advance('2s')
    await act(scenario)
  })

/** Polls until the good partitions have delivered this value; returns the milliseconds. */
async function until(scenario: Scenario, consumer: Consumer, wanted: string): Promise<number> {
  const startedMs = scenario.nowMs
  const missing = new Set(good)
  while (missing.size > 0 && scenario.nowMs - startedMs < 30_000) {
    for (const message of await consumer.poll({ timeoutMs: 500 })) {
      if (value(message) === wanted) missing.delete(message.partition)
    }
  }
  expect([...missing], `partitions without '${wanted}'`).toEqual([])
  return scenario.nowMs - startedMs
}

async function appendGood(scenario: Scenario, content: string): Promise<void> {
  for (const partition of good) await append(scenario, partition, [content])
}

describe.each(Object.keys(kinds))('one partition that is %s', (kind) => {
  test('does not hold up the others at the start, in commits, at a seek, in a rebalance and in close', () =>
    play(async (scenario) => {
      const end = await kinds[kind]!(scenario)
      await appendGood(scenario, 'a')
      const consumer = consumerOf(scenario, { sessionTimeoutMs: 10_000 })
      expect(await until(scenario, consumer, 'a'), 'start').toBeLessThan(5_000)
      await consumer.poll({ timeoutMs: 0 })
      let startedMs = scenario.nowMs
      await consumer.commit(undefined, { timeoutMs: 5_000 }).catch((error: unknown) => {
        // Only the partition that cannot be committed is refused.
        expect(error).toMatchObject({ partition: bad })
      })
      expect(scenario.nowMs - startedMs, 'commit').toBeLessThan(6_000)
      for (const partition of good) expect(committedAt(scenario, partition)).toBe(1)
      for (const partition of good) consumer.seek({ topic: 't', partition, offset: 'earliest' })
      expect(await until(scenario, consumer, 'a'), 'seek').toBeLessThan(3_000)
      await consumer.poll({ timeoutMs: 0 })
      scenario.fault('Heartbeat', { error: 'REBALANCE_IN_PROGRESS' }, 'once')
      await scenario.advance('4s')
      await appendGood(scenario, 'b')
      expect(await until(scenario, consumer, 'b'), 'rebalance').toBeLessThan(6_000)
      await consumer.poll({ timeoutMs: 0 })
      startedMs = scenario.nowMs
      await consumer.close()
      expect(scenario.nowMs - startedMs, 'close').toBeLessThan(6_000)
      for (const partition of good) expect(committedAt(scenario, partition)).toBe(2)
      await end()
    }))

  test('is read once the cause is gone', () =>
    play(async (scenario) => {
      await append(scenario, bad, ['x'])
      const end = await kinds[kind]!(scenario)
      const consumer = consumerOf(scenario)
      await consumer.poll({ timeoutMs: 0 })
      await scenario.advance('5s')
      await end()
      const startedMs = scenario.nowMs
      let found: string | undefined
      while (found === undefined && scenario.nowMs - startedMs < 60_000) {
        found = value((await consumer.poll({ timeoutMs: 500 }))[0])
      }
      expect(found).toBe('x')
    }))
})
