import { describe, expect, test } from 'vitest'
import { createCluster } from '../cluster/cluster.ts'
import { randomOf } from './streams.ts'
import { VirtualTime } from './virtual.ts'

/** The events of one seed in order: timers, turns and arriving bytes. */
async function story(seed: number): Promise<string[]> {
  const time = new VirtualTime({ seed })
  const events: string[] = []
  const record = (what: string) => events.push(`${what} ${time.nowMs.toFixed(3)}`)
  const done = new Promise<void>((resolve) => time.brokers.setTimer(resolve, 100))
  for (const name of ['a', 'b', 'c']) {
    time.brokers.setTimer(() => record(`timer ${name}`), 10)
    time.conditions.later(() => record(`bytes ${name}`))
    time.brokers.setTimer(() => time.brokers.defer(() => record(`turn ${name}`)), 20)
  }
  await time.drive(done)
  return [...events, time.eventHash]
}

test('the same seed produces the same order, times and hash, another one does not', async () => {
  expect(await story(1)).toEqual(await story(1))
  expect(await story(1)).not.toEqual(await story(2))
})

test('random streams are independent of each other', () => {
  const draws = (concern: string) => Array.from({ length: 5 }, randomOf(7, concern))
  expect(draws('network')).toEqual(draws('network'))
  expect(draws('network')).not.toEqual(draws('faults'))
  const all = Array.from({ length: 10_000 }, randomOf(3, 'ids'))
  expect(all.reduce((sum, draw) => sum + draw, 0) / all.length).toBeCloseTo(0.5, 1)
})

describe('a step', () => {
  test('runs all promise callbacks before the next event', async () => {
    const time = new VirtualTime({ seed: 1 })
    const events: string[] = []
    const end = new Promise<void>((resolve) => {
      time.clients.setTimer(async () => {
        for (let i = 0; i < 50; i++) await Promise.resolve()
        events.push('promises')
      }, 10)
      time.clients.setTimer(() => void events.push('next'), 10.001)
      time.clients.setTimer(resolve, 12)
    })
    await time.drive(end)
    expect(events).toEqual(['promises', 'next'])
  })

  test('waits for work outside the event loop', async () => {
    const time = new VirtualTime({ seed: 1 })
    const order: string[] = []
    const work = () => new Promise<void>((resolve) => setTimeout(resolve, 5))
    const worked = time.clients.work(work).then(() => void order.push('worked'))
    const timer = new Promise<void>((resolve) => time.clients.setTimer(resolve, 1)).then(() => void order.push('timer'))
    await time.drive(Promise.all([worked, timer]))
    expect(order).toEqual(['worked', 'timer'])
  })

  /** Jobs of one instant that take any real time, in the order and at the times of their ends. */
  async function jobs(seed: number): Promise<string[]> {
    const time = new VirtualTime({ seed })
    const ends: string[] = []
    const started = new Promise<void>((resolve) => {
      time.clients.setTimer(() => {
        const all = [0, 1, 2, 3].map(async (job) => {
          await time.clients.work(() => new Promise((done) => setTimeout(done, Math.random() * 5)))
          ends.push(`${job} at ${time.nowMs}`)
        })
        void Promise.all(all).then(() => resolve())
      }, 10)
    })
    await time.drive(started)
    return [...ends, time.eventHash]
  }

  test('ends the jobs of one instant in an order and at times that follow from the seed', async () => {
    expect(await jobs(1)).toEqual(await jobs(1))
    expect(new Set(await Promise.all([1, 2, 3, 4].map(jobs).map(async (ends) => (await ends).join()))).size).toBe(4)
  })

  test('ends the run with the error of an event', async () => {
    const time = new VirtualTime({ seed: 1 })
    time.clients.setTimer(() => {
      throw new Error('broken')
    }, 5)
    await expect(time.drive(new Promise(() => {}))).rejects.toThrow('broken')
  })
})

