import { expect, test } from 'vitest'
import { take, textOf } from '../support/records.ts'
import { onTargetsWithQuirks } from '../support/targets.ts'
import { until, within } from '../support/until.ts'

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => String(from + i))

onTargetsWithQuirks('ways to read', (target) => {
  async function filled(base: string, count: number, partitions = 1) {
    const topic = await target().createTopic(base, { partitions })
    const kafka = target().newKafka()
    await kafka.producer().send(numbers(0, count).map((value, i) => ({ topic, partition: i % partitions, value })))
    const groupId = target().uniqueName(base)
    return { topic, kafka, groupId, options: { groupId, topics: [topic], offsetReset: 'earliest' } as const }
  }

  test('for await delivers each message once; break leaves the current one unprocessed', async () => {
    const { kafka, options } = await filled('for-await', 10)
    const consumer = kafka.consumer(options)

    expect((await take(consumer, 4)).map(textOf)).toEqual(numbers(0, 4))
    expect((await take(consumer, 7)).map(textOf)).toEqual(numbers(3, 10))
  })

  test('delivers batches as stored in the log, and commits them as a whole', async () => {
    const { kafka, options, groupId, topic } = await filled('batches', 100, 2)
    const consumer = kafka.consumer({ ...options, commit: 'manual' })
    const seen: string[] = []
    const reading = async () => {
      for await (const batch of consumer.batches()) {
        for (const message of batch) {
          expect(message.partition).toBe(batch.partition)
          seen.push(textOf(message))
        }
        await batch.commit()
        if (seen.length === 100) return
      }
    }
    await within('a hundred in batches', 30_000, reading())

    expect(seen.map(Number).sort((a, b) => a - b)).toEqual(numbers(0, 100).map(Number))
    const offsets = await kafka.admin().listConsumerGroupOffsets(groupId)
    expect(offsets.map(({ partition, offset }) => [partition, offset]).sort()).toEqual([
      [0, 50n],
      [1, 50n],
    ])
    expect(offsets.every((offset) => offset.topic === topic)).toBe(true)
  })

  test('poll returns at most maxRecords, and [] on timeout', async () => {
    const { kafka, options } = await filled('poll', 10)
    const consumer = kafka.consumer(options)
    const seen: string[] = []
    while (seen.length < 10) {
      const polled = await consumer.poll({ maxRecords: 4, timeoutMs: 10_000 })
      expect(polled.length).toBeLessThanOrEqual(4)
      seen.push(...polled.map(textOf))
    }
    expect(seen).toEqual(numbers(0, 10))
    expect(await consumer.poll({ maxRecords: 4, timeoutMs: 50 })).toHaveLength(0)
  })

  test('run processes partitions concurrently, each in order', async () => {
    const { kafka, options } = await filled('run', 40, 4)
    const consumer = kafka.consumer(options)
    const seen: { partition: number; value: number }[] = []
    let now = 0
    let most = 0
    const running = consumer.run({
      concurrency: { by: 'partition', limit: 4 },
      each: async (message) => {
        now++
        most = Math.max(most, now)
        await new Promise((resolve) => setTimeout(resolve, 5))
        seen.push({ partition: message.partition, value: Number(textOf(message)) })
        now--
      },
    })
    await until('all are handled', () => seen.length === 40)
    await consumer.close()
    await running

    expect(most).toBeGreaterThan(1)
    for (let p = 0; p < 4; p++) {
      const order = seen.filter(({ partition }) => partition === p).map(({ value }) => value)
      expect(order).toEqual([...order].sort((a, b) => a - b))
      expect(order).toHaveLength(10)
    }
  })

  test('a failing handler ends run with its error, and the message is delivered again', async () => {
    const { kafka, options } = await filled('throwing', 10)
    const consumer = kafka.consumer(options)
    const failure = new Error('the kitchen is on fire')
    const running = consumer.run({
      each: (message) => {
        if (textOf(message) === '5') throw failure
      },
    })

    await expect(running).rejects.toMatchObject({ code: 'HANDLER_FAILED', cause: failure, partition: 0, offset: 5n })
    await consumer.close()
    expect((await take(kafka.consumer(options), 5)).map(textOf)).toEqual(numbers(5, 10))
  })

  test('a second reader fails with CONSUMER_BUSY', async () => {
    const { kafka, options } = await filled('busy', 1)
    const consumer = kafka.consumer(options)
    const running = consumer.run({ each: () => {} })

    await expect(take(consumer, 1)).rejects.toMatchObject({ code: 'CONSUMER_BUSY' })
    await consumer.close()
    await running
  })

  test('close ends the reading loop', async () => {
    const { kafka, options } = await filled('closing', 3)
    const consumer = kafka.consumer(options)
    const seen: string[] = []
    const reading = (async () => {
      for await (const message of consumer) seen.push(textOf(message))
    })()
    await until('the three are read', () => seen.length === 3)

    await within('close', 5000, consumer.close())
    await within('the end of the loop', 5000, reading)
  })
})
