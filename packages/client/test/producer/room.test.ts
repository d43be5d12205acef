import { describe, expect, test } from 'vitest'
import type { KafkaError, Producer } from '../../src/index.ts'
import { onTestkit } from '../support/on-testkit.ts'
import { failure } from '../support/settled.ts'

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)
const filler = 'x'.repeat(100)

function fill(producer: Producer): void {
  while (producer.enqueue({ topic: 't', value: filler }));
}

describe('room reserves a turn', () => {
  const loops: { name: string; put: (producer: Producer, value: string) => Promise<void> }[] = [
    {
      name: 'after false',
      put: async (producer, value) => {
        if (!producer.enqueue({ topic: 't', value })) await producer.room()
      },
    },
    {
      name: 'before each record',
      put: async (producer, value) => {
        await producer.room()
        producer.enqueue({ topic: 't', value })
      },
    },
  ]

  test.each(loops)('fifty callers that await it $name all enqueue every record', ({ put }) =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer({ maxBufferedBytes: 10_000 })
      await producer.send({ topic: 't', value: 'warm' })
      let most = 0
      const caller = async (number: number) => {
        for (let i = 0; i < 40; i++) {
          await put(producer, `${number}-${i}`.padEnd(100, '.'))
          most = Math.max(most, producer.bufferedBytes)
        }
      }
      await expect(Promise.all(upTo(50).map(caller))).resolves.toHaveLength(50)
      await producer.flush()
      const values = (await scenario.values('t')).slice(1)
      expect(new Set(values).size).toBe(2000)
      for (const number of upTo(50)) {
        const own = values.filter((value) => value?.startsWith(`${number}-`))
        expect(own).toEqual(upTo(40).map((i) => `${number}-${i}`.padEnd(100, '.')))
      }
      expect(most).toBeLessThan(20_000)
    }),
  )

  test('a turn is good for one record, however long after it, while others fill the buffer', () =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer({ maxBufferedBytes: 2000, deliveryTimeoutMs: 20_000 })
      await producer.send({ topic: 't', value: 'warm' })
      scenario.fault('Produce', 'hang')
      await producer.room()
      fill(producer)
      await scenario.advance('5s')
      let more: boolean | undefined
      expect(() => {
        more = producer.enqueue({ topic: 't', value: 'reserved' })
      }).not.toThrow()
      expect(more).toBe(false)
      expect(() => producer.enqueue({ topic: 't', value: 'no turn' })).toThrow(
        expect.objectContaining({ code: 'BUFFER_FULL', outcome: 'not-written' }),
      )
    }))

  test('turns that are not used neither block other callers nor last for ever', () =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer({ maxBufferedBytes: 2000, deliveryTimeoutMs: 1000 })
      await producer.send({ topic: 't', value: 'warm' })
      for (let i = 0; i < 100; i++) await producer.room()
      fill(producer)
      await producer.room()
      await producer.flush()
      await scenario.advance('5s')
      scenario.fault('Produce', 'hang')
      fill(producer)
      expect(() => producer.enqueue({ topic: 't', value: 'no turn' })).toThrow(
        expect.objectContaining({ code: 'BUFFER_FULL' }),
      )
    }))

  test('calls of room that are not awaited do not remove the limit', () =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer({ maxBufferedBytes: 2000, deliveryTimeoutMs: 5000 })
      await producer.send({ topic: 't', value: 'warm' })
      scenario.fault('Produce', 'hang')
      const put = () => {
        if (!producer.enqueue({ topic: 't', value: filler })) producer.room().catch(() => {})
      }
      expect(() => {
        for (let i = 0; i < 1000; i++) put()
      }).toThrow(expect.objectContaining({ code: 'BUFFER_FULL' }))
      expect(producer.bufferedBytes).toBeLessThan(4_300)
      await scenario.advance('12s')
    }))
})

