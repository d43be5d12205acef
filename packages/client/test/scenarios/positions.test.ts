import { expect, test } from 'vitest'
import type { Consumer, Kafka } from '../../src/index.ts'
import { recordedLog } from '../support/recorded-log.ts'
import { take, textOf } from '../support/records.ts'
import { onTargets } from '../support/targets.ts'
import { until } from '../support/until.ts'

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => String(from + i))

onTargets('where a consumer reads', (target) => {
  async function filled(base: string, count: number, partitions = 1) {
    const topic = await target().createTopic(base, { partitions })
    const kafka = target().newKafka()
    await send(kafka, topic, 0, count, partitions)
    return { topic, kafka, groupId: target().uniqueName(base) }
  }

  const send = (kafka: Kafka, topic: string, from: number, to: number, partitions = 1) =>
    kafka.producer().send(numbers(from, to).map((value, i) => ({ topic, partition: i % partitions, value })))

  const values = async (consumer: Consumer, count: number) => (await take(consumer, count)).map(textOf)

  test('earliest starts at the first record', async () => {
    const { topic, kafka, groupId } = await filled('earliest', 5)
    const consumer = kafka.consumer({ groupId, topics: [topic], offsetReset: 'earliest' })
    expect(await values(consumer, 5)).toEqual(numbers(0, 5))
  })

  test('latest starts after the last record', async () => {
    const { topic, kafka, groupId } = await filled('latest', 5)
    const consumer = kafka.consumer({ groupId, topics: [topic], offsetReset: 'latest' })
    let ready = false
    consumer.on('positionReset', () => {
      ready = true
    })
    const reading = values(consumer, 3)
    await until('it knows its position', () => ready)

    await send(kafka, topic, 5, 8)

    expect(await reading).toEqual(numbers(5, 8))
  })

  test('none fails without a committed offset', async () => {
    const { topic, kafka, groupId } = await filled('none', 1)
    const consumer = kafka.consumer({ groupId, topics: [topic], offsetReset: 'none' })
    await expect(take(consumer, 1)).rejects.toMatchObject({ topic, partition: 0 })
  })

  test('applies offsetReset when the log no longer contains the offset', async () => {
    const { topic } = await filled('out-of-range', 5)
    const { logger, lines } = recordedLog()
    const consumer = target()
      .newKafka({ logger })
      .consumer({ assign: [{ topic, partition: 0, offset: 1000n }], offsetReset: 'earliest' })
    expect(await values(consumer, 5)).toEqual(numbers(0, 5))
    expect(lines).toEqual([expect.stringContaining('out-of-range')])
  })

  test('seeks backwards and forwards', async () => {
    const { topic, kafka, groupId } = await filled('seek', 100)
    const consumer = kafka.consumer({ groupId, topics: [topic], offsetReset: 'earliest' })
    expect(await values(consumer, 3)).toEqual(numbers(0, 3))

    consumer.seek({ topic, partition: 0, offset: 90n })
    expect(await values(consumer, 10)).toEqual(numbers(90, 100))
    consumer.seek({ topic, partition: 0, offset: 10n })
    expect(await values(consumer, 2)).toEqual(numbers(10, 12))
  })

  test('delivers nothing of a paused partition, and everything after resume', async () => {
    const { topic, kafka } = await filled('pause', 0, 2)
    const consumer = kafka.consumer({ assign: [0, 1].map((partition) => ({ topic, partition, offset: 0 })) })
    consumer.pause([{ topic, partition: 0 }])
    await send(kafka, topic, 0, 20, 2)

    const odd = await take(consumer, 10)
    expect(odd.map(({ partition }) => partition)).toEqual(Array(10).fill(1))
    consumer.resume([{ topic, partition: 0 }])
    // The loop left the tenth message unprocessed: it is delivered again, among those of the other partition.
    const rest = await take(consumer, 11)
    const even = rest.filter(({ partition }) => partition === 0).map(textOf)
    expect(even).toEqual(numbers(0, 20).filter((value) => Number(value) % 2 === 0))
  })

  test('auto: requesting the next message commits the previous one; the current one is delivered again', async () => {
    const { topic, kafka, groupId } = await filled('auto', 10)
    const options = { groupId, topics: [topic], offsetReset: 'earliest' } as const

    const first = kafka.consumer(options)
    expect(await values(first, 4)).toEqual(numbers(0, 4))
    await first.close()

    expect(await values(kafka.consumer(options), 7)).toEqual(numbers(3, 10))
  })

  test('manual: commits only what is passed to commit', async () => {
    const { topic, kafka, groupId } = await filled('manual', 10)
    const options = { groupId, topics: [topic], offsetReset: 'earliest', commit: 'manual' } as const

    const first = kafka.consumer(options)
    await take(first, 4)
    await first.close()
    const second = kafka.consumer(options)
    const [, , third] = await take(second, 3)
    if (third) await second.commit(third)
    await second.close()
    const last = kafka.consumer(options)
    expect(await values(last, 7)).toEqual(numbers(3, 10))
    await last.commit([{ topic, partition: 0, offset: 9n }])
    await last.close()

    expect(await values(kafka.consumer(options), 1)).toEqual(['9'])
  })

  test.each([
    ['auto', 0],
    ['manual', 5],
  ] as const)('a crash with commit %s repeats from the last commit, and loses nothing', async (commit, from) => {
    const { topic, kafka, groupId } = await filled(`crash-${commit}`, 10)
    const options = {
      groupId,
      topics: [topic],
      offsetReset: 'earliest',
      commit,
      sessionTimeoutMs: 1500,
      heartbeatIntervalMs: 200,
    } as const
    const { kafka: doomed, crash } = target().newCrashable()

    const first = doomed.consumer(options)
    const read = await take(first, 8)
    expect(read.map(textOf)).toEqual(numbers(0, 8))
    const fifth = read[4]
    if (commit === 'manual' && fifth) await first.commit(fifth)
    crash()

    const second = kafka.consumer(options)
    expect(await values(second, 10 - from)).toEqual(numbers(from, 10))
  })

  test('commits automatically by count and by time', async () => {
    const { topic, kafka, groupId } = await filled('rhythm', 10)
    const consumer = kafka.consumer({
      groupId,
      topics: [topic],
      offsetReset: 'earliest',
      commit: { count: 5, intervalMs: 60_000 },
    })
    await take(consumer, 7)
    await until('five are committed', async () => {
      const [found] = await kafka.admin().listConsumerGroupOffsets(groupId)
      return (found?.offset ?? 0n) >= 5n
    })
    await consumer.close()

    const timed = kafka.consumer({ groupId, topics: [topic], commit: { intervalMs: 50 } })
    await take(timed, 3)
    await until('more are committed after a while', async () => {
      const [found] = await kafka.admin().listConsumerGroupOffsets(groupId)
      return (found?.offset ?? 0n) >= 8n
    })
  })
})
