import { ShareAcknowledge, ShareFetch, ShareGroupHeartbeat } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import type { KafkaError, ShareConsumer } from '../../src/index.ts'
import type { Scenario } from '../support/on-testkit.ts'
import { numbers, onShareGroup, type Sharing } from '../support/sharing.ts'

const sortedNumbers = (values: readonly string[]) => values.map(Number).toSorted((a, b) => a - b)

/** A consumer that accepts everything, and its deliveries. */
function worker(sharing: Sharing, workMs = 0, options: Parameters<Sharing['consumer']>[0] = {}) {
  const consumer = sharing.consumer(options)
  const values: string[] = []
  const failed: KafkaError[] = []
  consumer.on('acknowledgeFailed', ({ error }) => failed.push(error))
  const { runtime } = sharing.scenario.cluster
  const running = consumer.run({
    each: async (job) => {
      values.push(`${job.value}`)
      if (workMs > 0) await new Promise<void>((resolve) => void runtime.setTimer(resolve, workMs))
    },
  })
  const end = async () => {
    await consumer.close()
    await running
  }
  return { consumer, values, failed, end }
}

/** Another broker leads the partition; all stay up. */
async function moveLeader({ cluster }: Scenario, to: number): Promise<void> {
  const { replicas } = cluster.partition('t', 0)
  await cluster.reassign('t', 0, [to, ...replicas.filter((id) => id !== to)])
  await cluster.electLeader('t', 0, 'preferred')
  expect(cluster.partition('t', 0).leader).toBe(to)
}

const three = { brokers: 3, replicationFactor: 3 }

describe('two members', () => {
  test('share one partition: each record is accepted once, by one of them', () =>
    onShareGroup(async (sharing, scenario) => {
      const members = [worker(sharing, 20), worker(sharing, 20)]
      await Promise.all(members.map(({ consumer }) => consumer.ready()))
      await sharing.produce(60)
      await sharing.until(() => members.flatMap(({ values }) => values).length >= 60)
      await scenario.advance('35s')
      expect(sortedNumbers(members.flatMap(({ values }) => values))).toEqual(numbers(60))
      for (const { values } of members) expect(values.length).toBeGreaterThan(10)
      for (const { end } of members) await end()
    }))

  test('a member whose connection ends loses its locks: the other one receives its records', () =>
    onShareGroup(async (sharing, scenario) => {
      await sharing.produce(2)
      const first = sharing.consumer()
      const loop = first.jobs()
      const { value: job } = await loop.next()
      expect(`${job!.value}`).toBe('0')
      const second = worker(sharing)
      await scenario.advance('2s')
      expect(second.values).toEqual([])
      const memberId = scenario.seen(ShareFetch)[0]!.body.memberId
      scenario.fault('ShareAcknowledge', 'close', 'once', { when: ({ memberId: own }) => own === memberId })
      scenario.fault('ShareFetch', 'close', 'once', { when: ({ memberId: own }) => own === memberId })
      await expect(job!.accept()).rejects.toMatchObject({
        code: 'CONNECTION_LOST',
        outcome: 'unknown',
        message: expect.stringContaining('delivers the record again'),
      })
      await first.close()
      await sharing.until(() => second.values.length === 2)
      await second.end()
    }))
})

describe('the leader', () => {
  test('moves: jobs abort, their acknowledgements say that the record is delivered again, and reading continues', () =>
    onShareGroup(async (sharing, scenario) => {
      await sharing.produce(6)
      const consumer = sharing.consumer()
      const lost: string[] = []
      consumer.on('lockLost', ({ error }) => lost.push(error.code))
      const jobs = consumer.jobs()
      const { value: job } = await jobs.next()
      const { leader } = scenario.cluster.partition('t', 0)
      await sharing.until(() => consumer.acquired() === 2)
      await scenario.cluster.broker(leader).kill()
      // Without a request in flight: the connection ended.
      await scenario.advance(50)
      expect(job!.signal.aborted).toBe(true)
      await expect(job!.accept()).rejects.toMatchObject({
        code: expect.stringMatching(/CONNECTION_LOST|CONNECTION_FAILED|NOT_LEADER_OR_FOLLOWER/),
        message: expect.stringMatching(/the record will be delivered again/),
        offset: 0n,
      })
      const seen: string[] = []
      for (let next = await jobs.next(); !next.done; next = await jobs.next()) {
        seen.push(`${next.value.value}`)
        await next.value.accept()
        if (seen.length === 6) break
      }
      expect(sortedNumbers(seen)).toEqual(numbers(6))
      expect(lost.length).toBeGreaterThan(0)
      await jobs.return()
      await consumer.close()
    }, three))

  test('moves while all brokers stay up: the records are delivered by the new leader', () =>
    onShareGroup(async (sharing, scenario) => {
      await sharing.produce(30)
      const one = worker(sharing, 50)
      await sharing.until(() => one.values.length > 3)
      const { leader, replicas } = scenario.cluster.partition('t', 0)
      await moveLeader(scenario, replicas.find((id) => id !== leader)!)
      await sharing.until(() => new Set(one.values).size === 30)
      await scenario.advance('35s')
      expect(one.values.length).toBeLessThanOrEqual(30 + 4)
      await one.end()
    }, three))
})

