import { expect, test } from 'vitest'
import type { Kafka } from '../../src/index.ts'
import { take, textOf } from '../support/records.ts'
import { onTargets } from '../support/targets.ts'
import { until } from '../support/until.ts'

onTargets('work by key', (target) => {
  const keys = ['a', 'b', 'c', 'd']

  async function filled(base: string, count: number) {
    const topic = await target().createTopic(base, { partitions: 1 })
    const kafka = target().newKafka()
    const records = Array.from({ length: count }, (_, i) => ({ topic, key: keys[i % keys.length]!, value: String(i) }))
    await kafka.producer().send(records)
    const groupId = target().uniqueName(base)
    const options = { groupId, topics: [topic], offsetReset: 'earliest', sessionTimeoutMs: 6_000 } as const
    return { kafka, groupId, options }
  }

  const commitOf = async (kafka: Kafka, groupId: string) => (await kafka.admin().listConsumerGroupOffsets(groupId))[0]

  test('processes each record once, each key in order and different keys side by side', async () => {
    const { kafka, groupId, options } = await filled('by-key', 200)
    const consumer = kafka.consumer(options)
    const seen: number[] = []
    let running = 0
    let most = 0
    const done = consumer.run({
      concurrency: { by: 'key', limit: 4 },
      each: async (message) => {
        most = Math.max(most, ++running)
        await new Promise((resolve) => setTimeout(resolve, 1 + (Number(textOf(message)) % 3)))
        running--
        seen.push(Number(textOf(message)))
      },
    })
    await until('all were processed', () => seen.length >= 200)
    await consumer.close()
    await done

    expect(most).toBe(4)
    for (const rest of keys.keys()) {
      const ofKey = seen.filter((value) => value % keys.length === rest)
      expect(ofKey).toEqual(Array.from({ length: 50 }, (_, i) => i * keys.length + rest))
    }
    expect(await commitOf(kafka, groupId)).toMatchObject({ offset: 200n, metadata: '' })
  })

  test('after a crash repeats only what was not processed, also to a loop over messages', {
    timeout: 60_000,
  }, async () => {
    const { kafka, groupId, options } = await filled('by-key-crash', 40)
    const { kafka: doomed, crash } = target().newCrashable()
    let processed = 0
    const hung = doomed.consumer({ ...options, commit: { intervalMs: 100 } }).run({
      concurrency: { by: 'key', limit: 4 },
      each: (message) => {
        // The first record of this key never ends.
        if (message.key?.toString() === 'b') return new Promise<void>(() => {})
        processed++
        return undefined
      },
    })
    hung.catch(() => {})
    await until('the other keys were processed', () => processed === 30)
    await until('that was committed', async () => {
      const commit = await commitOf(kafka, groupId)
      return commit?.offset === 1n && commit.metadata.length > 20
    })
    // The last commit has all of it: nothing was processed since.
    await new Promise((resolve) => setTimeout(resolve, 500))
    crash()

    const next = await take(kafka.consumer(options), 10)
    expect(next.map(textOf)).toEqual(Array.from({ length: 10 }, (_, i) => String(i * keys.length + 1)))
  })
})
