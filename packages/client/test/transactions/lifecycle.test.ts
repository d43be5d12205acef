import { EndTxn, InitProducerId } from '@ottla/codec'
import { expect, test } from 'vitest'
import type { KafkaError, Transaction } from '../../src/index.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'
import { failure } from '../support/settled.ts'
import { committedValues } from '../support/transactions.ts'

const transactionalId = 'billing-1'
const record = (value: string, partition = 0) => ({ topic: 't', partition, value })
const options = { topics: { t: 3 }, kafka: { requestTimeoutMs: 5_000 } }

test('after the first failure nothing is accepted, and all that is not settled rejects with the reason', () =>
  onTestkit(options, async (scenario) => {
    const producer = scenario.kafka.transactionalProducer({ transactionalId, lingerMs: 1_000 })
    const tx = await producer.begin()
    scenario.fault('Produce', { error: 'INVALID_RECORD' }, 'once', { partition: 0 })
    const settled: (KafkaError | undefined)[] = []
    tx.enqueue(record('bad'), (error) => settled.push(error))
    const lingering = tx.send({ topic: 'unknown-topic', value: 'waits for its metadata' })
    await scenario.advance('1.5s')
    expect(settled).toMatchObject([{ code: 'INVALID_RECORD' }])
    const reason = { code: 'TRANSACTION_ABORTABLE', cause: { code: 'INVALID_RECORD' } }
    expect(await failure(lingering)).toMatchObject(reason)
    expect(() => tx.enqueue(record('no'))).toThrow(expect.objectContaining({ code: 'TRANSACTION_ABORTABLE' }))
    expect(await failure(tx.sendOffsets({ offsets: [], group: 'g' }))).toMatchObject(reason)
    expect(await failure(tx.commit())).toMatchObject(reason)
    await tx.abort()
    expect(await committedValues(scenario)).toEqual([])
    await producer.close()
  }))

test('a record without a callback that fails still keeps the transaction from being committed', () =>
  onTestkit(options, async (scenario) => {
    const producer = scenario.kafka.transactionalProducer({ transactionalId })
    scenario.fault('Produce', { error: 'INVALID_RECORD' }, 'once', { partition: 1 })
    const run = producer.transaction((tx) => {
      tx.enqueue(record('a', 0))
      tx.enqueue(record('b', 1))
    })
    expect(await failure(run)).toMatchObject({ code: 'TRANSACTION_ABORTABLE', partition: 1 })
    expect(await committedValues(scenario)).toEqual([])
    await producer.close()
  }))

test('a record with an invalid argument leaves the transaction as it is', () =>
  onTestkit(options, async (scenario) => {
    const producer = scenario.kafka.transactionalProducer({ transactionalId })
    await producer.transaction(async (tx) => {
      expect(await failure(tx.send({ topic: 't', partition: 0 } as never))).toMatchObject({ code: 'INVALID_ARGUMENT' })
      await tx.send(record('a'))
    })
    expect(await committedValues(scenario)).toEqual(['a'])
    await producer.close()
  }))

test('a promise of send that no caller handles does not end the process when the transaction is aborted', () =>
  onTestkit(options, async (scenario) => {
    const unhandled: unknown[] = []
    const note = (reason: unknown) => unhandled.push(reason)
    process.on('unhandledRejection', note)
    const producer = scenario.kafka.transactionalProducer({ transactionalId, lingerMs: 10_000 })
    const refused = new Error('no')
    const run = producer.transaction(async (tx) => {
      void tx.send(record('a'))
      void tx.send([record('b')])
      await scenario.advance(10)
      throw refused
    })
    await expect(run).rejects.toBe(refused)
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', note)
    expect(unhandled).toEqual([])
    expect(scenario.seen(EndTxn)).toEqual([])
    await producer.close()
  }))

/** The error of a commit that ends before a record of its transaction is acknowledged. It was not sent. */
async function commitTooEarly(
  scenario: Scenario,
  commit: (tx: Transaction) => Promise<KafkaError>,
): Promise<KafkaError> {
  const producer = scenario.kafka.transactionalProducer({ transactionalId })
  const tx = await producer.begin()
  await tx.send(record('a'))
  scenario.fault('Produce', { delay: '2s' }, 'once')
  const late = failure(tx.send(record('b')))
  await scenario.advance(10)
  const error = await commit(tx)
  expect(scenario.seen(EndTxn)).toEqual([])
  await tx.abort()
  await late
  expect(await committedValues(scenario)).toEqual([])
  await producer.close()
  return error
}

