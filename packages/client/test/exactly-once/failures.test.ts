import { EndTxn, Fetch, InitProducerId, TxnOffsetCommit } from '@ottla/codec'
import type { Fault } from '@ottla/testkit'
import { describe, expect, test } from 'vitest'
import type { HandlerTransaction, Message } from '../../src/index.ts'
import { deferred } from '../../src/runtime/deferred.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'
import { committedInputs, copy, feed, numbers, outputs, processorOf, until, visible } from '../support/processing.ts'
import { failure } from '../support/settled.ts'
import { protocols } from '../support/transactions.ts'

describe.each(protocols)('with protocol $protocol (release $release)', ({ protocol, release }) => {
  const on = (play: (scenario: Scenario) => Promise<void>, partitions = 1) =>
    onTestkit(
      {
        topics: { in: partitions, out: partitions },
        as: release,
        kafka: { requestTimeoutMs: 2_000, apiTimeoutMs: 10_000 },
      },
      play,
    )

  const transient = [
    ['TxnOffsetCommit', 'COORDINATOR_LOAD_IN_PROGRESS'],
    ['TxnOffsetCommit', 'NOT_COORDINATOR'],
    ['EndTxn', 'CONCURRENT_TRANSACTIONS'],
    ['EndTxn', 'COORDINATOR_NOT_AVAILABLE'],
    ['InitProducerId', 'CONCURRENT_TRANSACTIONS'],
    ['InitProducerId', 'NOT_COORDINATOR'],
  ] as const

  test.each(transient)('%s is repeated after %s, without an abort', (api, error) =>
    on(async (scenario) => {
      await feed(scenario, numbers(5))
      scenario.fault(api, { error }, { times: 3 })
      const processor = processorOf(scenario)
      await until(scenario, 'all are committed', () => processor.counts.records === 5)
      expect(processor.counts.aborted).toBe(0)
      await processor.close()
      expect(await visible(scenario)).toEqual(outputs(numbers(5)))
    }),
  )

  test('an error that an abort heals: the messages are processed again, with a pause that grows', () =>
    on(async (scenario) => {
      await feed(scenario, numbers(5))
      scenario.fault('TxnOffsetCommit', { error: 'UNKNOWN_TOPIC_OR_PARTITION' }, { times: 3 })
      scenario.fault('Produce', { error: 'INVALID_TXN_STATE' }, { times: 3 })
      const processor = processorOf(scenario)
      const failures: { failures: number; atMs: number }[] = []
      processor.on('aborted', (event) => failures.push({ failures: event.failures, atMs: scenario.nowMs }))
      await until(scenario, 'all are committed', () => processor.counts.records === 5)
      expect(failures.map((one) => one.failures)).toEqual([1, 2, 3])
      const [first, second, third] = failures.map(({ atMs }) => atMs)
      expect(third! - second!).toBeGreaterThan(second! - first!)
      expect(processor.counts.aborted).toBe(3)
      await processor.close()
      expect(await visible(scenario)).toEqual(outputs(numbers(5)))
    }))

  test('after a handler failed, smaller transactions commit what is before: regular failures do not stop the processor', () =>
    on(async (scenario) => {
      await feed(scenario, numbers(200))
      let calls = 0
      const each = async (message: Message, tx: HandlerTransaction) => {
        await copy(message, tx)
        if (++calls % 20 === 0) throw new Error('every 20th call')
      }
      // Without them the same message would be the 20th of each attempt.
      const processor = processorOf(scenario, { each, retry: { attempts: 3, backoffMs: [10, 10] } })
      await until(
        scenario,
        'all are committed',
        () => processor.counts.records === 200 || processor.status === 'failed',
      )
      expect(processor.counts.records).toBe(200)
      await processor.close()
      expect(await visible(scenario)).toEqual(outputs(numbers(200)))
    }))

  test('it fails when no transaction was committed for retryTimeoutMs, and says why', () =>
    on(async (scenario) => {
      await feed(scenario, numbers(5))
      const fault = scenario.fault('Produce', { error: 'INVALID_TXN_STATE' })
      const processor = processorOf(scenario, { retryTimeoutMs: 5_000 })
      const startedMs = scenario.nowMs
      const error = await failure(processor.done)
      expect(error).toMatchObject({ code: 'INVALID_TXN_STATE' })
      expect(error.message).toMatch(/^No transaction was committed for \d+ ms \(\d+ attempts\): /)
      expect(scenario.nowMs - startedMs).toBeLessThan(12_000)
      fault.remove()
      expect(await visible(scenario)).toEqual([])
      expect(await committedInputs(scenario)).toEqual([0n])
    }))

  test('an error that no repetition heals ends it immediately', () =>
    on(async (scenario) => {
      await feed(scenario, numbers(5))
      scenario.fault('Produce', { error: 'TOPIC_AUTHORIZATION_FAILED' })
      const startedMs = scenario.nowMs
      const processor = processorOf(scenario, {
        each: (message, tx) => void tx.send({ topic: 'out', value: message.value }),
      })
      expect(await failure(processor.done)).toMatchObject({ code: 'TOPIC_AUTHORIZATION_FAILED', topic: 'out' })
      expect(scenario.nowMs - startedMs).toBeLessThan(5_000)
    }))

  test('another instance with its transactionalId ends it: PRODUCER_FENCED', () =>
    on(async (scenario) => {
      await feed(scenario, numbers(5))
      const processor = processorOf(scenario)
      await until(scenario, 'all are committed', () => processor.counts.records === 5)
      const other = processorOf(scenario)
      await other.ready()
      await feed(scenario, numbers(5, 5))
      const error = await failure(processor.done)
      expect(error).toMatchObject({ code: 'PRODUCER_FENCED', fatal: true })
      expect(error.message).toContain('another instance uses this transactionalId')
      await until(scenario, 'the other one continues', () => other.counts.records === 5)
      await other.close()
      expect(await visible(scenario)).toEqual(outputs(numbers(10)))
    }))

  describe.each([
    { what: 'was committed', action: 'dropResponse' },
    { what: 'was not committed', action: 'hang' },
  ] as const)('a transaction of which it is unknown that it $what', ({ action }) => {
    test('is resolved before anything else is sent', () =>
      on(async (scenario) => {
        await feed(scenario, numbers(5))
        let fault: Fault | undefined
        let calls = 0
        const processor = processorOf(scenario, {
          each: (message: Message, tx) => {
            calls++
            fault ??= scenario.fault('EndTxn', action)
            return copy(message, tx)
          },
        })
        await until(scenario, 'the end of the transaction is sent', () => scenario.seen(EndTxn).length > 0)
        const inits = scenario.seen(InitProducerId).length
        // Longer than apiTimeoutMs.
        await scenario.advance('9s')
        expect(scenario.seen(InitProducerId).length).toBe(inits)
        await until(scenario, 'another producer resolves it', () => scenario.seen(InitProducerId).length > inits)
        fault?.remove()
        await feed(scenario, numbers(5, 5))
        await until(scenario, 'all are committed', () => processor.counts.records === 10)
        await processor.close()
        expect(calls).toBe(action === 'hang' ? 15 : 10)
        expect(await visible(scenario)).toEqual(outputs(numbers(10)))
        expect(await committedInputs(scenario)).toEqual([10n])
      }))
  })

  test('a handler that takes longer than its transaction may last does not keep the others: it is aborted', () =>
    on(async (scenario) => {
      await feed(scenario, numbers(4), 2)
      const ended = deferred<void>()
      let hangs = true
      const processor = processorOf(scenario, {
        transactionTimeoutMs: 10_000,
        concurrency: 2,
        retryTimeoutMs: 60_000,
        each: async (message, tx, { signal }) => {
          await copy(message, tx)
          if (message.partition === 0 && hangs) {
            signal.addEventListener('abort', () => ended.resolve())
            await ended.promise
            hangs = false
          }
        },
      })
      const stalled: bigint[] = []
      processor.on('stalled', ({ offset }) => stalled.push(offset))
      await until(scenario, 'all are committed', () => processor.counts.records === 4)
      expect(stalled).toEqual([0n])
      await processor.close()
      expect((await visible(scenario, 2)).sort()).toEqual(outputs(numbers(4)))
    }, 2))

  test('what is no longer buffered is fetched again after an abort', () =>
    on(async (scenario) => {
      for (let from = 0; from < 200; from += 20) await feed(scenario, numbers(20, from))
      let failed = false
      const processor = processorOf(scenario, {
        commitIntervalMs: 20_000,
        maxRecords: 150,
        // The quarter for delivered bytes is less than a record batch.
        maxBufferedBytes: 1_000,
        partitionMaxBytes: 1,
        each: async (message, tx) => {
          if (message.offset === 140n && !failed) {
            failed = true
            scenario.fault('Produce', { error: 'INVALID_TXN_STATE' }, 'once')
          }
          await copy(message, tx)
        },
      })
      await until(scenario, 'some are committed', () => processor.counts.records >= 150)
      const fetches = scenario.seen(Fetch).flatMap(({ body }) => body.topics.flatMap(({ partitions }) => partitions))
      expect(fetches.filter(({ fetchOffset }) => fetchOffset === 0n).length).toBe(2)
      await processor.close()
      const found = await visible(scenario)
      expect(found).toEqual(outputs(numbers(found.length)))
    }))

  test('its consumer reads nothing of aborted transactions', () =>
    on(async (scenario) => {
      const producer = scenario.kafka.transactionalProducer({ transactionalId: 'writer' })
      const aborted = producer.transaction(async (tx) => {
        await tx.send({ topic: 'in', value: 'aborted' })
        throw new Error('on purpose')
      })
      await aborted.catch(() => {})
      await producer.transaction((tx) => tx.send({ topic: 'in', value: 'committed' }))
      const processor = processorOf(scenario)
      await until(scenario, 'one is committed', () => processor.counts.records === 1)
      // The markers behind it too: the group has no lag.
      await until(scenario, 'the offset follows', () => processor.partitions()[0]?.committed === 4n)
      await processor.close()
      expect(await visible(scenario)).toEqual(['out-committed'])
    }))

  test('the offsets name the member, and one request has those of all partitions', () =>
    on(async (scenario) => {
      await feed(scenario, numbers(8), 4)
      const processor = processorOf(scenario, { commitIntervalMs: 1_000 })
      await until(scenario, 'all are committed', () => processor.counts.records === 8)
      const last = scenario.seen(TxnOffsetCommit).at(-1)!.body
      expect(last.memberId).not.toBe('')
      expect(last.generationId).toBeGreaterThan(0)
      expect(last.topics[0]?.partitions.length).toBe(4)
      expect(protocol).toBeGreaterThan(0)
      await processor.close()
    }, 4))
})
