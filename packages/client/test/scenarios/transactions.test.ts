import { FindCoordinator } from '@ottla/codec'
import { expect, test } from 'vitest'
import { skipReason } from '../../../../tools/skip-reason.ts'
import type { Message } from '../../src/index.ts'
import { kafkaRelease } from '../support/real-kafka.ts'
import { textOf } from '../support/records.ts'
import { failure } from '../support/settled.ts'
import { onTargets, type Target } from '../support/targets.ts'
import { until } from '../support/until.ts'

onTargets('transactions', (target: () => Target) => {
  /** The values that a read_committed consumer finds, sorted; it waits until there are `count`, and whether more follow. */
  async function valuesOf(topic: string, count: number): Promise<string[]> {
    const kafka = target().newKafka()
    const [described] = await kafka.admin().describeTopics([topic])
    const assign = described!.partitions.map(({ partition }) => ({ topic, partition, offset: 'earliest' as const }))
    const consumer = kafka.consumer({ assign })
    const values: string[] = []
    await until(
      () => `${count} records are visible (there are ${values.length})`,
      async () => {
        for (const message of await consumer.poll({ timeoutMs: 500 })) values.push(textOf(message))
        return values.length >= count
      },
    )
    for (const message of await consumer.poll({ timeoutMs: 1_000 })) values.push(textOf(message))
    await consumer.close()
    return values.sort()
  }

  test('shows committed records whole, and nothing of aborted ones', async () => {
    const topic = await target().createTopic('committed', { partitions: 3 })
    const kafka = target().newKafka()
    const producer = kafka.transactionalProducer({ transactionalId: target().uniqueName('tx') })
    const expected: string[] = []
    for (let round = 0; round < 20; round++) {
      const records = [0, 1, 2].map((partition) => ({
        topic,
        partition,
        value: `${String(round).padStart(2, '0')}-${partition}`,
      }))
      const run = producer.transaction(async (tx) => {
        await tx.send(records)
        if (round % 3 === 0) throw new Error('aborted on purpose')
      })
      if (round % 3 === 0) await expect(run).rejects.toThrow('aborted on purpose')
      else {
        await run
        expected.push(...records.map(({ value }) => value))
      }
    }
    expect(await valuesOf(topic, expected.length)).toEqual(expected)
  })

  if (kafkaRelease < 2.5) {
    test('commits the offsets of a group by its id alone: a broker before 2.5 checks no member (KIP-447)', async () => {
      const topic = await target().createTopic('source')
      const kafka = target().newKafka()
      const producer = kafka.transactionalProducer({ transactionalId: target().uniqueName('tx') })
      const group = target().uniqueName('group')
      await producer.transaction((tx) => tx.sendOffsets({ offsets: [{ topic, partition: 0, offset: 1n }], group }))
      // The offset is visible when the coordinator has written the marker.
      const stored = await until('the offset is committed', async () => {
        const offsets = await kafka.admin().listConsumerGroupOffsets(group)
        return offsets.length > 0 && offsets
      })
      expect(stored).toMatchObject([{ topic, partition: 0, offset: 1n }])
    })
    return
  }

  test('reads, processes and writes exactly once, while the processing fails now and then', async () => {
    const source = await target().createTopic('source', { partitions: 2 })
    const sink = await target().createTopic('sink', { partitions: 2 })
    const kafka = target().newKafka()
    const inputs = Array.from({ length: 200 }, (_, n) => String(n).padStart(3, '0'))
    await kafka.producer().send(inputs.map((value, n) => ({ topic: source, partition: n % 2, value })))
    const groupId = target().uniqueName('group')
    const consumer = kafka.consumer({ groupId, topics: [source], offsetReset: 'earliest', commit: 'none' })
    const producer = kafka.transactionalProducer({ transactionalId: target().uniqueName('tx') })
    let done = 0
    for (let round = 0; done < inputs.length; round++) {
      const messages: Message[] = await consumer.poll({ maxRecords: 30, timeoutMs: 1_000 })
      if (messages.length === 0) continue
      try {
        await producer.transaction(async (tx) => {
          await tx.send(messages.map((message) => ({ topic: sink, value: `out-${textOf(message)}` })))
          await tx.sendOffsets(messages)
          if (round % 2 === 1) throw new Error('now and then')
        })
        done += messages.length
      } catch (error) {
        expect(String(error)).toContain('now and then')
        consumer.undo()
        for (const partition of [0, 1]) {
          const first = messages.find((message) => message.partition === partition)
          if (first !== undefined) consumer.seek({ topic: source, partition, offset: first.offset })
        }
      }
    }
    expect(await valuesOf(sink, inputs.length)).toEqual(inputs.map((value) => `out-${value}`))
    const committed = await consumer.committed([0, 1].map((partition) => ({ topic: source, partition })))
    expect(committed.map(({ offset }) => offset)).toEqual([100n, 100n])
    await consumer.close()
  })

  test('a new instance fences the former one and ends its transaction', async () => {
    const topic = await target().createTopic('fenced')
    const kafka = target().newKafka()
    const transactionalId = target().uniqueName('tx')
    const former = kafka.transactionalProducer({ transactionalId })
    const open = await former.begin()
    await open.send({ topic, value: 'former' })
    const next = kafka.transactionalProducer({ transactionalId })
    await next.transaction((tx) => tx.send({ topic, value: 'next' }))
    expect(await failure(open.commit())).toMatchObject({ code: 'PRODUCER_FENCED', fatal: true })
    expect(await valuesOf(topic, 1)).toEqual(['next'])
  })

  // Before 4.0 the coordinator fences the producer for good.
  const late = { timeout: 60_000, ...skipReason(kafkaRelease < 4 ? 'needs transactions of version 2 (KIP-890)' : '') }
  test.skipIf(kafkaRelease < 4)(
    'a transaction that takes too long is aborted, and the error names transactionTimeoutMs',
    late,
    async () => {
      const topic = await target().createTopic('late')
      const producer = target()
        .newKafka()
        .transactionalProducer({
          transactionalId: target().uniqueName('tx'),
          transactionTimeoutMs: 1_000,
        })
      const tx = await producer.begin()
      await tx.send({ topic, value: 'late' })
      // The brokers check every 10 s.
      let error: unknown
      await until(
        'the coordinator has aborted it',
        async () => {
          const described = await target()
            .newKafka()
            .admin()
            .listOffsets([{ topic, partition: 0, at: 'latest' }])
          return described[0]!.offset > 1n
        },
        30_000,
      )
      try {
        await tx.commit()
      } catch (thrown) {
        error = thrown
      }
      expect(String(error)).toContain('transactionTimeoutMs (1000)')
      await tx.abort()
      await producer.transaction((one) => one.send({ topic, value: 'next' }))
      expect(await valuesOf(topic, 1)).toEqual(['next'])
    },
  )

  test('a transaction survives the death of its coordinator', async () => {
    const topic = await target().createTopic('survives', { partitions: 3 })
    const kafka = target().newKafka()
    const transactionalId = target().uniqueName('tx')
    const producer = kafka.transactionalProducer({ transactionalId })
    await producer.transaction((tx) => tx.send({ topic, value: 'before' }))
    const tx = await producer.begin()
    await tx.send([0, 1, 2].map((partition) => ({ topic, partition, value: `open-${partition}` })))
    const body = { keyType: 1, coordinatorKeys: [transactionalId] }
    const { coordinators } = await kafka.admin().request(FindCoordinator, body)
    await target().kill(coordinators[0]!.nodeId)
    await tx.send({ topic, value: 'after' })
    await tx.commit()
    await producer.transaction((next) => next.send({ topic, value: 'next' }))
    const expected = ['after', 'before', 'next', 'open-0', 'open-1', 'open-2']
    expect(await valuesOf(topic, expected.length)).toEqual(expected)
  }, 120_000)
})