test('a commit whose signal aborts before all records are acknowledged is not sent', () =>
  onTestkit(options, async (scenario) => {
    const error = await commitTooEarly(scenario, async (tx) => {
      const controller = new AbortController()
      const committing = failure(tx.commit({ signal: controller.signal }))
      await scenario.advance(100)
      controller.abort()
      return committing
    })
    expect(error).toMatchObject({ code: 'TRANSACTION_ABORTABLE', outcome: 'not-written' })
  }))

test('a commit that reaches its deadline before all records are acknowledged is not sent', () =>
  onTestkit(options, async (scenario) => {
    const error = await commitTooEarly(scenario, (tx) => failure(tx.commit({ timeoutMs: 500 })))
    expect(error).toMatchObject({ code: 'TRANSACTION_ABORTABLE' })
  }))

test('offsets whose call was aborted make the transaction fail', () =>
  onTestkit(options, async (scenario) => {
    const producer = scenario.kafka.transactionalProducer({ transactionalId })
    const tx = await producer.begin()
    await tx.send(record('a'))
    scenario.fault('TxnOffsetCommit', { delay: '2s' }, 'once')
    const controller = new AbortController()
    const offsets = [{ topic: 't', partition: 0, offset: 1 }]
    const sending = failure(tx.sendOffsets({ offsets, group: 'g' }, { signal: controller.signal }))
    await scenario.advance(100)
    controller.abort()
    expect(await sending).toMatchObject({ code: 'ABORTED' })
    expect(await failure(tx.commit())).toMatchObject({ code: 'TRANSACTION_ABORTABLE' })
    await tx.abort()
    await producer.close()
  }))

test('an ended transaction accepts nothing', () =>
  onTestkit(options, async (scenario) => {
    const producer = scenario.kafka.transactionalProducer({ transactionalId })
    const tx = await producer.begin()
    await tx.send(record('a'))
    const committing = tx.commit()
    expect(tx.status).toBe('ending')
    expect(await failure(tx.send(record('late')))).toMatchObject({ code: 'INVALID_STATE' })
    expect(await failure(tx.commit())).toMatchObject({ code: 'INVALID_STATE' })
    await committing
    expect(tx.status).toBe('committed')
    for (const call of [
      tx.send(record('b')),
      tx.commit(),
      tx.abort(),
      tx.room(),
      tx.sendOffsets({ offsets: [], group: 'g' }),
    ]) {
      expect(await failure(call)).toMatchObject({ code: 'INVALID_STATE' })
    }
    expect(await committedValues(scenario)).toEqual(['a'])
    await producer.close()
  }))

test('a transaction that begins while another one stays open is refused at its deadline', () =>
  onTestkit(options, async (scenario) => {
    const producer = scenario.kafka.transactionalProducer({ transactionalId })
    const tx = await producer.begin()
    const error = await failure(producer.begin({ timeoutMs: 3_000 }))
    expect(error).toMatchObject({ code: 'TIMED_OUT', retriable: true, outcome: 'not-written' })
    expect(error.message).toContain('another transaction of this producer is open')
    const controller = new AbortController()
    const waiting = producer.begin({ signal: controller.signal })
    controller.abort()
    expect(await failure(waiting)).toMatchObject({ code: 'ABORTED' })
    await tx.send(record('a'))
    await tx.commit()
    await producer.transaction((next) => next.send(record('b')))
    expect(await committedValues(scenario)).toEqual(['a', 'b'])
    await producer.close()
  }))

test('ready fences the former instance without a transaction', () =>
  onTestkit(options, async (scenario) => {
    const former = scenario.kafka.transactionalProducer({ transactionalId })
    await former.transaction((tx) => tx.send(record('a')))
    const next = scenario.kafka.transactionalProducer({ transactionalId })
    await next.ready()
    expect(scenario.seen(InitProducerId).length).toBe(2)
    const run = former.transaction((tx) => tx.send(record('b')))
    // The leader reports an old epoch, and the coordinator that the producer is fenced.
    expect(await failure(run)).toMatchObject({ outcome: 'not-written' })
    expect(await failure(former.begin())).toMatchObject({ code: 'PRODUCER_FENCED', fatal: true })
    await next.transaction((tx) => tx.send(record('c')))
    expect(await committedValues(scenario)).toEqual(['a', 'c'])
    for (const producer of [former, next]) await producer.close()
  }))

