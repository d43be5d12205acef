import { Heartbeat } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import { type SettledRecords, withHeaders } from '../../src/index.ts'
import { onTestkit } from '../support/on-testkit.ts'
import { recordPairs } from '../support/recorded-pairs.ts'
import { failure } from '../support/settled.ts'

describe('the messages of requests', () => {
  test('an aborted request ends at the abort, and its late response is not published', () =>
    onTestkit({}, (scenario) =>
      recordPairs(async ({ request }) => {
        const admin = scenario.kafka.admin()
        await admin.describeCluster()
        scenario.fault('Metadata', { delay: '50ms' })
        for (let i = 0; i < 100; i++) {
          const caller = new AbortController()
          const listing = failure(admin.listTopics({ signal: caller.signal }))
          await scenario.advance(5)
          caller.abort()
          expect(await listing).toMatchObject({ code: 'ABORTED' })
          await scenario.advance(60)
        }
        expect(request.open.size).toBe(0)
        expect(request.unmatched).toBe(0)
        const aborted = request.ended.filter(({ error }) => error !== undefined)
        expect(aborted.length).toBe(100)
        expect(aborted[0]).toMatchObject({ api: 'Metadata', responseBytes: 0, error: { code: 'ABORTED' } })
        expect(aborted[0]!.durationMs).toBeLessThan(50)
      }),
    ))

  test('have the address of the broker, the sizes and the duration', () =>
    onTestkit({}, (scenario) =>
      recordPairs(async ({ request }) => {
        scenario.fault('Produce', { delay: '40ms' })
        await scenario.kafka.producer().send({ topic: 't', value: 'x'.repeat(1_000) })
        const start = request.started.find(({ api }) => api === 'Produce')!
        expect(start).toMatchObject({
          clientId: 'under-test',
          purpose: expect.stringMatching(/^produce:under-test-\d+$/),
          broker: { id: 1, host: expect.any(String), port: expect.any(Number) },
          apiVersion: expect.any(Number),
          correlationId: expect.any(Number),
        })
        expect(start.requestBytes).toBeGreaterThan(1_000)
        expect('durationMs' in start).toBe(false)
        const end = request.ended.find(({ id }) => id === start.id)!
        expect(end.error).toBeUndefined()
        expect(end.durationMs).toBeGreaterThanOrEqual(40)
        expect(end.responseBytes).toBeGreaterThan(10)
      }),
    ))

  test('a body that cannot be encoded has neither a start nor an end', () =>
    onTestkit({}, (scenario) =>
      recordPairs(async ({ request }) => {
        const cluster = scenario.connect()
        await cluster.refreshMetadata('a test')
        const before = request.started.length
        const body = () => {
          throw new Error('no body')
        }
        expect(await failure(cluster.broker(1)!.request(Heartbeat, body))).toMatchObject({ code: 'INVALID_ARGUMENT' })
        const apis = request.started.slice(before).map(({ api }) => api)
        expect(apis).not.toContain('Heartbeat')
        expect([request.open.size, request.unmatched]).toEqual([0, 0])
      }),
    ))

  test('a subscriber that closes the client at the start of a request ends it', () =>
    onTestkit({}, (scenario) =>
      recordPairs(async ({ request }) => {
        const cluster = scenario.connect()
        await cluster.refreshMetadata('a test')
        const { set } = request.open
        request.open.set = (id, message) => {
          set.call(request.open, id, message)
          void cluster.close()
          return request.open
        }
        expect(await failure(cluster.refreshMetadata('closed meanwhile'))).toMatchObject({ code: 'CLOSED' })
        await scenario.advance('1s')
        expect(request.open.size).toBe(0)
      }),
    ))
})

