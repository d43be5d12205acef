import { ShareAcknowledge, ShareFetch, ShareGroupHeartbeat } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import { json, string, topic } from '../../src/index.ts'
import { numbers, onShareGroup } from '../support/sharing.ts'

/** The types of the acknowledgements in the requests of a client. */
function typesOf(requests: readonly { readonly body: { readonly topics: Topics } }[]): number[] {
  return requests.flatMap(({ body }) =>
    body.topics.flatMap(({ partitions }) =>
      partitions.flatMap(({ acknowledgementBatches }) =>
        acknowledgementBatches.flatMap(({ acknowledgeTypes }) => acknowledgeTypes),
      ),
    ),
  )
}
type Topics = readonly {
  readonly partitions: readonly {
    readonly acknowledgementBatches: readonly { readonly acknowledgeTypes: readonly number[] }[]
  }[]
}[]

describe('for await', () => {
  test('accepts a job when the next one is requested', () =>
    onShareGroup(async (sharing, scenario) => {
      await sharing.produce(5)
      const consumer = sharing.consumer()
      const values: string[] = []
      for await (const job of consumer) {
        values.push(`${job.value}`)
        if (values.length === 5) break
      }
      await scenario.advance('60s')
      expect(values).toEqual(numbers(5).map(String))
      expect(scenario.kafka.metrics().counters['share.accepted']).toBe(4)
      expect(scenario.kafka.metrics().counters['share.released']).toBe(1)
      await consumer.close()
    }))

  test('releases a job by break and by throw: the next loop receives it with a higher count', () =>
    onShareGroup(async (sharing) => {
      await sharing.produce(1)
      const consumer = sharing.consumer()
      const counts: number[] = []
      for await (const job of consumer) {
        counts.push(job.deliveryCount)
        break
      }
      const thrown = (async () => {
        for await (const job of consumer) {
          counts.push(job.deliveryCount)
          throw new Error('no')
        }
      })()
      await expect(thrown).rejects.toThrow('no')
      for await (const job of consumer) {
        counts.push(job.deliveryCount)
        await job.accept()
        break
      }
      expect(counts).toEqual([1, 2, 3])
      await consumer.close()
    }))

  test('resolves accept, release, reject and renew when the broker has responded', () =>
    onShareGroup(async (sharing, scenario) => {
      await sharing.produce(4)
      const consumer = sharing.consumer()
      const actions = ['accept', 'release', 'reject', 'renew'] as const
      let count = 0
      for await (const job of consumer) {
        if (job.deliveryCount > 1) break
        const before = scenario.seen(ShareAcknowledge).length + scenario.seen(ShareFetch).length
        await job[actions[count]!]()
        expect(scenario.seen(ShareAcknowledge).length + scenario.seen(ShareFetch).length).toBeGreaterThan(before)
        if (++count === 4) await job.accept()
      }
      expect(count).toBe(4)
      await consumer.close()
      const types = typesOf([...scenario.seen(ShareAcknowledge), ...scenario.seen(ShareFetch)])
      expect(new Set(types)).toEqual(new Set([1, 2, 3, 4]))
    }))

  test('refuses a second, other decision, and any decision when the lock has ended', () =>
    onShareGroup(
      async (sharing, scenario) => {
        await sharing.produce(1)
        const consumer = sharing.consumer()
        for await (const job of consumer) {
          const accepted = job.accept()
          await expect(job.release()).rejects.toMatchObject({
            code: 'INVALID_STATE',
            message: "job.release() is not possible: job.accept() was called before (topic 't', partition 0, offset 0)",
          })
          await expect(job.renew()).rejects.toMatchObject({ code: 'INVALID_STATE' })
          await accepted
          await job.accept()
          break
        }
        await sharing.produce(1, { from: 1 })
        for await (const job of consumer) {
          await scenario.advance('16s')
          expect(job.signal.aborted).toBe(true)
          await expect(job.accept()).rejects.toMatchObject({
            code: 'INVALID_RECORD_STATE',
            message: expect.stringContaining('the record will be delivered again'),
            offset: 1n,
          })
          break
        }
        await consumer.close()
      },
      { group: { 'share.record.lock.duration.ms': 15_000 } },
    ))

  test('a lock that the application renews does not end', () =>
    onShareGroup(
      async (sharing, scenario) => {
        await sharing.produce(1)
        const consumer = sharing.consumer()
        for await (const job of consumer) {
          for (let i = 0; i < 5; i++) {
            await scenario.advance('10s')
            await job.renew()
          }
          expect(job.signal.aborted).toBe(false)
          await job.accept()
          break
        }
        await consumer.close()
      },
      { group: { 'share.record.lock.duration.ms': 15_000 } },
    ))

  test('decodes typed topics; a record that its serde refuses is rejected, and reported', () =>
    onShareGroup(async ({ scenario }) => {
      const producer = scenario.kafka.producer()
      await producer.send([
        { topic: 't', key: 'a', value: '{"total":1}' },
        { topic: 't', key: 'b', value: 'no json' },
        { topic: 't', key: 'c', value: '{"total":3}' },
      ])
      await producer.close()
      const orders = topic('t', { key: string(), value: json<{ total: number }>() })
      const consumer = scenario.kafka.shareConsumer({ groupId: 'workers', topics: orders })
      const unreadable: unknown[] = []
      consumer.on('unreadable', ({ firstOffset, lastOffset, action }) =>
        unreadable.push([firstOffset, lastOffset, action]),
      )
      const totals: number[] = []
      for await (const job of consumer) {
        const key: string | null = job.key
        totals.push(job.value?.total ?? -1)
        await job.accept()
        if (key === 'c') break
      }
      expect(totals).toEqual([1, 3])
      expect(unreadable).toEqual([[1n, 1n, 'reject']])
      await consumer.close()
    }))

  test('ends with its signal, with close, and with a second reader that is refused', () =>
    onShareGroup(async (sharing) => {
      const consumer = sharing.consumer()
      const stop = new AbortController()
      const pending = consumer.jobs({ signal: stop.signal }).next()
      await expect(consumer.jobs().next()).rejects.toMatchObject({ code: 'CONSUMER_BUSY' })
      stop.abort()
      await expect(pending).rejects.toMatchObject({ code: 'ABORTED' })
      const last = consumer.jobs().next()
      await consumer.close()
      expect(await last).toEqual({ value: undefined, done: true })
      await expect(consumer.jobs().next()).rejects.toMatchObject({ code: 'CLOSED' })
    }))
})

