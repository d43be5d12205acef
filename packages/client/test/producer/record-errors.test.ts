import { Produce } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import { KafkaError, type ProducerRecord, type Receipt, type SendError } from '../../src/index.ts'
import { onTestkit } from '../support/on-testkit.ts'
import { ScriptedProducer, type ScriptedProducerOptions } from '../support/scripted-producer.ts'
import { failure } from '../support/settled.ts'

// A broker names the records that it rejects, and stores nothing of their batch (KIP-467).

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)

const compacted = { configs: { 'cleanup.policy': 'compact' } }

/** The broker rejects those without a key. */
const recordOf = (i: number, isRejected: boolean): ProducerRecord => ({
  topic: 't',
  key: isRejected ? null : `k${i}`,
  value: `${i}`,
})

async function connected(options: ScriptedProducerOptions = {}): Promise<ScriptedProducer> {
  const script = new ScriptedProducer(options)
  await script.connect()
  return script
}

const naming = (...indexes: number[]) => ({
  error: 'INVALID_RECORD' as const,
  fields: {
    recordErrors: indexes.map((batchIndex) => ({ batchIndex, batchIndexErrorMessage: `no key ${batchIndex}` })),
    errorMessage: 'compacted',
  },
})

describe('a record that the broker rejects', () => {
  test.each([
    ['first', [0]],
    ['last', [9]],
    ['only one', [4]],
    ['one of several', [1, 2, 5, 9]],
  ])('fails alone as the %s of its batch: the others are stored in order', (_, rejected) =>
    onTestkit(compacted, async (scenario) => {
      const producer = scenario.kafka.producer()
      await producer.send(recordOf(-1, false))
      const error = (await failure(producer.send(upTo(10).map((i) => recordOf(i, rejected.includes(i)))))) as SendError
      const stored = upTo(10).filter((i) => !rejected.includes(i))
      expect(await scenario.values('t')).toEqual(['-1', ...stored.map(String)])
      for (const [i, result] of error.results.entries()) {
        if (!rejected.includes(i)) {
          expect((result as Receipt).offset).toBe(BigInt(1 + stored.indexOf(i)))
          continue
        }
        expect(result).toMatchObject({ code: 'INVALID_RECORD', retriable: false, outcome: 'not-written', topic: 't' })
        expect((result as KafkaError).message).toContain('Compacted topic cannot accept message without key')
      }
      expect(error.cause).toBe(error.results[rejected[0]!])
      expect(producer.bufferedBytes).toBe(0)
    }),
  )

  test('does not change the order of the batches behind it, which are in flight already', () =>
    onTestkit(compacted, async (scenario) => {
      scenario.fault('Produce', { delay: 20 })
      const producer = scenario.kafka.producer({ maxBatchBytes: 1024 })
      await producer.send(recordOf(-1, false))
      const outcomes: (string | undefined)[] = []
      for (const i of upTo(500)) {
        producer.enqueue(recordOf(i, i % 97 === 5), (error) => {
          outcomes[i] = error?.code
        })
      }
      await producer.flush()
      expect(outcomes).toEqual(upTo(500).map((i) => (i % 97 === 5 ? 'INVALID_RECORD' : undefined)))
      expect(await scenario.values('t')).toEqual([-1, ...upTo(500)].filter((i) => i % 97 !== 5).map(String))
    }))

  test('is counted as failed, the others as sent', () =>
    onTestkit(compacted, async ({ kafka }) => {
      await failure(kafka.producer().send(upTo(10).map((i) => recordOf(i, i === 3))))
      expect(kafka.metrics().counters).toMatchObject({ 'producer.records': 9, 'producer.failedRecords': 1 })
    }))

  test('fails although flush waits for it', () =>
    onTestkit(compacted, async ({ kafka }) => {
      const producer = kafka.producer()
      const codes: unknown[] = []
      for (const i of [0, 1]) producer.enqueue(recordOf(i, i === 0), (error) => codes.push(error?.code))
      await producer.flush()
      expect(codes).toEqual(['INVALID_RECORD', undefined])
    }))

  test('has an invalid timestamp', () =>
    onTestkit({ configs: { 'message.timestamp.after.max.ms': 60_000 } }, async (scenario) => {
      const timestamp = scenario.cluster.clock.now() + 3_600_000
      const records = upTo(5).map((i) =>
        i === 2 ? { topic: 't', value: `${i}`, timestamp } : { topic: 't', value: `${i}` },
      )
      const error = (await failure(scenario.kafka.producer().send(records))) as SendError
      expect(error.results.map((result) => (KafkaError.is(result) ? result.code : undefined))).toEqual(
        upTo(5).map((i) => (i === 2 ? 'INVALID_TIMESTAMP' : undefined)),
      )
      expect(await scenario.values('t')).toEqual(['0', '1', '3', '4'])
    }))
})