describe('the messages of batches', () => {
  test('contain records, bytes, attempts and the result', () =>
    onTestkit({}, (scenario) =>
      recordPairs(async ({ produce }) => {
        scenario.fault('Produce', { error: 'NOT_ENOUGH_REPLICAS' }, { times: 2 })
        const producer = scenario.kafka.producer({ compression: 'gzip', lingerMs: 100 })
        const value = 'the same again'.repeat(50)
        await producer.send([0, 1, 2].map(() => ({ topic: 't', value })))
        const [end] = produce.ended
        expect(produce.ended.length).toBe(1)
        expect(end).toMatchObject({ topic: 't', partition: 0, records: 3, result: 'acknowledged', baseOffset: 0n })
        expect(end).toMatchObject({ attempts: 3, error: undefined, clusterId: expect.any(String), broker: { id: 1 } })
        expect(end!.bytes).toBeLessThan(end!.uncompressedBytes / 2)
        expect(end!.queueMs).toBeGreaterThanOrEqual(100)
        expect(end!.durationMs).toBeGreaterThan(100)
      }),
    ))

  test('a batch that is split ends as moved, its halves with the result', () =>
    onTestkit({ configs: { 'max.message.bytes': 2_000 } }, (scenario) =>
      recordPairs(async ({ produce }) => {
        await scenario.kafka.producer().send(Array.from({ length: 10 }, () => ({ topic: 't', value: 'x'.repeat(300) })))
        const [whole, ...parts] = produce.ended
        expect(whole).toMatchObject({ result: 'moved', records: 10, error: { code: 'MESSAGE_TOO_LARGE' } })
        expect(parts.map(({ result }) => result)).toEqual(parts.map(() => 'acknowledged'))
        expect(parts.reduce((sum, { records }) => sum + records, 0)).toBe(10)
        expect([produce.open.size, produce.unmatched]).toEqual([0, 0])
      }),
    ))
})

test('the hooks see the records of an aborted transaction, and each of its batches ends', () =>
  onTestkit({}, (scenario) =>
    recordPairs(async ({ send, produce }) => {
      const settled: SettledRecords[] = []
      const producer = scenario.kafka.transactionalProducer({
        transactionalId: 'orders',
        interceptors: [
          {
            onSend: (record) => withHeaders(record, { trace: '1' }),
            onSettled: (records) => settled.push(records),
          },
        ],
      })
      const failed: string[] = []
      producer.on('deliveryFailed', ({ error }) => failed.push(error.code))
      const transaction = await producer.begin()
      await transaction.send({ topic: 't', value: 'a' })
      scenario.fault('Produce', 'hang')
      const late = failure(transaction.send({ topic: 't', value: 'b' }))
      await scenario.advance('100ms')
      await transaction.abort()
      expect((await late).code).toBe('TRANSACTION_ABORTED')
      expect(settled.map(({ records, error }) => [records, error?.code])).toEqual([
        [1, undefined],
        [1, 'TRANSACTION_ABORTED'],
      ])
      expect(failed).toEqual(['TRANSACTION_ABORTED'])
      expect(produce.ended.map(({ result }) => result)).toEqual(['acknowledged', 'failed'])
      expect([produce.open.size, produce.unmatched, send.open.size]).toEqual([0, 0, 0])
      await producer.close()
    }),
  ))

describe('the messages of send', () => {
  test('the end precedes the caller, and carries the error that the caller receives', () =>
    onTestkit({}, (scenario) =>
      recordPairs(async ({ send }) => {
        const producer = scenario.kafka.producer()
        await producer.send([
          { topic: 't', value: 'a' },
          { topic: 't', value: 'b' },
        ])
        expect(send.ended).toMatchObject([{ topic: 't', records: 2, error: undefined }])
        const error = await failure(producer.send({ topic: 't', value: 'x', partition: 7 }))
        expect(send.ended[1]!.error).toBe(error)
        const invalid = await failure(producer.send({ topic: 't' } as never))
        expect(send.ended[2]).toMatchObject({ records: 1, error: invalid })
        expect(send.started[0]!.producer).toMatch(/^under-test-\d+$/)
      }),
    ))

  test('are not published without a subscriber', () =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer()
      const [first, second] = await recordPairs(async ({ send }) => {
        await producer.send({ topic: 't', value: 'a' })
        return send.started
      }).then(async (started) => {
        await producer.send({ topic: 't', value: 'b' })
        return started
      })
      expect([first?.records, second]).toEqual([1, undefined])
    }))
})
