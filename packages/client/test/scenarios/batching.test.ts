import { expect, test } from 'vitest'
import { skipReason } from '../../../../tools/skip-reason.ts'
import { KafkaError, type SendError } from '../../src/index.ts'
import { kafkaRelease } from '../support/real-kafka.ts'
import { readTopic } from '../support/records.ts'
import { failure } from '../support/settled.ts'
import { onTargets } from '../support/targets.ts'

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)

/** About 300 bytes that compress to half. */
const textOf = (i: number) =>
  `${i} ${upTo(40).map((at) => ((i + 1) * (at + 7) * 7919).toString(36))} ${'x'.repeat(100)}`

onTargets('batching', (target) => {
  const numbersIn = async (topic: string) =>
    (await readTopic(target().newKafka(), topic)).map(({ value }) => Number.parseInt(value!, 10))

  test.each(['none', 'gzip', 'zstd'] as const)(
    'splits batches that the topic does not allow, with compression %s',
    async (compression) => {
      const topic = await target().createTopic('split', { configs: { 'max.message.bytes': 3_000 } })
      const producer = target().newKafka().producer({ compression, maxBatchBytes: 100_000 })
      const receipts = await producer.send(upTo(150).map((i) => ({ topic, value: textOf(i) })))
      expect(receipts.map(({ offset }) => offset)).toEqual(upTo(150).map(BigInt))
      expect(await numbersIn(topic)).toEqual(upTo(150))
    },
  )

  test('names the record of an array that is larger than the topic allows', async () => {
    const topic = await target().createTopic('one-large', { configs: { 'max.message.bytes': 3_000 } })
    const records = upTo(40).map((i) => ({ topic, value: i === 23 ? `${i} ${'y'.repeat(5_000)}` : textOf(i) }))
    const error = (await failure(target().newKafka().producer().send(records))) as SendError
    expect(error.results.flatMap((result, i) => (KafkaError.is(result) ? [[i, result.code]] : []))).toEqual([
      [23, 'MESSAGE_TOO_LARGE'],
    ])
    expect(await numbersIn(topic)).toEqual(upTo(40).filter((i) => i !== 23))
  })

  // Before 2.4 (KIP-467) the response names no record, and its code is that of a batch damaged on its way, which is sent again.
  const named = skipReason(kafkaRelease < 2.4 ? 'needs per-record errors (KIP-467)' : '')
  test.skipIf(kafkaRelease < 2.4)(
    'rejects only the records that the broker names, before and behind others',
    named,
    async () => {
      const topic = await target().createTopic('compacted', { configs: { 'cleanup.policy': 'compact' } })
      const producer = target().newKafka().producer({ maxBatchBytes: 2_048 })
      const rejected = (i: number) => i % 31 === 7
      const codes: (string | undefined)[] = []
      for (const i of upTo(300)) {
        producer.enqueue({ topic, key: rejected(i) ? null : `k${i}`, value: textOf(i) }, (error) => {
          codes[i] = error?.code
        })
      }
      await producer.flush()
      expect(codes).toEqual(upTo(300).map((i) => (rejected(i) ? 'INVALID_RECORD' : undefined)))
      expect(await numbersIn(topic)).toEqual(upTo(300).filter((i) => !rejected(i)))
    },
  )

  test('compresses each topic as its options say', async () => {
    const kafka = target().newKafka()
    const [small, plain] = [await target().createTopic('small'), await target().createTopic('plain')]
    const producer = kafka.producer({ topics: { [small]: { compression: 'zstd', compressionLevel: 9 } } })
    for (const topic of [small, plain]) await producer.send(upTo(50).map((i) => ({ topic, value: textOf(i) })))
    for (const topic of [small, plain]) expect(await numbersIn(topic)).toEqual(upTo(50))
  })
})
