import { ShareAcknowledge, ShareFetch } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import type { KafkaError } from '../../src/index.ts'
import { numbers, onShareGroup } from '../support/sharing.ts'

const texts = (count: number) => numbers(count).map(String)

describe('run', () => {
  test('accepts what its handler returns from, and nothing is delivered twice', () =>
    onShareGroup(async (sharing, scenario) => {
      await sharing.produce(20)
      const consumer = sharing.consumer()
      const values: string[] = []
      const running = consumer.run({ each: (job) => void values.push(String(job.value)) })
      await sharing.until(() => values.length === 20)
      await consumer.close()
      await running
      expect(values).toEqual(texts(20))
      const next = sharing.consumer()
      const late: string[] = []
      const again = next.run({ each: (job) => void late.push(String(job.value)) })
      await scenario.advance('60s')
      await next.close()
      await again
      expect(late).toEqual([])
    }))

  test('releases what its handler throws for: it is delivered again with a higher count, to its limit', () =>
    onShareGroup(
      async (sharing, scenario) => {
        await sharing.produce(3)
        const consumer = sharing.consumer()
        const failed: number[] = []
        consumer.on('jobFailed', ({ deliveryCount, error }) => {
          expect(error).toMatchObject({ message: 'no' })
          failed.push(deliveryCount)
        })
        const counts: number[] = []
        const accepted: string[] = []
        const running = consumer.run({
          each: (job) => {
            if (String(job.value) !== '1') return void accepted.push(String(job.value))
            counts.push(job.deliveryCount)
            throw new Error('no')
          },
        })
        await scenario.advance('120s')
        expect(counts).toEqual([1, 2, 3])
        expect(failed).toEqual([1, 2, 3])
        expect(accepted).toEqual(['0', '2'])
        await consumer.close()
        await running
      },
      { group: { 'share.delivery.count.limit': 3 } },
    ))

  test('renews the locks of handlers that take longer, and of the records behind them', () =>
    onShareGroup(
      async (sharing, scenario) => {
        await sharing.produce(2)
        const slow = sharing.consumer()
        const other = sharing.consumer()
        const seen: string[] = []
        const aborted: boolean[] = []
        const work = slow.run({
          each: async (job, { signal }) => {
            seen.push(`slow ${job.value} ${job.deliveryCount}`)
            await new Promise<void>((resolve) => void scenario.cluster.runtime.setTimer(resolve, 45_000))
            aborted.push(signal.aborted)
          },
        })
        await sharing.until(() => slow.acquired() === 2)
        const idle = other.run({ each: (job) => void seen.push(`other ${job.value} ${job.deliveryCount}`) })
        await scenario.advance('120s')
        expect(seen).toEqual(['slow 0 1', 'slow 1 1'])
        expect(aborted).toEqual([false, false])
        expect(scenario.seen(ShareAcknowledge).filter(({ body }) => body.isRenewAck).length).toBeGreaterThan(5)
        await slow.close()
        await other.close()
        await work
        await idle
      },
      { group: { 'share.record.lock.duration.ms': 15_000 } },
    ))

  test('aborts the signal of a handler whose lock ends after maxProcessingMs; its late return accepts nothing', () =>
    onShareGroup(
      async (sharing, scenario) => {
        await sharing.produce(1)
        const consumer = sharing.consumer({ maxProcessingMs: 20_000 })
        const lost: (string | bigint)[] = []
        consumer.on('lockLost', ({ offset, error }) => lost.push(offset, error.code, error.message))
        const counts: number[] = []
        const reasons: unknown[] = []
        const running = consumer.run({
          each: async (job, { signal }) => {
            counts.push(job.deliveryCount)
            if (job.deliveryCount > 1) return
            await new Promise<void>((resolve) => void signal.addEventListener('abort', () => resolve()))
            reasons.push((signal.reason as KafkaError).code)
          },
        })
        await scenario.advance('60s')
        expect(reasons).toEqual(['INVALID_RECORD_STATE'])
        expect(lost).toEqual([
          0n,
          'INVALID_RECORD_STATE',
          "The lock of the record (topic 't', partition 0, offset 0) is lost: it ended before the record was acknowledged; the record will be delivered again",
        ])
        expect(counts).toEqual([1, 2])
        await consumer.close()
        await running
      },
      { group: { 'share.record.lock.duration.ms': 15_000 } },
    ))

  test('acquires at most twice its concurrency, and runs that many handlers', () =>
    onShareGroup(async (sharing, scenario) => {
      await sharing.produce(40)
      const consumer = sharing.consumer()
      let running = 0
      let most = 0
      let mostAcquired = 0
      let done = 0
      const finished = consumer.run({
        concurrency: 3,
        each: async () => {
          most = Math.max(most, ++running)
          mostAcquired = Math.max(mostAcquired, consumer.acquired())
          await new Promise<void>((resolve) => void scenario.cluster.runtime.setTimer(resolve, 100))
          running--
          done++
        },
      })
      await sharing.until(() => done === 40)
      expect(most).toBe(3)
      expect(mostAcquired).toBe(6)
      for (const { body } of scenario.seen(ShareFetch)) {
        expect(body.maxRecords).toBeLessThanOrEqual(6)
        expect(body.shareAcquireMode).toBe(1)
      }
      await consumer.close()
      await finished
    }))

  test('leaves to its handler what the handler decides itself', () =>
    onShareGroup(async (sharing, scenario) => {
      await sharing.produce(3)
      const consumer = sharing.consumer()
      const seen: string[] = []
      const running = consumer.run({
        each: async (job) => {
          seen.push(`${job.value} ${job.deliveryCount}`)
          if (String(job.value) === '0') await job.reject()
          else if (String(job.value) === '1' && job.deliveryCount === 1) await job.release()
          else await job.accept()
        },
      })
      await scenario.advance('60s')
      expect(seen.sort()).toEqual(['0 1', '1 1', '1 2', '2 1'])
      const { counters } = scenario.kafka.metrics()
      expect(counters['share.accepted']).toBe(2)
      expect(counters['share.released']).toBe(1)
      expect(counters['share.rejected']).toBe(1)
      await consumer.close()
      await running
    }))

  test('ends at its signal when its handlers have ended; what it has not begun is delivered to others', () =>
    onShareGroup(async (sharing, scenario) => {
      await sharing.produce(4)
      const consumer = sharing.consumer()
      const stop = new AbortController()
      const seen: string[] = []
      const running = consumer.run({
        signal: stop.signal,
        each: async (job) => {
          seen.push(`${job.value}`)
          await new Promise<void>((resolve) => void scenario.cluster.runtime.setTimer(resolve, 1_000))
        },
      })
      await sharing.until(() => seen.length === 1)
      stop.abort()
      await running
      expect(seen).toEqual(['0'])
      const other = sharing.consumer()
      const rest: string[] = []
      const work = other.run({ each: (job) => void rest.push(`${job.value}`) })
      await scenario.advance('60s')
      expect(rest.sort()).toEqual(['1', '2', '3'])
      await consumer.close()
      await other.close()
      await work
    }))

  test('can be closed by its handler', () =>
    onShareGroup(async (sharing, scenario) => {
      await sharing.produce(1)
      const consumer = sharing.consumer()
      const running = consumer.run({ each: () => consumer.close() })
      await scenario.advance('15s')
      await running
      await consumer.close()
      expect(scenario.kafka.metrics().counters['share.accepted']).toBe(1)
    }))
})
