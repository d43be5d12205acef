import { describe, expect, test } from 'vitest'
import { type HandlerTransaction, Kafka, type MessageBatch, type TransactionalProcessor } from '../../src/index.ts'
import { deferred } from '../../src/runtime/deferred.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'
import {
  committedInputs,
  copy,
  feed,
  numbers,
  outputOf,
  outputs,
  processorOf,
  until,
  visible,
} from '../support/processing.ts'
import { failure } from '../support/settled.ts'

const on = (play: (scenario: Scenario) => Promise<void>, partitions = 1) =>
  onTestkit({ topics: { in: partitions, out: partitions }, kafka: { requestTimeoutMs: 5_000 } }, play)

describe('close', () => {
  test('waits for the running handler and commits its transaction', () =>
    on(async (scenario) => {
      await feed(scenario, numbers(3))
      const going = deferred<void>()
      const processor = processorOf(scenario, {
        commitIntervalMs: 20_000,
        each: async (message, tx) => {
          await copy(message, tx)
          if (message.offset === 1n) await going.promise
        },
      })
      await until(
        scenario,
        'the second one runs',
        () => processor.partitions()[0]?.inHand === 1 && processor.partitions()[0]?.position === 2n,
      )
      const closing = processor.close()
      expect(processor.status).toBe('closing')
      await scenario.advance('2s')
      going.resolve()
      await closing
      await processor.done
      expect(processor.status).toBe('closed')
      expect(await visible(scenario)).toEqual(outputs(numbers(2)))
      expect(await committedInputs(scenario)).toEqual([2n])
    }))

  test('aborts what a handler does not end in time, and the next instance processes it', () =>
    on(async (scenario) => {
      await feed(scenario, numbers(3))
      const never = deferred<void>()
      const processor = processorOf(scenario, {
        revokeGraceMs: 1_000,
        each: async (message, tx) => {
          await copy(message, tx)
          if (message.offset === 1n) await never.promise
        },
      })
      await until(scenario, 'the second one runs', () => processor.partitions()[0]?.position === 2n)
      const startedMs = scenario.nowMs
      await processor.close()
      expect(scenario.nowMs - startedMs).toBeLessThanOrEqual(10_000)
      never.resolve()
      const next = processorOf(scenario)
      await until(scenario, 'all are committed', () => next.counts.records > 0 && next.lag() === 0)
      await next.close()
      expect(await visible(scenario)).toEqual(outputs(numbers(3)))
    }))

  test('called by a handler does not wait for it', () =>
    on(async (scenario) => {
      await feed(scenario, numbers(3))
      const processor: TransactionalProcessor = processorOf(scenario, {
        each: async (message, tx) => {
          await copy(message, tx)
          if (message.offset === 1n) await processor.close()
        },
      })
      await processor.done
      expect(await visible(scenario)).toEqual(outputs(numbers(2)))
    }))

  test('of the client closes it too, before anything was assigned', () =>
    on(async (scenario) => {
      const { bootstrap: brokers, runtime } = scenario.cluster
      const kafka = new Kafka({ brokers, runtime })
      const processor = processorOf({ kafka })
      await kafka.close()
      await processor.done
      expect(await failure(processor.ready())).toMatchObject({ code: 'CLOSED' })
      expect(() => processorOf({ kafka })).toThrow('The client is closed')
    }))
})

