import { Produce } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import type { KafkaError } from '../../src/index.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'
import { failure } from '../support/settled.ts'

const aborted = { code: 'ABORTED', outcome: 'not-written' }
const record = (value: string) => ({ topic: 't', partition: 0, value })

describe.each(['none', 'lz4'] as const)('a send that was never sent can be aborted (compression %s)', (compression) => {
  const on = (play: (scenario: Scenario) => Promise<void>) => onTestkit({ brokers: 3, replicationFactor: 3 }, play)
  const lingering = { lingerMs: 2_000, compression }

  test('its record leaves the batch, and the others keep their order and their receipts', () =>
    on(async (scenario) => {
      const producer = scenario.kafka.producer(lingering)
      await producer.send(record('first'))
      const controller = new AbortController()
      const { signal } = controller
      const kept = ['a', 'b'].map((value) => producer.send(record(value)))
      const one = producer.send(record('withdrawn'), { signal })
      kept.push(producer.send(record('c')))
      const many = producer.send(['w1', 'w2', 'w3'].map(record), { signal })
      kept.push(producer.send(record('d')))
      await scenario.advance(100)
      const startedMs = scenario.nowMs
      controller.abort()
      expect(await failure(one)).toMatchObject(aborted)
      expect(await failure(many)).toMatchObject(aborted)
      expect(scenario.nowMs - startedMs).toBeLessThan(10)
      const receipts = await Promise.all(kept)
      expect(receipts.map(({ offset }) => offset)).toEqual([1n, 2n, 3n, 4n])
      expect(await scenario.values('t')).toEqual(['first', 'a', 'b', 'c', 'd'])
      expect(producer.bufferedBytes).toBe(0)
      await producer.close()
    }))

  test('a batch without another record is not sent', () =>
    on(async (scenario) => {
      const producer = scenario.kafka.producer(lingering)
      await producer.send(record('first'))
      const before = scenario.seen(Produce).length
      const controller = new AbortController()
      const sent = producer.send(record('withdrawn'), { signal: controller.signal })
      await scenario.advance(100)
      controller.abort()
      expect(await failure(sent)).toMatchObject(aborted)
      await producer.flush()
      expect(scenario.seen(Produce).length).toBe(before)
      expect(await producer.send(record('next'))).toMatchObject({ offset: 1n })
      await producer.close()
    }))

  test('while its partition has no leader', () =>
    on(async (scenario) => {
      const { cluster, advance } = scenario
      const producer = scenario.kafka.producer({ compression })
      await producer.send(record('first'))
      for (const broker of cluster.brokers) broker.kill()
      await advance('2s')
      const controller = new AbortController()
      const sent = ['a', 'b', 'c', 'd'].map((value, at) =>
        producer.send(record(value), at % 2 === 0 ? { signal: controller.signal } : {}),
      )
      await advance('3s')
      controller.abort()
      for (const at of [0, 2]) expect(await failure(sent[at]!)).toMatchObject(aborted)
      for (const broker of cluster.brokers) await broker.restart()
      await Promise.all([sent[1], sent[3]])
      expect(await scenario.values('t')).toEqual(['first', 'b', 'd'])
      await producer.close()
    }))

  test('while a broker refuses its batch for certain; later records are accepted', () =>
    on(async (scenario) => {
      const producer = scenario.kafka.producer({ compression })
      await producer.send(record('first'))
      const fault = scenario.fault('Produce', { error: 'NOT_ENOUGH_REPLICAS' })
      const controller = new AbortController()
      const sent = ['a', 'b', 'c'].map((value, at) =>
        producer.send(record(value), at === 1 ? { signal: controller.signal } : {}),
      )
      await scenario.advance('1s')
      const later = producer.send(record('d'))
      // Not while its batch is in flight.
      const refused = failure(sent[1]!)
      while (scenario.seen(Produce).at(-1)!.outcome === 'pending') await scenario.advance(1)
      await scenario.advance(5)
      controller.abort()
      expect(await refused).toMatchObject(aborted)
      fault.remove()
      await Promise.all([sent[0], sent[2], later])
      expect(await scenario.values('t')).toEqual(['first', 'a', 'c', 'd'])
      expect(await producer.send(record('e'))).toMatchObject({ offset: 4n })
      await producer.close()
    }))

  test('while its topic is unknown', () =>
    on(async (scenario) => {
      const producer = scenario.kafka.producer({ compression })
      const controller = new AbortController()
      const startedMs = scenario.nowMs
      const sent = producer.send({ topic: 'unknown', value: 'x' }, { signal: controller.signal })
      const other = failure(producer.send({ topic: 'unknown', value: 'y' }))
      await scenario.advance(500)
      controller.abort()
      expect(await failure(sent)).toMatchObject(aborted)
      expect(scenario.nowMs - startedMs).toBeLessThan(600)
      expect(await other).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' })
      await producer.close()
    }))

  test('without effect once it was sent, and once it is settled', () =>
    on(async (scenario) => {
      const producer = scenario.kafka.producer({ compression })
      await producer.send(record('first'))
      scenario.fault('Produce', { delay: '1s' }, 'once')
      const controller = new AbortController()
      const sent = producer.send(record('sent'), { signal: controller.signal })
      await scenario.advance(100)
      controller.abort()
      expect(await sent).toMatchObject({ offset: 1n })
      expect(await scenario.values('t')).toEqual(['first', 'sent'])
      await producer.close()
    }))

  test('at any moment under load: what is aborted is in no log, everything else is, once and in order', () =>
    on(async (scenario) => {
      const { cluster, advance } = scenario
      const producer = scenario.kafka.producer({ lingerMs: 5, compression, maxBatchBytes: 2_000 })
      const states: ('kept' | KafkaError)[] = []
      const all: Promise<void>[] = []
      for (let n = 0; n < 400; n++) {
        const controller = new AbortController()
        if (n % 3 === 0) cluster.runtime.setTimer(() => controller.abort(), n % 40)
        const sent = producer.send(record(String(n)), { signal: controller.signal })
        all.push(
          sent.then(
            () => {
              states[n] = 'kept'
            },
            (error: KafkaError) => {
              states[n] = error
            },
          ),
        )
        if (n % 10 === 0) await advance(3)
      }
      await Promise.all(all)
      const expected = states.flatMap((state, n) => (state === 'kept' ? [String(n)] : []))
      expect(await scenario.values('t')).toEqual(expected)
      for (const state of states) if (state !== 'kept') expect(state).toMatchObject(aborted)
      expect(expected.length).toBeLessThan(400)
      expect(producer.bufferedBytes).toBe(0)
      await producer.close()
    }))

  test('in a transaction, which can still be committed', () =>
    on(async (scenario) => {
      const producer = scenario.kafka.transactionalProducer({ transactionalId: 'x', ...lingering })
      await producer.transaction(async (tx) => {
        const controller = new AbortController()
        const withdrawn = tx.send(record('withdrawn'), { signal: controller.signal })
        const kept = tx.send(record('kept'))
        await scenario.advance(100)
        controller.abort()
        expect(await failure(withdrawn)).toMatchObject(aborted)
        await kept
      })
      await scenario.advance('1s')
      expect((await scenario.values('t')).slice(0, 1)).toEqual(['kept'])
      await producer.close()
    }))

  test('a batch of a transaction without another record', () =>
    on(async (scenario) => {
      const producer = scenario.kafka.transactionalProducer({ transactionalId: 'x', ...lingering })
      const committed = producer.transaction(async (tx) => {
        const controller = new AbortController()
        const withdrawn = tx.send(record('withdrawn'), { signal: controller.signal })
        await scenario.advance(100)
        controller.abort()
        expect(await failure(withdrawn)).toMatchObject(aborted)
        const again = new AbortController()
        const unknown = tx.send({ topic: 'unknown', value: 'x' }, { signal: again.signal })
        await scenario.advance(10)
        again.abort()
        expect(await failure(unknown)).toMatchObject(aborted)
        expect(tx.status).toBe('open')
      })
      await expect(committed).resolves.toBe(undefined)
      await producer.close()
    }))
})
