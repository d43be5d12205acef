import { describe, expect, test } from 'vitest'
import { createCluster } from '../cluster/cluster.ts'
import { ClusterClock, type Duration, durationMs } from './clock.ts'
import { systemRuntime } from './node-runtime.ts'

test.each([
  [5, 5],
  ['250ms', 250],
  ['45s', 45_000],
  ['1.5m', 90_000],
  ['2h', 7_200_000],
  ['7d', 604_800_000],
] as const)('parses %j as %i ms', (duration, ms) => {
  expect(durationMs(duration)).toBe(ms)
})

test.each([-1, Number.NaN, 'soon', '5', '5 s', null])('rejects %j as a duration', (duration) => {
  expect(() => durationMs(duration as Duration)).toThrow(TypeError)
})

describe('advance', () => {
  test('fires due timers in order, each at its own time, including timers set during the advance', async () => {
    const clock = new ClusterClock(systemRuntime)
    const { runtime } = clock
    const start = runtime.monoNow()
    const fired: [string, number][] = []
    const note = (name: string) => fired.push([name, Math.round((runtime.monoNow() - start) / 1000)])
    runtime.setTimer(() => note('b'), 20_000)
    runtime.setTimer(() => {
      note('a')
      runtime.setTimer(() => note('a+5'), 5_000)
      // Caused by a, over a few turns: before b.
      runtime.defer(() => runtime.defer(() => Promise.resolve().then(() => note('a, later'))))
    }, 10_000)
    const cleared = runtime.setTimer(() => note('cleared'), 10_000)
    runtime.clearTimer(cleared)
    const late = runtime.setTimer(() => note('late'), 60_000)
    await clock.advance('30s')
    expect(fired).toEqual([
      ['a', 10],
      ['a, later', 10],
      ['a+5', 15],
      ['b', 20],
    ])
    expect(clock.shiftMs).toBeGreaterThan(29_000)
    expect(clock.timerCount).toBe(1)
    runtime.clearTimer(late)
    expect(clock.timerCount).toBe(0)
  })

  test('moves the wall clock too, and time continues by itself', async () => {
    const clock = new ClusterClock(systemRuntime)
    const before = Date.now()
    await clock.advance('7d')
    expect(clock.now() - before).toBeGreaterThanOrEqual(604_800_000)
    await new Promise<void>((resolve) => clock.runtime.setTimer(resolve, 1))
    expect(clock.timerCount).toBe(0)
  })

  test('moves leaders away from a dead broker without waiting for its session timeout', async () => {
    const config = { 'broker.session.timeout.ms': 60_000 }
    await using cluster = await createCluster({ brokers: 2, config, topics: [{ name: 't', replicationFactor: 2 }] })
    const { leader } = cluster.partition('t', 0)
    await cluster.broker(leader).kill()
    expect(cluster.partition('t', 0).leader).toBe(leader)
    await cluster.clock.advance('60s')
    expect(cluster.partition('t', 0).leader).toBe(3 - leader)
  })
})