describe('ready', () => {
  test('resolves when the transactionalId is registered and the partitions are assigned', () =>
    on(async (scenario) => {
      const processor = processorOf(scenario)
      expect(processor.status).toBe('starting')
      await processor.ready()
      expect(processor.status).toBe('running')
      expect(processor.assignment()).toEqual([{ topic: 'in', partition: 0 }])
      await processor.close()
    }))

  test('rejects with the reason when the processor fails before', () =>
    on(async (scenario) => {
      scenario.fault('InitProducerId', { error: 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED' })
      const processor = processorOf(scenario)
      const code = 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED'
      expect(await failure(processor.ready())).toMatchObject({ code })
      expect(await failure(processor.done)).toMatchObject({ code })
      expect(processor.status).toBe('failed')
    }))
})

describe('the transaction of a handler', () => {
  test('refuses records after its end', () =>
    on(async (scenario) => {
      await feed(scenario, numbers(1))
      let kept: HandlerTransaction | undefined
      const processor = processorOf(scenario, {
        each: (_message, tx) => {
          kept = tx
        },
      })
      await until(scenario, 'it is committed', () => processor.counts.records === 1)
      expect(await failure(kept!.send({ topic: 'out', value: 'late' }))).toMatchObject({ code: 'INVALID_STATE' })
      await processor.close()
      expect(await visible(scenario)).toEqual([])
    }))

  test('contains what is enqueued without a promise', () =>
    on(async (scenario) => {
      await feed(scenario, numbers(30))
      const processor = processorOf(scenario, {
        each: async (message, tx) => {
          if (!tx.enqueue(outputOf(message))) await tx.room()
        },
        producer: { compression: 'gzip', lingerMs: 50 },
      })
      await until(scenario, 'all are committed', () => processor.counts.records === 30)
      await processor.close()
      expect(await visible(scenario)).toEqual(outputs(numbers(30)))
    }))

  test('commits batches, which cannot be committed otherwise', () =>
    on(async (scenario) => {
      await feed(scenario, numbers(10))
      const refused: unknown[] = []
      const processor = processorOf(scenario, {
        each: undefined,
        eachBatch: async (batch: MessageBatch, tx: HandlerTransaction) => {
          await tx.send([...batch].map(outputOf))
          refused.push(await failure(batch.commit()))
        },
      })
      await until(scenario, 'all are committed', () => processor.counts.records === 10)
      await processor.close()
      expect(refused[0]).toMatchObject({ code: 'INVALID_STATE' })
      expect(await visible(scenario)).toEqual(outputs(numbers(10)))
    }))
})

describe('retries of a handler', () => {
  test('each attempt is part of another transaction, after a pause in which other partitions continue', () =>
    on(async (scenario) => {
      await feed(scenario, numbers(8), 2)
      const atMs: number[] = []
      const processor = processorOf(scenario, {
        retry: { attempts: 3, backoffMs: [2_000, 2_000] },
        each: async (message, tx) => {
          await copy(message, tx)
          if (message.partition !== 0 || message.offset !== 2n) return
          atMs.push(scenario.nowMs)
          if (atMs.length < 3) throw new Error('not yet')
        },
      })
      const attempts: number[] = []
      processor.on('retry', ({ attempt }) => attempts.push(attempt))
      await until(scenario, 'the other partition is committed', () => processor.counts.records >= 4)
      expect(atMs.length).toBe(1)
      await until(scenario, 'all are committed', () => processor.counts.records === 8)
      await processor.close()
      expect(attempts).toEqual([1, 2])
      expect(atMs[2]! - atMs[1]!).toBeGreaterThan(1_500)
      expect((await visible(scenario, 2)).sort()).toEqual(outputs(numbers(8)))
    }, 2))

  test('attempts are counted while what is before the message is committed', () =>
    on(async (scenario) => {
      await feed(scenario, numbers(8))
      let calls = 0
      const processor = processorOf(scenario, {
        retry: { attempts: 3, backoffMs: [0, 0] },
        each: async (message, tx) => {
          // From the second attempt on, others are committed before it.
          if (calls > 0) await scenario.advance(40)
          await copy(message, tx)
          if (message.offset === 5n) {
            calls++
            throw new Error('always')
          }
        },
      })
      const error = await failure(processor.done)
      expect(error).toMatchObject({ code: 'HANDLER_FAILED', offset: 5n })
      expect(error.message).toContain('The handler failed 3 times')
      expect(error.hint).toContain('start the processor again')
      expect(calls).toBe(3)
    }))

  test('retryIf decides whether there is another attempt', () =>
    on(async (scenario) => {
      await feed(scenario, numbers(2))
      let calls = 0
      const processor = processorOf(scenario, {
        retry: { attempts: 5, retryIf: () => false },
        each: () => {
          calls++
          throw new Error('for good')
        },
      })
      expect(await failure(processor.done)).toMatchObject({ code: 'HANDLER_FAILED' })
      expect(calls).toBe(1)
    }))
})

describe('options', () => {
  const base = { groupId: 'g', topics: ['in'], transactionalId: 'p', each: () => {} }
  const kafka = new Kafka({ brokers: ['127.0.0.1:1'] })
  const refusals: [string, Record<string, unknown>, string][] = [
    ['transactionalId', { transactionalId: undefined }, "Option 'transactionalId' of kafka.processTransactionally()"],
    ['a handler', { each: undefined }, "Either 'each' or 'eachBatch' of kafka.processTransactionally() must be"],
    [
      'an unknown name',
      { commitInterval: 5 },
      "Option 'commitInterval' of kafka.processTransactionally() does not exist",
    ],
    ['commit', { commit: 'manual' }, "Option 'commit' of kafka.processTransactionally() does not exist"],
    ['work by key', { concurrency: { by: 'key' } }, "Option 'concurrency.by' of kafka.processTransactionally()"],
    ['acks', { producer: { acks: 1 } }, "Option 'producer.acks' of kafka.processTransactionally() does not exist"],
    ['maxRecords', { maxRecords: 0 }, "Option 'maxRecords' of kafka.processTransactionally() must be"],
    ['times', { commitIntervalMs: 40_000 }, "must be at most half of 'transactionTimeoutMs' (60000)"],
    ['processing times', { maxProcessingMs: 40_000 }, "must be at most half of 'transactionTimeoutMs' (60000)"],
    ['dead letters', { onBadRecord: 'dead-letter' }, "Option 'onBadRecord' of kafka.processTransactionally()"],
    ['values of the consumer', { maxWaitMs: -1 }, "Option 'maxWaitMs' of kafka.processTransactionally() must be"],
  ]

  test.each(refusals)('are checked at the call: %s', (_, wrong, message) => {
    expect(() => kafka.processTransactionally({ ...base, ...wrong } as never)).toThrow(message)
  })
})