describe('records that wait for space', () => {
  test('are bounded by another maxBufferedBytes; the calls beyond reject as not written', () =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer({ maxBufferedBytes: 2000, deliveryTimeoutMs: 20_000 })
      await producer.send({ topic: 't', value: 'warm' })
      scenario.fault('Produce', { delay: '5s' })
      const errors: KafkaError[] = []
      const written: number[] = []
      const sent = upTo(200).map((i) =>
        producer.send({ topic: 't', value: `${i} ${filler}` }).then(
          () => written.push(i),
          (error: KafkaError) => errors.push(error),
        ),
      )
      await scenario.advance(1)
      expect(errors.length).toBeGreaterThan(160)
      for (const error of errors) {
        expect(error).toMatchObject({ code: 'BUFFER_FULL', retriable: true, outcome: 'not-written' })
      }
      await Promise.all(sent)
      // About as many waited as the buffer held.
      expect(written.length).toBeGreaterThan(26)
      const values = (await scenario.values('t')).slice(1).map((value) => Number.parseInt(value!, 10))
      expect(values).toEqual(written)
      // Records that waited count no more.
      const later = [producer.send(upTo(25).map((i) => ({ topic: 't', value: `${i} ${filler}` })))]
      for (const i of upTo(5)) later.push(producer.send([{ topic: 't', value: `${i} ${filler}` }]))
      await expect(Promise.all(later)).resolves.toHaveLength(6)
    }))

  test('count the objects around the data: a million tiny records do not wait', () =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer({ maxBufferedBytes: 4 << 20, deliveryTimeoutMs: 5_000 })
      await producer.send({ topic: 't', value: 'warm' })
      scenario.fault('Produce', 'hang')
      let refused = 0
      const count = 25_000
      for (let i = 0; i < count; i++)
        producer.send({ topic: 't', value: 'x' }).catch((error) => {
          if (error.code === 'BUFFER_FULL' && !error.message.startsWith('Timed out')) refused++
        })
      await scenario.advance(1)
      // The data of all of them would fit: objects take about 700 bytes a record, of 4 MiB twice and what is free.
      expect(refused).toBeGreaterThan(count - 16_000)
      await scenario.advance('30s')
    }))
})

describe('enqueue reports a failure in one way', () => {
  const failures: { name: string; topic: string; code: string; partition?: number; value?: string }[] = [
    { name: 'of a partition that does not exist', topic: 't', partition: 7, code: 'UNKNOWN_TOPIC_OR_PARTITION' },
    { name: 'of the partitioner', topic: 't', value: 'bad', code: 'PARTITIONER_FAILED' },
    { name: 'of the look-up of the topic', topic: 'nowhere', code: 'UNKNOWN_TOPIC_OR_PARTITION' },
  ]

  test.each(failures)('$name: by onSettled, once, and later', ({ name: _, topic, code, ...fields }) =>
    onTestkit({}, async (scenario) => {
      const partitioner = ({ value }: { value: unknown }) => (value === 'bad' ? -1 : 0)
      const producer = scenario.kafka.producer({ partitioner })
      await producer.send({ topic: 't', value: 'warm' })
      const reports: (KafkaError | undefined)[] = []
      const onSettled = (error: KafkaError | undefined) => reports.push(error)
      expect(() => producer.enqueue({ topic, value: 'x', ...fields }, onSettled)).not.toThrow()
      expect(reports).toEqual([])
      await scenario.advance('30s')
      expect(reports).toEqual([expect.objectContaining({ code, topic, outcome: 'not-written' })])
    }),
  )

  test('of the call itself: it throws, and onSettled is not called', () =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer({ maxRequestBytes: 5000 })
      let reports = 0
      const onSettled = () => reports++
      const wrong = { topic: 't', val: 'x' } as never
      expect(() => producer.enqueue(wrong, onSettled)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
      expect(() => producer.enqueue({ topic: 't', value: 'x'.repeat(6000) }, onSettled)).toThrow(
        expect.objectContaining({ code: 'MESSAGE_TOO_LARGE' }),
      )
      expect(() => producer.enqueue({ topic: 't', value: 'x' }, {} as never)).toThrow(/'onSettled'/)
      await producer.close()
      expect(() => producer.enqueue({ topic: 't', value: 'x' }, onSettled)).toThrow(
        expect.objectContaining({ code: 'CLOSED' }),
      )
      await scenario.advance('30s')
      expect(reports).toBe(0)
      expect(await failure(producer.send({ topic: 't', value: 'x' }))).toMatchObject({ code: 'CLOSED' })
    }))
})
