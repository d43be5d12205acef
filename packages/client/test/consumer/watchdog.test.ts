import { LeaveGroup } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import { append, consumerOf } from '../support/consuming.ts'
import { onTestkit } from '../support/on-testkit.ts'
import { failure, outcome } from '../support/settled.ts'

describe('a handler that hangs', () => {
  test('is none while items end in time, however long the run lasts', () =>
    onTestkit({}, async (scenario) => {
      await append(
        scenario,
        0,
        Array.from({ length: 20 }, (_, at) => `v${at}`),
      )
      const consumer = consumerOf(scenario, { maxProcessingMs: 10_000 })
      let stalled = 0
      consumer.on('stalled', () => stalled++)
      const stop = new AbortController()
      const running = consumer.run({ each: () => scenario.advance('3s'), signal: stop.signal })
      await scenario.advance('50s')
      expect(stalled).toBe(0)
      stop.abort()
      await running
    }))

  test('ends the run with PROCESSING_TIMED_OUT, and is reported once', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      const consumer = consumerOf(scenario, { maxProcessingMs: 10_000, revokeGraceMs: 2_000 })
      let stalled = 0
      consumer.on('stalled', () => stalled++)
      const running = failure(consumer.run({ each: () => new Promise(() => {}) }))
      await scenario.advance('60s')
      expect(await outcome(running, () => scenario.advance(1))).toMatchObject({
        code: 'PROCESSING_TIMED_OUT',
        offset: 0n,
      })
      expect(scenario.seen(LeaveGroup)).toHaveLength(1)
      expect(stalled).toBe(1)
      await expect(consumer.run({ each: () => {} })).rejects.toMatchObject({ code: 'PROCESSING_TIMED_OUT' })
    }))
})