test('close lets a commit that was called end, and refuses those that wait for their turn', () =>
  onTestkit(options, async (scenario) => {
    const producer = scenario.kafka.transactionalProducer({ transactionalId })
    const tx = await producer.begin()
    await tx.send(record('a'))
    scenario.fault('EndTxn', { delay: '2s' }, 'once')
    const committing = tx.commit()
    const waiting = producer.begin()
    const closing = producer.close()
    expect(await failure(waiting)).toMatchObject({ code: 'CLOSED', outcome: 'not-written' })
    await expect(committing).resolves.toBe(undefined)
    await closing
    expect(await committedValues(scenario)).toEqual(['a'])
  }))

test('close ends at its timeout when the coordinator does not respond, and everything has settled', () =>
  onTestkit(options, async (scenario) => {
    const { kafka } = scenario
    const producer = kafka.transactionalProducer({ transactionalId })
    const tx = await producer.begin()
    await tx.send(record('a'))
    const fault = scenario.fault('EndTxn', 'hang')
    const committing = tx.commit()
    const startedMs = scenario.nowMs
    const settled = failure(committing)
    await producer.close({ timeoutMs: 2_000 })
    expect(scenario.nowMs - startedMs).toBeLessThan(3_100)
    expect(await settled).toMatchObject({ outcome: 'unknown' })
    fault.remove()
  }))

test('the client closes its transactional producers', () =>
  onTestkit(options, async (scenario) => {
    const producer = scenario.kafka.transactionalProducer({ transactionalId })
    const tx = await producer.begin()
    const sent = tx.send(record('a'))
    await sent
    await scenario.kafka.close()
    expect(tx.status).toBe('aborted')
    expect(scenario.seen(EndTxn).map(({ body }) => body.committed)).toEqual([false])
  }))

test('options: a transactionalId is required, and acks and idempotence cannot be chosen', () =>
  onTestkit(options, async ({ kafka }) => {
    const create = (given: object) => () => kafka.transactionalProducer(given as never)
    expect(create({})).toThrow(/Option 'transactionalId' of kafka.transactionalProducer\(\) is missing/)
    expect(create({ transactionalId: '' })).toThrow(/transactionalId/)
    expect(create({ transactionalId, acks: 1 })).toThrow(/Option 'acks'/)
    expect(create({ transactionalId, transactionTimeoutMs: 0 })).toThrow(/transactionTimeoutMs/)
    expect(create({ 'transactional.id': 'x' })).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('transactionalId') }),
    )
    const producer = kafka.transactionalProducer({ transactionalId })
    expect(await failure(producer.transaction(undefined as never))).toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(await failure(producer.begin({ timeoutMs: 'soon' } as never))).toMatchObject({
      code: 'INVALID_OPTION',
      fatal: false,
    })
    await producer.close()
  }))

test('an interrupted process: what it left open is aborted by the next instance', () =>
  onTestkit({ ...options, topics: { t: 3 } }, async (scenario) => {
    const { kafka } = scenario
    const former = kafka.transactionalProducer({ transactionalId })
    const tx = await former.begin()
    await tx.send([record('a', 0), record('b', 1), record('c', 2)])
    const next = kafka.transactionalProducer({ transactionalId })
    await next.transaction((one) => one.send([record('d', 0), record('e', 1)]))
    expect(await committedValues(scenario)).toEqual(['d', 'e'])
    for (const producer of [former, next]) await producer.close()
  }))

test('a record after the client noticed that its topic was created again is not taken for a duplicate', () =>
  onTestkit({ topics: { t: 1 }, as: '3.9', kafka: { metadataMaxAgeMs: 5_000 } }, async (scenario) => {
    const { kafka, advance } = scenario
    const plain = kafka.producer()
    await plain.send(record('before'))
    const producer = kafka.transactionalProducer({ transactionalId })
    const tx = await producer.begin()
    const admin = kafka.admin()
    await admin.deleteTopics(['t'])
    await admin.createTopics([{ name: 't', partitions: 1, replicationFactor: 1 }])
    // By name, with the metadata of the old topic.
    await tx.send(record('a'))
    await advance('10s')
    const sent = await tx.send(record('b')).then(
      () => ['b'],
      () => [],
    )
    expect((await scenario.values('t')).slice(1)).toEqual(sent)
    await tx.abort()
    for (const part of [plain, producer]) await part.close()
  }))
