import { AddOffsetsToTxn, ConsumerGroupHeartbeat, TxnOffsetCommit } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import type { Kafka, Message } from '../../src/index.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'
import { failure } from '../support/settled.ts'
import { committedOffset, protocols } from '../support/transactions.ts'

const transactionalId = 'billing-1'
const offsets = [{ topic: 't', partition: 0, offset: 2n }]

describe.each(protocols)('with protocol $protocol (release $release)', ({ protocol, release }) => {
  const on = (play: (scenario: Scenario) => Promise<void>) =>
    onTestkit({ topics: { t: 2 }, as: release, kafka: { requestTimeoutMs: 5_000 } }, play)

  async function fill(kafka: Kafka): Promise<void> {
    const producer = kafka.producer()
    await producer.send([1, 2, 3, 4].map((n) => ({ topic: 't', partition: 0, value: `${n}` })))
    await producer.send([1, 2, 3, 4].map((n) => ({ topic: 't', partition: 1, value: `${n}` })))
    await producer.close()
  }

  const member = (kafka: Kafka, more = {}) =>
    kafka.consumer({ groupId: 'g', topics: ['t'], offsetReset: 'earliest', commit: 'none', ...more })

  const firstOf = (messages: readonly Message[], partition: number): Message =>
    messages.find((message) => message.partition === partition)!

  async function reading(kafka: Kafka, more = {}) {
    const consumer = member(kafka, more)
    const messages: Message[] = []
    while (new Set(messages.map(({ partition }) => partition)).size < 2) {
      messages.push(...(await consumer.poll({ timeoutMs: 5_000 })))
    }
    return { consumer, messages }
  }

  test('names the member, so that the coordinator refuses one of a former generation', () =>
    on(async (scenario) => {
      const { kafka } = scenario
      await fill(kafka)
      const { consumer, messages } = await reading(kafka)
      const producer = kafka.transactionalProducer({ transactionalId })
      await producer.transaction((tx) => tx.sendOffsets(firstOf(messages, 0)))
      const [sent] = scenario.seen(TxnOffsetCommit)
      const { groupId, memberId, generation } = consumer.groupMetadata()
      expect(sent!.body).toMatchObject({ groupId, memberId, generationId: generation })
      const group = { ...consumer.groupMetadata(), generation: generation - 1 }
      const old = producer.transaction((tx) => tx.sendOffsets({ offsets, group }))
      expect(await failure(old)).toMatchObject({ code: 'ILLEGAL_GENERATION' })
      expect(await committedOffset(scenario)).toBe(1n)
      // The producer can continue.
      await producer.transaction((tx) => tx.sendOffsets({ offsets, group: consumer.groupMetadata() }))
      expect(await committedOffset(scenario)).toBe(2n)
      expect(scenario.seen(AddOffsetsToTxn).length).toBe(protocol === 2 ? 0 : 3)
      for (const part of [consumer, producer]) await part.close()
    }))

  test('refuses a message of an assignment that has ended, also when the partition came back', () =>
    on(async (scenario) => {
      const { kafka } = scenario
      await fill(kafka)
      const { consumer, messages } = await reading(kafka, { assignors: ['range'] })
      const producer = kafka.transactionalProducer({ transactionalId })
      // Two rebalances: all partitions are given up and received again.
      const other = member(kafka, { assignors: ['range'] })
      const joining = other.ready()
      await consumer.poll({ timeoutMs: 5_000 })
      await joining
      await other.close()
      while (consumer.assignment().length < 2) await consumer.poll({ timeoutMs: 1_000 })
      const tx = await producer.begin()
      await tx.send({ topic: 't', partition: 1, value: 'out' })
      expect(await failure(tx.sendOffsets(firstOf(messages, 0)))).toMatchObject({ code: 'INVALID_STATE', partition: 0 })
      expect(await failure(tx.commit())).toMatchObject({ code: 'TRANSACTION_ABORTABLE' })
      await tx.abort()
      expect(await committedOffset(scenario)).toBe(undefined)
      for (const part of [consumer, producer]) await part.close()
    }))

  test('a member that keeps a partition in a rebalance commits it with the new generation', () =>
    on(async (scenario) => {
      const { kafka } = scenario
      await fill(kafka)
      const { consumer, messages } = await reading(kafka, { assignors: ['cooperative-sticky'] })
      const before = consumer.groupMetadata().generation
      const producer = kafka.transactionalProducer({ transactionalId })
      const other = member(kafka, { assignors: ['cooperative-sticky'] })
      const joining = other.ready()
      while (consumer.assignment().length !== 1) await consumer.poll({ timeoutMs: 500 })
      await joining
      const [kept] = consumer.assignment()
      await producer.transaction((tx) => tx.sendOffsets(firstOf(messages, kept!.partition)))
      expect(scenario.seen(TxnOffsetCommit).at(-1)!.body.generationId).toBeGreaterThan(before)
      const given = firstOf(messages, 1 - kept!.partition)
      expect(await failure(producer.transaction((tx) => tx.sendOffsets(given)))).toMatchObject({
        code: 'INVALID_STATE',
      })
      for (const part of [consumer, other, producer]) await part.close()
    }))

  test('waits while the member has joined and has no assignment yet', () =>
    on(async (scenario) => {
      const { kafka } = scenario
      await fill(kafka)
      const { consumer, messages } = await reading(kafka, { assignors: ['cooperative-sticky'] })
      const producer = kafka.transactionalProducer({ transactionalId })
      const tx = await producer.begin()
      // The join has its response, the assignment is held back.
      const held = scenario.fault('SyncGroup', { delay: '3s' }, 'always')
      const other = member(kafka, { assignors: ['cooperative-sticky'] })
      const joining = other.ready()
      const generation = consumer.groupMetadata().generation
      while (consumer.groupMetadata().generation === generation) await consumer.poll({ timeoutMs: 100 })
      const sending = tx.sendOffsets(messages.filter(({ partition }) => partition === 0)).then(
        () => 'sent',
        () => 'refused',
      )
      await consumer.poll({ timeoutMs: 1_000 })
      expect(scenario.seen(TxnOffsetCommit)).toEqual([])
      held.remove()
      let result: string | undefined
      void sending.then((settled) => {
        result = settled
      })
      while (result === undefined) await consumer.poll({ timeoutMs: 500 })
      const owns = consumer.assignment().some(({ partition }) => partition === 0)
      expect(result).toBe(owns ? 'sent' : 'refused')
      await tx.abort()
      await joining
      for (const part of [consumer, other, producer]) await part.close()
    }))

  test('automatic commits of the consumer leave out partitions that a transaction commits', () =>
    on(async (scenario) => {
      const { kafka } = scenario
      await fill(kafka)
      const consumer = kafka.consumer({ groupId: 'g', topics: ['t'], offsetReset: 'earliest' })
      const producer = kafka.transactionalProducer({ transactionalId })
      let seen = 0
      for await (const message of consumer) {
        const run = producer.transaction(async (tx) => {
          await tx.sendOffsets(message)
          if (seen >= 4) throw new Error('not any more')
        })
        await run.catch(() => {})
        if (++seen === 8) break
      }
      await scenario.advance('10s')
      await consumer.close()
      const admin = kafka.admin()
      const stored = await admin.listConsumerGroupOffsets('g')
      expect(stored.reduce((sum, { offset }) => sum + (offset ?? 0n), 0n)).toBe(4n)
      for (const part of [admin, producer]) await part.close()
    }))

  const transient = ['COORDINATOR_LOAD_IN_PROGRESS', 'NOT_COORDINATOR', 'CONCURRENT_TRANSACTIONS'] as const

  test.each(transient)('is repeated after %s', (error) =>
    on(async (scenario) => {
      const producer = scenario.kafka.transactionalProducer({ transactionalId })
      scenario.fault('TxnOffsetCommit', { error }, { times: 3 })
      await producer.transaction((tx) => tx.sendOffsets({ offsets, group: 'g' }))
      expect(await committedOffset(scenario)).toBe(2n)
      await producer.close()
    }),
  )

  test('a refused group makes the transaction fail, and the producer can continue', () =>
    on(async (scenario) => {
      const producer = scenario.kafka.transactionalProducer({ transactionalId })
      scenario.fault('TxnOffsetCommit', { error: 'GROUP_AUTHORIZATION_FAILED' }, 'once')
      const tx = await producer.begin()
      const refused = await failure(tx.sendOffsets({ offsets, group: 'g' }))
      expect(refused).toMatchObject({ code: 'GROUP_AUTHORIZATION_FAILED', fatal: false })
      expect(await failure(tx.commit())).toMatchObject({ code: 'TRANSACTION_ABORTABLE' })
      await tx.abort()
      await producer.transaction((next) => next.sendOffsets({ offsets, group: 'g' }))
      expect(await committedOffset(scenario)).toBe(2n)
      await producer.close()
    }))

  test('invalid arguments are refused, and the transaction can go on', () =>
    on(async (scenario) => {
      const { kafka } = scenario
      const producer = kafka.transactionalProducer({ transactionalId })
      const tx = await producer.begin()
      const bad: unknown[] = [undefined, 'g', {}, { offsets }, { offsets, group: '' }, { offsets, group: {} }, [1]]
      bad.push({ offsets: [{ topic: 't', partition: 0, offset: '2' }], group: 'g' })
      for (const source of bad) {
        expect(await failure(tx.sendOffsets(source as never))).toMatchObject({ code: 'INVALID_ARGUMENT' })
      }
      await tx.sendOffsets({ offsets, group: 'g' })
      await tx.commit()
      expect(await committedOffset(scenario)).toBe(2n)
      await producer.close()
    }))
})