test.each(['none', 'gzip'] as const)('the others have numbers that continue, compression %s', async (compression) => {
  const script = await connected({ compression })
  script.fate = (_, count) => (count === 2 ? naming(3) : undefined)
  const send = async (from: number) => script.producer.send(upTo(10).map((i) => ({ topic: 't', value: `${from + i}` })))
  const sent = [send(0)]
  await script.runtime.advance(100)
  sent.push(send(10), send(20))
  await script.runtime.advance(1_000)
  const [, second] = await Promise.allSettled(sent)
  expect(second!.status).toBe('rejected')
  expect(script.values('t')).toEqual(
    upTo(30)
      .filter((i) => i !== 13)
      .map(String),
  )
  const numbers = script.appended.map(({ batch, values }) => [batch.producerEpoch, batch.baseSequence, values.length])
  expect(numbers[0]).toEqual([0, 0, 10])
  // The numbers of another epoch begin at 0.
  let next = 0
  for (const [epoch, sequence, count] of numbers.slice(1)) {
    expect([epoch, sequence]).toEqual([1, next])
    next += count!
  }
  expect(new Set(script.appended.map(({ batch }) => batch.compression))).toEqual(new Set([compression]))
  await script.close()
})

test('a broker that names one record after the other rejects these alone', async () => {
  const script = await connected()
  script.fate = (request) => {
    const at = script.batchesOf(request)[0]!.values.findIndex((value) => Number(value) % 4 === 1)
    return at < 0 ? undefined : naming(at)
  }
  const sent = failure(script.producer.send(upTo(12).map((i) => ({ topic: 't', value: `${i}` }))))
  await script.runtime.advance(100)
  const codes = ((await sent) as SendError).results.map((result) => (KafkaError.is(result) ? result.code : undefined))
  expect(codes).toEqual(upTo(12).map((i) => (i % 4 === 1 ? 'INVALID_RECORD' : undefined)))
  expect(script.values('t')).toEqual(
    upTo(12)
      .filter((i) => i % 4 !== 1)
      .map(String),
  )
  await script.close()
})

test('without idempotence the others are sent again, too', async () => {
  const script = await connected({ acks: 1, maxInFlight: 1 })
  script.fate = (_, count) => (count === 1 ? naming(0) : undefined)
  const sent = failure(script.producer.send(upTo(3).map((i) => ({ topic: 't', value: `${i}` }))))
  await script.runtime.advance(100)
  expect(((await sent) as SendError).results.map(KafkaError.is)).toEqual([true, false, false])
  expect(script.values('t')).toEqual(['1', '2'])
  await script.close()
})

test('a batch that may be in the log is not divided: the others fail as what they are, not as invalid', async () => {
  const script = await connected()
  script.fate = ({ socket }, count) => {
    if (count > 1) return naming(1)
    socket.close()
    return 'hold'
  }
  const sent = failure(script.producer.send(upTo(3).map((i) => ({ topic: 't', value: `${i}` }))))
  await script.runtime.advance(5_000)
  const error = (await sent) as SendError
  expect(script.produced()).toHaveLength(2)
  expect(error.results[1]).toMatchObject({ code: 'INVALID_RECORD', retriable: false, outcome: 'unknown' })
  for (const i of [0, 2]) {
    expect(error.results[i]).toMatchObject({ retriable: true, outcome: 'unknown' })
    expect((error.results[i] as KafkaError).message).toContain('another record of the same batch was rejected')
  }
  expect(error.cause).toBe(error.results[1])
  await script.close()
})

test.each([
  ['no record', naming()],
  ['a record that the batch does not have', naming(3, -1)],
])('a response that names %s rejects the batch', async (_, response) => {
  const script = await connected()
  script.fate = (_, count) => (count === 1 ? response : undefined)
  const sent = failure(script.producer.send(upTo(3).map((i) => ({ topic: 't', value: `${i}` }))))
  await script.runtime.advance(1_000)
  expect(script.peer.requests(Produce)).toHaveLength(1)
  for (const result of ((await sent) as SendError).results) expect(result).toMatchObject({ code: 'INVALID_RECORD' })
  await script.close()
})