describe('the coordinator', () => {
  test('moves: the member continues there, and loses no lock', () =>
    onShareGroup(async (sharing, scenario) => {
      await sharing.produce(1)
      const consumer = sharing.consumer()
      await consumer.ready()
      const coordinator = scenario.seen(ShareGroupHeartbeat).at(-1)!.node
      const { leader, replicas } = scenario.cluster.partition('t', 0)
      if (leader === coordinator) await moveLeader(scenario, replicas.find((id) => id !== leader)!)
      const jobs = consumer.jobs()
      const { value: job } = await jobs.next()
      await scenario.cluster.broker(coordinator).kill()
      await scenario.advance('10s')
      expect(scenario.seen(ShareGroupHeartbeat).at(-1)!.node).not.toBe(coordinator)
      await job!.accept()
      await sharing.produce(1, { from: 1 })
      const next = await jobs.next()
      expect(`${next.value!.value}`).toBe('1')
      await jobs.return()
      await consumer.close()
    }, three))
})

describe('a share session', () => {
  test.each(['SHARE_SESSION_NOT_FOUND', 'INVALID_SHARE_SESSION_EPOCH', 'SHARE_SESSION_LIMIT_REACHED'] as const)(
    'that ends with %s is opened again, and each record is accepted',
    (error) =>
      onShareGroup(async (sharing, scenario) => {
        await sharing.produce(20)
        const one = worker(sharing, 20)
        await sharing.until(() => one.values.length > 3)
        scenario.fault('ShareFetch', { error }, 'once')
        await sharing.until(() => new Set(one.values).size === 20)
        await scenario.advance('60s')
        await one.end()
        const opened = scenario.seen(ShareFetch).filter(({ body }) => body.shareSessionEpoch === 0)
        expect(opened.length).toBeGreaterThan(1)
        const late = worker(sharing)
        await scenario.advance('60s')
        expect(late.values).toEqual([])
        await late.end()
      }),
  )

  test('an acknowledgement that the broker cannot store at the moment is repeated', () =>
    onShareGroup(async (sharing, scenario) => {
      await sharing.produce(1)
      const consumer = sharing.consumer({ maxAcquired: 1 })
      const jobs = consumer.jobs()
      const { value: job } = await jobs.next()
      const error = 'COORDINATOR_NOT_AVAILABLE'
      scenario.fault('ShareAcknowledge', { errorAfterWork: error, at: 'entities' }, { times: 2 })
      await job!.renew()
      expect(scenario.seen(ShareAcknowledge)).toHaveLength(3)
      await job!.accept()
      await jobs.return()
      await consumer.close()
    }))
})

describe('close', () => {
  test('waits for a handler within its grace, and releases what waits behind it', () =>
    onShareGroup(async (sharing, scenario) => {
      await sharing.produce(4)
      const first = worker(sharing, 2_000)
      await sharing.until(() => first.consumer.acquired() === 2)
      await first.end()
      expect(scenario.kafka.metrics().counters['share.accepted']).toBe(1)
      const second = worker(sharing)
      await sharing.until(() => second.values.length === 3, 10_000)
      expect(sortedNumbers(second.values)).toEqual([1, 2, 3])
      await second.end()
    }))

  test('aborts a handler that takes longer than its grace; its record is delivered immediately to another member', () =>
    onShareGroup(async (sharing, scenario) => {
      await sharing.produce(1)
      const consumer: ShareConsumer = sharing.consumer({ closeGraceMs: 1_000 })
      const reasons: unknown[] = []
      const running = consumer.run({
        each: async (_job, { signal }) => {
          await new Promise<void>((resolve) => void signal.addEventListener('abort', () => resolve()))
          reasons.push((signal.reason as KafkaError).code)
        },
      })
      await sharing.until(() => consumer.acquired() === 1)
      const closedMs = scenario.nowMs
      await consumer.close()
      expect(scenario.nowMs - closedMs).toBeLessThan(3_000)
      await running
      expect(reasons).toEqual(['CLOSED'])
      const other = worker(sharing)
      await sharing.until(() => other.values.length === 1, 10_000)
      await other.end()
    }))

  test('ends the session and leaves the group', () =>
    onShareGroup(async (sharing, scenario) => {
      await sharing.produce(1)
      const one = worker(sharing)
      await sharing.until(() => one.values.length === 1)
      await one.end()
      expect(scenario.seen(ShareAcknowledge).at(-1)?.body.shareSessionEpoch).toBe(-1)
      await scenario.kafka.close()
      expect(() => sharing.consumer()).toThrow(expect.objectContaining({ code: 'CLOSED' }))
    }))
})