describe('in a group of KIP-848', () => {
  const member = (kafka: Kafka) =>
    kafka.consumer({ groupId: 'g', topics: ['t'], offsetReset: 'earliest', commit: 'none', protocol: 'consumer' })

  test('waits for an epoch that the coordinator has before the member', () =>
    onTestkit({ topics: { t: 2 }, kafka: { requestTimeoutMs: 3_000 } }, async (scenario) => {
      const { kafka } = scenario
      await kafka.producer().send([0, 1].map((partition) => ({ topic: 't', partition, value: 'x' })))
      const consumer = member(kafka)
      const messages: Message[] = []
      while (messages.length < 2) messages.push(...(await consumer.poll({ timeoutMs: 1_000 })))
      const producer = kafka.transactionalProducer({ transactionalId })
      const before = consumer.groupMetadata()
      // The coordinator gets to know that the member has given a partition up for another one; its response is lost.
      const match = {
        when: (request: { memberId: string; topicPartitions: readonly { partitions: readonly number[] }[] | null }) =>
          request.memberId === before.memberId && request.topicPartitions?.[0]?.partitions.length === 1,
      }
      const lost = scenario.fault('ConsumerGroupHeartbeat', 'dropResponse', { times: 1 }, match)
      const other = member(kafka)
      const joining = other.ready()
      while (lost.hits === 0) await consumer.poll({ timeoutMs: 100 })
      const [kept] = consumer.assignment()
      const epoch = consumer.groupMetadata().generation
      // Coordinators before 4.3 accept no earlier epoch, also for a partition that the member keeps (KIP-1251).
      const isOld = ({ generationId }: { generationId: number }) => generationId === epoch
      scenario.fault('TxnOffsetCommit', { error: 'ILLEGAL_GENERATION' }, 'always', { when: isOld })
      const committed = producer.transaction((tx) =>
        tx.sendOffsets(messages.find(({ partition }) => partition === kept!.partition)!),
      )
      await expect(committed).resolves.toBe(undefined)
      const sent = scenario.seen(TxnOffsetCommit).map(({ body }) => body.generationId)
      expect(sent[0]).toBe(epoch)
      expect(sent.at(-1)).toBeGreaterThan(epoch)
      await joining
      for (const part of [consumer, other, producer]) await part.close()
    }))

  test('asks the coordinator immediately for the epoch that it has when the one of the offsets is refused', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      const { kafka } = scenario
      await kafka.producer().send([0, 1].map((partition) => ({ topic: 't', partition, value: 'x' })))
      const consumer = member(kafka)
      const messages: Message[] = []
      while (messages.length < 2) messages.push(...(await consumer.poll({ timeoutMs: 1_000 })))
      const producer = kafka.transactionalProducer({ transactionalId })
      scenario.fault('TxnOffsetCommit', { error: 'STALE_MEMBER_EPOCH' }, 'once')
      const beats = scenario.seen(ConsumerGroupHeartbeat).length
      const startedMs = scenario.nowMs
      await producer.transaction((tx) => tx.sendOffsets(messages))
      expect(scenario.seen(ConsumerGroupHeartbeat).length).toBe(beats + 1)
      expect(scenario.nowMs - startedMs).toBeLessThan(1_000)
      for (const part of [consumer, producer]) await part.close()
    }))
})
