import { describe, expect, test } from 'vitest'
import { type ProducerRecord, type SettledRecords, silentLogger, withHeaders } from '../../src/index.ts'
import { onTestkit } from '../support/on-testkit.ts'
import { failure } from '../support/settled.ts'

const text = (records: readonly SettledRecords[]) =>
  records.map(({ partition, records, baseOffset, error }) => [partition, records, baseOffset, error?.code])

describe('onSend', () => {
  test('of each interceptor sees the record of the one before, for send, arrays and enqueue', () =>
    onTestkit({}, async (scenario) => {
      const append = (letter: string) => ({
        onSend: (record: ProducerRecord) => ({ ...record, value: `${String(record.value)}${letter}` }),
      })
      const producer = scenario.kafka.producer({ interceptors: [append('1'), append('2')] })
      await producer.send({ topic: 't', value: 'a' })
      await producer.send([
        { topic: 't', value: 'b' },
        { topic: 't', value: 'c' },
      ])
      producer.enqueue({ topic: 't', value: 'd' })
      await producer.flush()
      expect(await scenario.values('t')).toEqual(['a12', 'b12', 'c12', 'd12'])
    }))

  test('that throws fails the call with its cause, and none of its records is accepted', () =>
    onTestkit({}, async (scenario) => {
      const cause = new Error('no context')
      const onSend = (record: ProducerRecord) => {
        if (record.value === 'bad') throw cause
        return record
      }
      const producer = scenario.kafka.producer({ interceptors: [{ onSend }] })
      const expected = { code: 'INTERCEPTOR_FAILED', outcome: 'not-written', retriable: false, cause }
      const records = ['a', 'bad', 'b'].map((value) => ({ topic: 't', value }))
      await expect(producer.send({ topic: 't', value: 'bad' })).rejects.toMatchObject(expected)
      await expect(producer.send(records)).rejects.toMatchObject(expected)
      expect(() => producer.enqueue({ topic: 't', value: 'bad' })).toThrow(expect.objectContaining(expected))
      await producer.send({ topic: 't', value: 'good' })
      expect(await scenario.values('t')).toEqual(['good'])
      expect(producer.bufferedBytes).toBe(0)
    }))

  test.each([
    ['undefined', () => undefined],
    ['null', () => null],
    ['a promise', () => Promise.reject(new Error('late'))],
  ])('that returns %s fails the call', (what, onSend) =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer({ interceptors: [{ onSend: onSend as never }] })
      const error = await failure(producer.send({ topic: 't', value: 'a' }))
      expect(error).toMatchObject({ code: 'INTERCEPTOR_FAILED', message: expect.stringContaining(`returned ${what}`) })
    }),
  )

  test('is not called for what is no record, nor by a closed producer', () =>
    onTestkit({}, async (scenario) => {
      let calls = 0
      const onSend = (record: ProducerRecord) => {
        calls++
        return record
      }
      const producer = scenario.kafka.producer({ interceptors: [{ onSend }] })
      expect(await failure(producer.send('text' as never))).toMatchObject({ code: 'INVALID_ARGUMENT' })
      await producer.close()
      expect(await failure(producer.send({ topic: 't', value: 'a' }))).toMatchObject({ code: 'CLOSED' })
      expect(calls).toBe(0)
    }))

  test('may send another record of the same producer', () =>
    onTestkit({}, async (scenario) => {
      const onSend = (record: ProducerRecord) => {
        if (record.value === 'outer') producer.enqueue({ topic: 't', value: 'inner' })
        return record
      }
      const producer = scenario.kafka.producer({ interceptors: [{ onSend }] })
      await producer.send({ topic: 't', value: 'outer' })
      expect(await scenario.values('t')).toEqual(['inner', 'outer'])
    }))

  test('adds headers of every form with withHeaders', () => {
    const record = { topic: 't', value: 'v' }
    const trace = ['trace', '1']
    const headers = (given: ProducerRecord['headers']) =>
      withHeaders({ ...record, headers: given }, { trace: '1' }).headers
    expect(headers(undefined)).toEqual([trace])
    expect(headers({ a: 'x', b: ['y', 'z'] })).toEqual([['a', 'x'], ['b', 'y'], ['b', 'z'], trace])
    expect(headers([['a', null]])).toEqual([['a', null], trace])
    expect(headers([{ key: 'a', value: 'x' }])).toEqual([['a', 'x'], trace])
    expect(record).toEqual({ topic: 't', value: 'v' })
  })
})