test('time stands at the end of a run, whatever the number of its events, and another run can follow', async () => {
  for (const events of [1, 2, 10, ...Array.from({ length: 12 }, (_, i) => 506 + i), 1023, 1024]) {
    const time = new VirtualTime({ seed: 1 })
    time.clients.setTimer(() => {}, 1_000_000)
    const done = new Promise<void>((resolve) => {
      for (let left = events; left > 0; left--)
        time.clients.setTimer(left === 1 ? resolve : () => {}, events - left + 1)
    })
    await time.drive(done)
    await time.drive(time.arrivals())
    await time.advance(1)
    expect([events, time.nowMs]).toEqual([events, events + 1])
  }
})

describe('a cluster', () => {
  test.each([1, 3])('ends a scenario in which all of its %i brokers are down with its result', async (brokers) => {
    for (let seed = 1; seed <= 10; seed++) {
      await using cluster = await createCluster({ brokers, time: 'virtual', seed, topics: [{ name: 't' }] })
      const result = await cluster.run(async () => {
        for (const broker of cluster.brokers) await broker.kill()
        await new Promise<void>((resolve) => cluster.runtime.setTimer(resolve, 240_000))
        return 'the result'
      })
      expect([seed, result, cluster.virtual?.nowMs]).toEqual([seed, 'the result', 240_000])
    }
  })

  test('lets time pass only in advance and run', async () => {
    await using cluster = await createCluster({ time: 'virtual', topics: [{ name: 't', replicationFactor: 3 }] })
    const beganAtMs = cluster.clock.now()
    await cluster.broker(1).kill()
    await cluster.broker(1).restart()
    expect(cluster.virtual?.nowMs).toBe(0)
    await cluster.clock.advance('7d')
    expect(cluster.clock.now() - beganAtMs).toBe(604_800_000)
  })

  test('moves leaders in virtual time, without waiting', async () => {
    const config = { 'broker.session.timeout.ms': 60_000 }
    await using cluster = await createCluster({
      time: 'virtual',
      config,
      topics: [{ name: 't', replicationFactor: 2 }],
    })
    const { leader } = cluster.partition('t', 0)
    await cluster.run(async () => {
      await cluster.broker(leader).kill()
      await cluster.clock.advance('59s')
      expect(cluster.partition('t', 0).leader).toBe(leader)
      await cluster.clock.advance('2s')
      expect(cluster.partition('t', 0).leader).not.toBe(leader)
    })
  })

  test('sets only the wall clock with a jump', async () => {
    await using cluster = await createCluster({ time: 'virtual' })
    const { runtime, clock } = cluster
    const [wall, mono] = [runtime.wallNow(), runtime.monoNow()]
    clock.jump(-3_600_000)
    expect([runtime.wallNow() - wall, runtime.monoNow() - mono]).toEqual([-3_600_000, 0])
  })

  test('reports what an endless scenario waits for', async () => {
    await using cluster = await createCluster({ time: 'virtual', seed: 9 })
    await cluster.broker(2).kill()
    const ended = cluster.run(() => new Promise(() => {}), { limit: '2h' })
    await expect(ended).rejects.toThrow(
      'did not end within 7200000 ms of virtual time (seed 9): no request is held; 0 client timers are pending; broker 2 is down',
    )
    expect(cluster.virtual?.nowMs).toBeGreaterThan(7_000_000)
  })

  test('has few events in an hour without clients', async () => {
    const topics = [{ name: 't', partitions: 12, replicationFactor: 3 }]
    await using cluster = await createCluster({ time: 'virtual', topics })
    const before = cluster.virtual?.eventCount ?? 0
    await cluster.clock.advance('1h')
    expect((cluster.virtual?.eventCount ?? 0) - before).toBeLessThan(100)
  })

  test.each([
    [{ seed: -1 }, 'seed'],
    [{ time: 'virtual', listen: true }, 'listen'],
    [{ checkReplicas: true }, 'checkReplicas'],
  ] as const)('rejects %j', async (options, what) => {
    await expect(createCluster(options)).rejects.toThrow(what)
  })

  test('has no run in real time', async () => {
    await using cluster = await createCluster({ brokers: 1 })
    await expect(cluster.run(() => 1)).rejects.toThrow("option 'time' to be 'virtual'")
  })
})
