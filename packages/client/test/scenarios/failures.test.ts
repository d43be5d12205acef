import { expect, test } from 'vitest'
import { type Message, silentLogger } from '../../src/index.ts'
import { textOf } from '../support/records.ts'
import { onTargets } from '../support/targets.ts'
import { until } from '../support/until.ts'

onTargets('failed messages', (target) => {
  const text = (message: Message, name: string) => message.header(name)?.toString()

  test('wait in retry topics, become dead letters, and are moved back', { timeout: 60_000 }, async () => {
    const topic = await target().createTopic('orders', { partitions: 2 })
    const retry = await target().createTopic('orders-retry', { partitions: 2 })
    const dead = await target().createTopic('orders-dead')
    const kafka = target().newKafka({ logger: silentLogger })
    const keyed = Array.from({ length: 20 }, (_, i) => ({ topic, key: `k${i}`, value: `v${i}` }))
    await kafka.producer().send(keyed)
    const groupId = target().uniqueName('orders')
    const consumer = kafka.consumer({ groupId, topics: [topic], offsetReset: 'earliest' })
    const handled: string[] = []
    const letters: string[] = []
    let isDown = true
    consumer.on('deadLettered', ({ to }) => letters.push(to.topic))
    const running = consumer.run({
      concurrency: { limit: 2 },
      retry: { attempts: 2, backoffMs: [10, 50] },
      retryTopics: [{ topic: retry, delayMs: 500 }],
      deadLetter: { topic: dead, headers: 'spring' },
      each: (message, context) => {
        const value = textOf(message)
        if (value === 'v3' && isDown) throw new Error('the shop is closed')
        if (value === 'v4' && message.topic === topic && isDown) throw new Error('busy')
        handled.push(`${context.retry?.original.topic ?? message.topic} ${value}`)
      },
    })
    await until('all but one are handled', () => handled.length === 19 && letters.length === 1)
    expect(new Set(handled)).toEqual(new Set(keyed.filter((_, i) => i !== 3).map(({ value }) => `${topic} ${value}`)))

    isDown = false
    const report = await kafka.redrive({ from: dead, topics: [topic] })
    expect(report).toMatchObject({ moved: 1, unroutable: 0, isComplete: true })
    await until('the letter is handled', () => handled.includes(`${topic} v3`))
    await consumer.close()
    await running

    const admin = kafka.admin()
    const offsets = await admin.listConsumerGroupOffsets(groupId)
    const sum = offsets.filter((one) => one.topic === topic).reduce((all, { offset }) => all + (offset ?? 0n), 0n)
    expect(sum).toBe(21n)
    const reader = kafka.consumer({ assign: [{ topic: dead, partition: 0, offset: 'earliest' }] })
    const [letter] = await reader.poll({ timeoutMs: 10_000 })
    expect([textOf(letter!), text(letter!, 'kafka_dlt-original-topic')]).toEqual(['v3', topic])
    expect(text(letter!, 'kafka_dlt-exception-message')).toBe('the shop is closed')
  })
})
