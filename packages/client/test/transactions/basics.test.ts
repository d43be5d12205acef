import { EndTxn, Produce } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import type { Consumer } from '../../src/index.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'
import { failure } from '../support/settled.ts'
import { committedOffset, protocols } from '../support/transactions.ts'

const id = 'billing-1'
const refused = new Error('the application refuses')

describe.each(protocols)('with protocol $protocol (release $release)', ({ protocol, release }) => {
  const on = (play: (scenario: Scenario) => Promise<void>) =>
    onTestkit({ brokers: 3, replicationFactor: 3, topics: { t: 3 }, as: release }, play)

  const committed = async ({ kafka }: Scenario, expected: number): Promise<string[]> => {
    const consumer = kafka.consumer({
      assign: [0, 1, 2].map((partition) => ({ topic: 't', partition, offset: 'earliest' })),
    })
    const values = await read(consumer, expected)
    await consumer.close()
    return values.sort()
  }

  async function read(consumer: Consumer, expected: number): Promise<string[]> {
    const values: string[] = []
    while (values.length < expected)
      for (const { value } of await consumer.poll({ timeoutMs: 5_000 })) values.push(String(value))
    for (const { value } of await consumer.poll({ timeoutMs: 2_000 })) values.push(String(value))
    return values
  }

  test('commits the records of all partitions together', () =>
    on(async (scenario) => {
      const producer = scenario.kafka.transactionalProducer({ transactionalId: id })
      const result = await producer.transaction(async (tx) => {
        const [a, b] = await Promise.all([
          tx.send({ topic: 't', partition: 0, value: 'a' }),
          tx.send([
            { topic: 't', partition: 1, value: 'b' },
            { topic: 't', partition: 2, value: 'c' },
          ]),
        ])
        tx.enqueue({ topic: 't', partition: 0, value: 'd' })
        expect([a.offset, b.length]).toEqual([0n, 2])
        return 'done'
      })
      expect(result).toBe('done')
      expect(await committed(scenario, 4)).toEqual(['a', 'b', 'c', 'd'])
      const ends = scenario.seen(EndTxn)
      expect(ends.map(({ body, version }) => [body.committed, version])).toEqual([[true, protocol === 2 ? 5 : 4]])
      expect(scenario.seen(Produce).every(({ body }) => body.transactionalId === id)).toBe(true)
      await producer.close()
    }))

  test('shows nothing of an aborted transaction, and everything of those around it', () =>
    on(async (scenario) => {
      const producer = scenario.kafka.transactionalProducer({ transactionalId: id })
      for (let round = 0; round < 5; round++) {
        const run = producer.transaction(async (tx) => {
          for (const partition of [0, 1, 2]) await tx.send({ topic: 't', partition, value: `${round}-${partition}` })
          if (round % 2 === 1) throw refused
        })
        if (round % 2 === 1) await expect(run).rejects.toBe(refused)
        else await run
      }
      const expected = [0, 2, 4].flatMap((round) => [0, 1, 2].map((partition) => `${round}-${partition}`))
      expect(await committed(scenario, 9)).toEqual(expected)
      await producer.close()
    }))

  test('a transaction without records sends nothing to the coordinator', () =>
    on(async (scenario) => {
      const producer = scenario.kafka.transactionalProducer({ transactionalId: id })
      await producer.transaction(async () => {})
      await expect(producer.transaction(() => Promise.reject(refused))).rejects.toBe(refused)
      expect(scenario.seen(EndTxn)).toEqual([])
      await producer.close()
    }))

  test('a second instance fences the first one', () =>
    on(async (scenario) => {
      const first = scenario.kafka.transactionalProducer({ transactionalId: id })
      const tx = await first.begin()
      await tx.send({ topic: 't', partition: 0, value: 'old' })
      const second = scenario.kafka.transactionalProducer({ transactionalId: id })
      await second.transaction((one) => one.send({ topic: 't', partition: 0, value: 'new' }))
      const error = await failure(tx.commit())
      expect(error).toMatchObject({ code: 'PRODUCER_FENCED', fatal: true })
      expect(String(error)).toContain('another instance uses this transactionalId')
      expect(await failure(first.begin())).toMatchObject({ code: 'PRODUCER_FENCED' })
      expect(await committed(scenario, 1)).toEqual(['new'])
      await first.close()
      await second.close()
    }))

  test('a record that fails makes the transaction fail: it cannot be committed, only aborted', () =>
    on(async (scenario) => {
      const producer = scenario.kafka.transactionalProducer({ transactionalId: id })
      const tx = await producer.begin()
      await tx.send({ topic: 't', partition: 0, value: 'a' })
      scenario.fault('Produce', { error: 'TOPIC_AUTHORIZATION_FAILED' }, 'once')
      expect(await failure(tx.send({ topic: 't', partition: 1, value: 'b' }))).toMatchObject({
        code: 'TOPIC_AUTHORIZATION_FAILED',
      })
      expect(tx.status).toBe('failed')
      expect(await failure(tx.send({ topic: 't', partition: 0, value: 'c' }))).toMatchObject({
        code: 'TRANSACTION_ABORTABLE',
        cause: { code: 'TOPIC_AUTHORIZATION_FAILED' },
      })
      expect(await failure(tx.commit())).toMatchObject({ code: 'TRANSACTION_ABORTABLE', partition: 1 })
      await tx.abort()
      await tx.abort()
      expect(tx.status).toBe('aborted')
      await producer.transaction((next) => next.send({ topic: 't', partition: 1, value: 'd' }))
      expect(await committed(scenario, 1)).toEqual(['d'])
      await producer.close()
    }))

  test('offsets of a consumer are committed with the transaction, and only then', () =>
    on(async (scenario) => {
      const { kafka } = scenario
      const plain = kafka.producer()
      await plain.send([1, 2, 3].map((n) => ({ topic: 't', partition: 0, value: String(n) })))
      const consumer = kafka.consumer({ groupId: 'g', topics: ['t'], offsetReset: 'earliest', commit: 'none' })
      const messages = await consumer.poll({ maxRecords: 2, timeoutMs: 10_000 })
      const producer = kafka.transactionalProducer({ transactionalId: id })
      const offset = async () => (await consumer.committed([{ topic: 't', partition: 0 }]))[0]
      const run = producer.transaction(async (tx) => {
        await tx.sendOffsets(messages)
        throw refused
      })
      await expect(run).rejects.toBe(refused)
      expect(await offset()).toMatchObject({ offset: undefined })
      await producer.transaction(async (tx) => {
        await tx.send({ topic: 't', partition: 1, value: 'out' })
        await tx.sendOffsets(messages, { metadata: 'm' })
      })
      expect(await offset()).toMatchObject({ offset: 2n, metadata: 'm' })
      await producer.transaction((tx) =>
        tx.sendOffsets({ offsets: [{ topic: 't', partition: 0, offset: 3n }], group: consumer.groupMetadata() }),
      )
      expect(await offset()).toMatchObject({ offset: 3n })
      for (const client of [plain, consumer, producer]) await client.close()
      const other = kafka.transactionalProducer({ transactionalId: 'other' })
      const offsets = [{ topic: 't', partition: 0, offset: 1 }]
      await other.transaction((tx) => tx.sendOffsets({ offsets, group: 'g' }))
      expect(await committedOffset(scenario)).toBe(1n)
    }))

  test('concurrent transactions of one producer run one after the other', () =>
    on(async (scenario) => {
      const producer = scenario.kafka.transactionalProducer({ transactionalId: id })
      let open = 0
      await Promise.all(
        Array.from({ length: 5 }, (_, n) =>
          producer.transaction(async (tx) => {
            expect(++open).toBe(1)
            await tx.send({ topic: 't', value: String(n) })
            open--
          }),
        ),
      )
      expect(await committed(scenario, 5)).toEqual(['0', '1', '2', '3', '4'])
      await producer.close()
    }))

  test('close aborts the open transaction', () =>
    on(async (scenario) => {
      const producer = scenario.kafka.transactionalProducer({ transactionalId: id })
      const tx = await producer.begin()
      await tx.send({ topic: 't', partition: 0, value: 'lost' })
      await producer.close()
      expect(scenario.seen(EndTxn).map(({ body }) => body.committed)).toEqual([false])
      expect(await failure(producer.begin())).toMatchObject({ code: 'CLOSED' })
    }))
})
