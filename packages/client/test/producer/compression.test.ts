import { gzipSync } from 'node:zlib'
import { Produce } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'
import { failure } from '../support/settled.ts'

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)

/** About 300 bytes of text that compresses to a third. */
const textOf = (i: number) =>
  `${i} ${upTo(40).map((at) => ((i + 1) * (at + 7) * 7919).toString(36))} ${'x'.repeat(100)}`

const numbersIn = async (scenario: Scenario, partition = 0) =>
  (await scenario.values('t', partition)).map((value) => Number.parseInt(value!, 10))

const compressions = async (scenario: Scenario, topic: string) =>
  new Set((await scenario.stored(topic)).map(({ batch }) => batch.compression))

describe('compression per topic', () => {
  test('is that of the topic, else that of the producer', () =>
    onTestkit({ topics: { orders: 1, images: 1, clicks: 1 } }, async (scenario) => {
      const producer = scenario.kafka.producer({
        compression: 'lz4',
        topics: { orders: { compression: 'gzip', compressionLevel: 9 }, images: { compression: 'none' } },
      })
      for (const topic of ['orders', 'images', 'clicks']) {
        await producer.send(upTo(20).map((i) => ({ topic, value: textOf(i) })))
      }
      expect(await compressions(scenario, 'orders')).toEqual(new Set(['gzip']))
      expect(await compressions(scenario, 'images')).toEqual(new Set(['none']))
      expect(await compressions(scenario, 'clicks')).toEqual(new Set(['lz4']))
    }))

  test('has a level of its own', () =>
    onTestkit({ topics: { fast: 1, small: 1 } }, async (scenario) => {
      const producer = scenario.kafka.producer({
        compression: 'gzip',
        compressionLevel: 1,
        topics: { small: { compressionLevel: 9 } },
      })
      const stored = async (topic: string) => {
        await producer.send(upTo(150).map((i) => ({ topic, value: textOf(i), timestamp: 1_000 })))
        return (await scenario.stored(topic)).reduce((sum, { batch }) => sum + batch.bytes.length, 0)
      }
      expect(await stored('small')).toBeLessThan(await stored('fast'))
    }))

  test('is not read from names that every object has', () =>
    onTestkit({ topics: { constructor: 1 } }, async (scenario) => {
      await scenario.kafka.producer().send({ topic: 'constructor', value: 'a' })
      expect(await compressions(scenario, 'constructor')).toEqual(new Set(['none']))
    }))
})

