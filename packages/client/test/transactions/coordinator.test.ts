import { AddPartitionsToTxn, EndTxn, InitProducerId, Produce } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'
import { failure } from '../support/settled.ts'
import { committedValues, protocols } from '../support/transactions.ts'

const transactionalId = 'billing-1'
const record = (value: string, partition = 0) => ({ topic: 't', partition, value })

describe.each(protocols)('with protocol $protocol (release $release)', ({ protocol, release }) => {
  const on = (play: (scenario: Scenario) => Promise<void>) =>
    onTestkit(
      { brokers: 3, replicationFactor: 3, topics: { t: 3 }, as: release, kafka: { requestTimeoutMs: 5_000 } },
      play,
    )

  const actions = ['close', 'closeAfterWork', 'hang', 'dropResponse'] as const

  test.each(actions)('a commit without a response (%s) is repeated until the coordinator has decided', (action) =>
    on(async (scenario) => {
      const producer = scenario.kafka.transactionalProducer({ transactionalId })
      await producer.transaction((tx) => tx.send(record('a')))
      scenario.fault('EndTxn', action, { times: 2 })
      await producer.transaction((tx) => tx.send(record('b')))
      await producer.transaction((tx) => tx.send(record('c')))
      expect(await committedValues(scenario)).toEqual(['a', 'b', 'c'])
      expect(scenario.seen(EndTxn).every(({ body }) => body.committed)).toBe(true)
      // Protocol 1: a copy that arrives late must not commit the next transaction.
      const inits = scenario.seen(InitProducerId).length
      if (protocol === 2) expect(inits).toBe(1)
      else expect(inits).toBeGreaterThan(1)
      await producer.close()
    }),
  )

  test('an abort that arrives late does not abort the next transaction', () =>
    on(async (scenario) => {
      const producer = scenario.kafka.transactionalProducer({ transactionalId })
      scenario.fault('EndTxn', { delay: '12s' }, 'once')
      const first = await producer.begin()
      await first.send(record('aborted'))
      await first.abort()
      const second = await producer.begin()
      await second.send(record('b'))
      await scenario.advance('15s')
      await second.send(record('c', 1))
      await second.commit()
      expect(await committedValues(scenario)).toEqual(['b', 'c'])
      await producer.close()
    }))

  test('a commit whose outcome stays unknown ends the producer; the next one starts from the outcome', () =>
    on(async (scenario) => {
      const producer = scenario.kafka.transactionalProducer({ transactionalId })
      const fault = scenario.fault('EndTxn', 'hang')
      const startedMs = scenario.nowMs
      const run = producer.transaction((tx) => tx.send(record('a')), { timeoutMs: 12_000 })
      expect(await failure(run)).toMatchObject({ code: 'TIMED_OUT', outcome: 'unknown', fatal: true })
      expect(scenario.nowMs - startedMs).toBeLessThan(14_000)
      expect(await failure(producer.begin())).toMatchObject({ outcome: 'unknown', fatal: true })
      await producer.close()
      fault.remove()
      const next = scenario.kafka.transactionalProducer({ transactionalId })
      await next.transaction((tx) => tx.send(record('b')))
      expect(await committedValues(scenario)).toEqual(['b'])
      await next.close()
    }))

  test('an abort that the coordinator does not confirm can be repeated; the next transaction does that by itself', () =>
    on(async (scenario) => {
      const producer = scenario.kafka.transactionalProducer({ transactionalId })
      const tx = await producer.begin()
      await tx.send(record('a'))
      const fault = scenario.fault('EndTxn', 'hang')
      expect(await failure(tx.abort({ timeoutMs: 6_000 }))).toMatchObject({ code: 'TIMED_OUT' })
      expect(tx.status).toBe('failed')
      fault.remove()
      await producer.transaction((next) => next.send(record('b')))
      expect(tx.status).toBe('aborted')
      expect(await committedValues(scenario)).toEqual(['b'])
      await producer.close()
    }))

  const apis =
    protocol === 2
      ? (['InitProducerId', 'EndTxn', 'Produce'] as const)
      : (['InitProducerId', 'AddPartitionsToTxn', 'EndTxn'] as const)
  const transient = ['CONCURRENT_TRANSACTIONS', 'NOT_COORDINATOR', 'COORDINATOR_LOAD_IN_PROGRESS'] as const
  const cases = apis.flatMap((api) => transient.map((error) => ({ api, error })))

  test.each(cases.filter(({ api, error }) => api !== 'Produce' || error === 'CONCURRENT_TRANSACTIONS'))(
    '$api is repeated after $error',
    ({ api, error }) =>
      on(async (scenario) => {
        scenario.fault(api, { error }, { times: 3 })
        const producer = scenario.kafka.transactionalProducer({ transactionalId })
        await expect(producer.transaction((tx) => tx.send(record('a')))).resolves.toBeDefined()
        expect(await committedValues(scenario)).toEqual(['a'])
        await producer.close()
      }),
  )

  test('a transaction survives its coordinator', () =>
    on(async (scenario) => {
      const { cluster, advance } = scenario
      const producer = scenario.kafka.transactionalProducer({ transactionalId })
      const tx = await producer.begin()
      await tx.send(record('a'))
      const coordinator = scenario.seen(InitProducerId).at(-1)!.node
      cluster.broker(coordinator).kill()
      await tx.send([record('b', 0), record('c', 1), record('d', 2)])
      await tx.commit()
      await producer.transaction((next) => next.send(record('e')))
      await cluster.broker(coordinator).restart()
      await advance('5s')
      expect(await committedValues(scenario)).toEqual(['a', 'b', 'c', 'd', 'e'])
      await producer.close()
    }))

  test('a transaction that takes longer than transactionTimeoutMs cannot commit, and the error says why', () =>
    on(async (scenario) => {
      const producer = scenario.kafka.transactionalProducer({ transactionalId, transactionTimeoutMs: 5_000 })
      const tx = await producer.begin()
      await tx.send(record('late'))
      await scenario.advance('10s')
      const error = await failure(tx.commit())
      expect(error.message).toContain('longer than transactionTimeoutMs (5000)')
      if (protocol === 2) {
        expect(error).toMatchObject({ code: 'TRANSACTION_ABORTABLE', fatal: false })
        await tx.abort()
        await producer.transaction((next) => next.send(record('next')))
      } else expect(error).toMatchObject({ code: 'PRODUCER_FENCED', fatal: true })
      expect(await committedValues(scenario)).toEqual(protocol === 2 ? ['next'] : [])
      await producer.close()
    }))

  test('a record out of sequence poisons the transaction: an earlier record of it is never committed without it', () =>
    on(async (scenario) => {
      const producer = scenario.kafka.transactionalProducer({ transactionalId })
      const tx = await producer.begin()
      await tx.send(record('a'))
      scenario.fault('Produce', { error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' }, 'once')
      expect(await failure(tx.send(record('b')))).toMatchObject({ code: 'OUT_OF_ORDER_SEQUENCE_NUMBER' })
      expect(await failure(tx.commit())).toMatchObject({ code: 'TRANSACTION_ABORTABLE' })
      await tx.abort()
      await producer.transaction((next) => next.send([record('c'), record('d')]))
      expect(await committedValues(scenario)).toEqual(['c', 'd'])
      await producer.close()
    }))

  test.each(['TRANSACTION_ABORTABLE', 'INVALID_PRODUCER_ID_MAPPING'] as const)(
    '%s at the commit: abort, then go on',
    (error) =>
      on(async (scenario) => {
        const producer = scenario.kafka.transactionalProducer({ transactionalId })
        scenario.fault('EndTxn', { error }, 'once')
        const run = producer.transaction((tx) => tx.send(record('a')))
        expect(await failure(run)).toMatchObject({ code: 'TRANSACTION_ABORTABLE', cause: { code: error } })
        await producer.transaction((tx) => tx.send(record('b')))
        expect(await committedValues(scenario)).toEqual(['b'])
        await producer.close()
      }),
  )

  test('an epoch that is old for a leader, while the coordinator accepts it, aborts the transaction and not the producer', () =>
    on(async (scenario) => {
      const producer = scenario.kafka.transactionalProducer({ transactionalId })
      scenario.fault('Produce', { error: 'INVALID_PRODUCER_EPOCH' }, 'once')
      const run = producer.transaction((tx) => tx.send(record('a')))
      expect(await failure(run)).toMatchObject({ code: 'INVALID_PRODUCER_EPOCH' })
      await expect(producer.transaction((tx) => tx.send(record('b')))).resolves.toBeDefined()
      expect(await committedValues(scenario)).toEqual(['b'])
      await producer.close()
    }))

  test('a topic that is created again during a transaction makes it fail: no record is acknowledged as a duplicate', () =>
    on(async (scenario) => {
      const { kafka, advance } = scenario
      const producer = kafka.transactionalProducer({ transactionalId })
      await producer.transaction((tx) => tx.send(record('before')))
      const admin = kafka.admin()
      await admin.deleteTopics(['t'])
      await admin.createTopics([{ name: 't', partitions: 3, replicationFactor: 3 }])
      await advance('1s')
      const tx = await producer.begin()
      const first = await tx.send(record('a')).catch((error: unknown) => error)
      await admin.deleteTopics(['t'])
      await admin.createTopics([{ name: 't', partitions: 3, replicationFactor: 3 }])
      await advance('1s')
      const second = await tx.send(record('b')).catch((error: unknown) => error)
      const both = [first, second].every((result) => !(result instanceof Error))
      if (both) expect(await scenario.values('t')).toContain('b')
      await tx.abort()
      // The last change may be noticed by the first attempt.
      const next = () => producer.transaction((one) => one.send(record('c')))
      await next().catch(next)
      expect(await committedValues(scenario)).toEqual(['c'])
      await producer.close()
    }))

  test('an abort waits for the records in flight, so that none is written after its end', () =>
    on(async (scenario) => {
      const producer = scenario.kafka.transactionalProducer({ transactionalId })
      const tx = await producer.begin()
      await tx.send(record('a'))
      scenario.fault('Produce', { delay: '3s' }, 'once')
      const late = tx.send(record('b'))
      await scenario.advance(100)
      await tx.abort()
      expect(await failure(late)).toMatchObject({ code: 'TRANSACTION_ABORTED', outcome: 'unknown' })
      const [end] = scenario.seen(EndTxn)
      const responded = scenario.seen(Produce).filter(({ outcome }) => outcome === 'responded')
      expect(responded.length).toBe(2)
      expect(end!.receivedAtMs - responded[1]!.receivedAtMs).toBeGreaterThanOrEqual(3_000)
      await producer.transaction((next) => next.send(record('c')))
      expect(await committedValues(scenario)).toEqual(['c'])
      await producer.close()
    }))

  test('commits after hundreds of transactions use the epochs in their order', () =>
    on(async (scenario) => {
      const producer = scenario.kafka.transactionalProducer({ transactionalId })
      for (let n = 0; n < 50; n++) await producer.transaction((tx) => tx.send(record(`${n}`, n % 3)))
      expect((await committedValues(scenario)).length).toBe(50)
      if (protocol === 2) expect(scenario.seen(AddPartitionsToTxn)).toEqual([])
      else expect(scenario.seen(AddPartitionsToTxn).length).toBeGreaterThanOrEqual(50)
      expect(scenario.seen(InitProducerId).length).toBe(1)
      await producer.close()
    }))

  test('a topic that was idle for a long time is written again without a failure', () =>
    on(async (scenario) => {
      const producer = scenario.kafka.transactionalProducer({ transactionalId })
      await producer.transaction((tx) => tx.send(record('a')))
      await scenario.advance('20m')
      await expect(producer.transaction((tx) => tx.send(record('b')))).resolves.toMatchObject({
        topic: record('b').topic,
      })
      expect(await committedValues(scenario)).toEqual(['a', 'b'])
      await producer.close()
    }))
})