describe('onSettled', () => {
  test('is called once a batch, before the promises of its records', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      const settled: SettledRecords[] = []
      const producer = scenario.kafka.producer({ interceptors: [{ onSettled: (records) => settled.push(records) }] })
      const sent = [0, 0, 0, 1].map((partition) => producer.send({ topic: 't', value: 'a', partition }))
      await sent[0]
      expect(text(settled)).toEqual([
        [0, 3, 0n, undefined],
        [1, 1, 0n, undefined],
      ])
      await Promise.all(sent)
      await producer.send({ topic: 't', value: 'b', partition: 0 })
      expect(text(settled.slice(2))).toEqual([[0, 1, 3n, undefined]])
    }))

  test('counts each accepted record once, also those that were in no batch', () =>
    onTestkit({}, async (scenario) => {
      const settled: SettledRecords[] = []
      const producer = scenario.kafka.producer({
        interceptors: [{ onSettled: (records) => settled.push(records) }],
        maxBufferedBytes: 1_000,
        deliveryTimeoutMs: 2_000,
      })
      scenario.fault('Produce', 'hang')
      const value = 'x'.repeat(500)
      const caller = new AbortController()
      const sent = [
        failure(producer.send([value, value].map((each) => ({ topic: 't', value: each })))),
        failure(producer.send({ topic: 't', value }, { signal: caller.signal })),
        failure(producer.send({ topic: 't', value: 'small' })),
      ]
      caller.abort()
      await scenario.advance('5s')
      await Promise.all(sent)
      const missing = scenario.kafka.producer({ interceptors: [{ onSettled: (records) => settled.push(records) }] })
      for (let i = 0; i < 5; i++) missing.enqueue({ topic: 'missing', value: 'x' })
      await missing.flush()
      await scenario.advance(1)
      const counts = new Map<string, number>()
      for (const { records, error } of settled) counts.set(error!.code, (counts.get(error!.code) ?? 0) + records)
      expect(Object.fromEntries(counts)).toEqual({
        ABORTED: 1,
        DELIVERY_TIMED_OUT: 3,
        UNKNOWN_TOPIC_OR_PARTITION: 5,
      })
      expect(settled.filter(({ topic }) => topic === 'missing').length).toBe(1)
    }))

  test('that throws or rejects is logged, and the records settle', () => {
    const logged: unknown[] = []
    const logger = { ...silentLogger, error: (message: string, fields?: object) => logged.push([message, fields]) }
    return onTestkit({ kafka: { logger } }, async (scenario) => {
      let calls = 0
      const producer = scenario.kafka.producer({
        interceptors: [
          {
            onSettled: () => {
              throw new Error('oops')
            },
          },
          { onSettled: async () => Promise.reject(new Error('later')) },
          { onSettled: () => void calls++ },
        ],
      })
      await producer.send({ topic: 't', value: 'a' })
      await producer.close()
      expect(calls).toBe(1)
      expect(logged).toMatchObject([
        ['an interceptor threw', { topic: 't', error: 'Error: oops' }],
        ['an interceptor threw', { topic: 't', error: 'Error: later' }],
      ])
    })
  })
})

test.each([[{}], [[]], ['text'], [{ onSend: 1 }], [null]])('the option refuses %j', (interceptor) =>
  onTestkit({}, async ({ kafka }) => {
    expect(() => kafka.producer({ interceptors: [interceptor as never] })).toThrow(/'interceptors'.*must be a list/)
  }),
)