describe('compressed batches', () => {
  test.each(['gzip', 'lz4', 'zstd'] as const)('keep the order of records, large and small, with %s', (compression) =>
    onTestkit({ topics: { t: 3 } }, async (scenario) => {
      const producer = scenario.kafka.producer({ compression, maxBatchBytes: 100_000 })
      const sent: Promise<unknown>[] = []
      for (let i = 0; i < 3_000; i++) {
        sent.push(producer.send({ topic: 't', partition: i % 3, value: textOf(i) }))
        if (i % 700 === 0) await scenario.advance(1)
      }
      await Promise.all(sent)
      for (const partition of [0, 1, 2]) {
        expect(await numbersIn(scenario, partition)).toEqual(upTo(1_000).map((i) => 3 * i + partition))
      }
      expect(producer.bufferedBytes).toBe(0)
    }),
  )

  test.each(['gzip', 'lz4'] as const)(
    'that are too large are split by records and compressed again, with %s',
    (compression) =>
      onTestkit({ configs: { 'max.message.bytes': 3_000 } }, async (scenario) => {
        const producer = scenario.kafka.producer({ compression, maxBatchBytes: 100_000 })
        await producer.send({ topic: 't', value: '0' })
        const receipts = await producer.send(upTo(150).map((i) => ({ topic: 't', value: textOf(i + 1) })))
        expect(await numbersIn(scenario)).toEqual(upTo(151))
        expect(receipts.map(({ offset }) => offset)).toEqual(upTo(150).map((i) => BigInt(i + 1)))
        const stored = await scenario.stored('t')
        expect(await compressions(scenario, 't')).toEqual(new Set([compression]))
        expect(stored.map(({ batch }) => batch.producerEpoch)).toEqual(stored.map(() => 0))
        expect(stored.map(({ batch }) => batch.baseSequence)).toEqual(
          stored.map(({ batch }) => Number(batch.baseOffset)),
        )
        expect(producer.bufferedBytes).toBe(0)
      }),
  )

  test('of a transaction are transactional, small and large', () =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.transactionalProducer({ transactionalId: 'x', compression: 'gzip' })
      await producer.transaction(async (transaction) => {
        await transaction.send({ topic: 't', value: textOf(0) })
        await transaction.send(upTo(400).map((i) => ({ topic: 't', value: textOf(i) })))
      })
      const data = (await scenario.stored('t')).filter(({ batch }) => !batch.isControl)
      expect(data.length).toBeGreaterThan(1)
      for (const { batch } of data) expect([batch.compression, batch.isTransactional]).toEqual(['gzip', true])
    }))

  test('of the same seed are sent at the same times', async () => {
    const story = () =>
      onTestkit({ topics: { t: 6 }, seed: 5 }, async (scenario) => {
        const producer = scenario.kafka.producer({ compression: 'gzip', maxBatchBytes: 100_000 })
        await Promise.all(upTo(3_000).map((i) => producer.send({ topic: 't', partition: i % 6, value: textOf(i) })))
        return scenario
          .seen(Produce)
          .map(({ receivedAtMs, body }) => [
            receivedAtMs,
            body.topicData.map(({ partitionData }) =>
              partitionData.map(({ index, records }) => [index, records!.length]),
            ),
          ])
      })
    const first = await story()
    expect(first.length).toBeGreaterThan(5)
    expect(await story()).toEqual(first)
  })

  test('count with their compressed bytes until they are settled', () =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer({ compression: 'gzip' })
      await producer.send({ topic: 't', value: '0' })
      scenario.fault('Produce', { delay: '1s' })
      const sent = producer.send(upTo(100).map((i) => ({ topic: 't', value: textOf(i) })))
      const plain = producer.bufferedBytes
      await scenario.advance('500ms')
      const { body } = scenario.seen(Produce)[1]!
      expect(producer.bufferedBytes).toBe(plain + body.topicData[0]!.partitionData[0]!.records!.length)
      await sent
      expect(producer.bufferedBytes).toBe(0)
    }))

  test('that wait for a job when the producer closes are not compressed any more', () => {
    let calls = 0
    const compress = ({ buffer }: { buffer: Buffer }) => {
      calls++
      return gzipSync(buffer, { level: 1 })
    }
    const codec = { compress, decompress: (buffer: Buffer) => buffer }
    return onTestkit({ topics: { t: 60 }, kafka: { codecs: { gzip: codec } } }, async (scenario) => {
      const producer = scenario.kafka.producer({ compression: 'gzip' })
      await producer.send({ topic: 't', value: 'a' })
      const codes: unknown[] = []
      for (let i = 0; i < 60; i++) {
        producer.enqueue({ topic: 't', partition: i, value: 'x'.repeat(100_000) }, (error) => codes.push(error?.code))
      }
      await producer.close({ timeoutMs: 1 })
      expect(codes).toHaveLength(60)
      expect(codes.filter((code) => code === 'CLOSED').length).toBeGreaterThan(40)
      expect(producer.bufferedBytes).toBe(0)
      await scenario.advance('1s')
      expect(calls).toBeLessThan(20)
    })
  })

  test('of a codec that fails reject with its error, and the next ones are sent', () =>
    onTestkit({ kafka: { codecs: { gzip: failing() } } }, async (scenario) => {
      const producer = scenario.kafka.producer({ compression: 'gzip' })
      const error = await failure(producer.send({ topic: 't', value: 'a' }))
      expect(error).toMatchObject({ code: 'SERIALIZE_FAILED', outcome: 'not-written', topic: 't', partition: 0 })
      expect(error.message).toContain('broken')
      await producer.send({ topic: 't', value: 'b' })
      expect(await numbersIn(scenario)).toHaveLength(1)
    }))
})

/** Fails once. */
function failing() {
  let calls = 0
  return {
    compress: ({ buffer }: { buffer: Buffer }) => {
      if (++calls === 1) throw new Error('broken')
      return gzipSync(buffer)
    },
    decompress: (buffer: Buffer) => buffer,
  }
}