describe('a member', () => {
  test('joins once, reports only what changed, and says that it leaves', () =>
    onShareGroup(async (sharing, scenario) => {
      const consumer = sharing.consumer({ rack: 'a' })
      await consumer.ready()
      expect(consumer.assignment()).toEqual([{ topic: 't', partition: 0 }])
      await scenario.advance('20s')
      await consumer.close()
      const beats = scenario.seen(ShareGroupHeartbeat).map(({ body }) => body)
      expect(beats[0]).toMatchObject({ memberEpoch: 0, rackId: 'a', subscribedTopicNames: ['t'] })
      expect(beats.length).toBeGreaterThan(5)
      expect(beats.length).toBeLessThan(9)
      for (const beat of beats.slice(1)) {
        expect(beat).toMatchObject({ memberId: beats[0]!.memberId, subscribedTopicNames: null, rackId: null })
      }
      expect(beats.at(-1)).toMatchObject({ memberEpoch: -1 })
    }))

  test.each([
    [{ groupId: '' }, 'groupId'],
    [{ topics: [] }, 'topics'],
    [{ topics: 'eu.*' }, 'pattern'],
    [{ maxAcquired: 0 }, 'maxAcquired'],
    [{ onUnreadable: 'skip' }, 'onUnreadable'],
    [{ offsetReset: 'earliest' }, 'offsetReset'],
    [{ sessionTimeoutMs: 1 }, 'sessionTimeoutMs'],
  ])('refuses %j', (options, name) =>
    onShareGroup(async (sharing) => {
      expect(() => sharing.consumer(options as object)).toThrow(
        expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(name) }),
      )
    }),
  )

  test.each([[{}], [{ each: 1 }], [{ each: () => {}, concurrency: 0 }], [{ each: () => {}, eachBatch: () => {} }]])(
    'refuses run(%j)',
    (options) =>
      onShareGroup(async (sharing) => {
        const consumer = sharing.consumer()
        await expect(consumer.run(options as never)).rejects.toMatchObject({ code: 'INVALID_OPTION' })
        await consumer.close()
      }),
  )
})
