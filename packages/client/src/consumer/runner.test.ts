import { errorCode } from '@ottla/codec'
import { afterEach, describe, expect, test } from 'vitest'
import { settle } from '../group/testing/scripted-cluster.ts'
import type { Message } from './message.ts'
import { closeConsumers, consumerOf, outcome, take, value, values } from './testing/consumers.ts'
import { ScriptedKafka } from './testing/scripted-log.ts'

afterEach(async () => expect(await closeConsumers(), 'timers left').toBe(0))

describe('run', () => {
  test('in order, awaiting what is a promise, until its signal', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b', 'c'])
    const consumer = consumerOf(kafka)
    const stop = new AbortController()
    const seen: string[] = []
    const running = consumer.run({
      signal: stop.signal,
      each: async (message, { signal }) => {
        expect(signal.aborted).toBe(false)
        seen.push(`<${value(message)}`)
        await settle()
        seen.push(`${value(message)}>`)
        if (value(message) === 'b') stop.abort()
      },
    })
    await running
    expect(seen.join('')).toBe('<aa><bb>')
    await consumer.close()
    expect(kafka.committedAt()).toBe(2)
  })

  test('partitions side by side up to the limit', async () => {
    const kafka = new ScriptedKafka(4)
    for (const partition of kafka.partitions) partition.append(['a', 'b'])
    let now = 0
    let most = 0
    const perPartition = new Map<number, number>()
    const consumer = consumerOf(kafka)
    let left = 8
    const stop = new AbortController()
    await consumer.run({
      signal: stop.signal,
      concurrency: { by: 'partition', limit: 3 },
      each: async ({ partition }) => {
        most = Math.max(most, ++now)
        perPartition.set(partition, (perPartition.get(partition) ?? 0) + 1)
        expect(perPartition.get(partition)).toBe(1)
        await settle()
        perPartition.set(partition, 0)
        now--
        if (--left === 0) stop.abort()
      },
    })
    expect(most).toBe(3)
  })

  test('a handler that fails ends it; nothing is committed past it, and it comes first the next time', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b', 'c'])
    const consumer = consumerOf(kafka)
    const failing = consumer.run({
      each: (message) => {
        if (value(message) === 'b') throw new Error('poison')
      },
    })
    await expect(failing).rejects.toMatchObject({ code: 'HANDLER_FAILED', topic: 't', partition: 0, offset: 1n })
    await consumer.commit()
    expect(kafka.committedAt()).toBe(1)
    expect(await take(consumer.messages(), 2)).toEqual(['b', 'c'])
  })

  test('retries with pauses, and tells of each', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b'])
    const consumer = consumerOf(kafka)
    const retries: number[] = []
    consumer.on('retry', ({ attempt, backoffMs }) => retries.push(attempt, backoffMs))
    let failures = 2
    const seen: unknown[] = []
    const stop = new AbortController()
    const running = consumer.run({
      retry: { attempts: 3, backoffMs: [100, 1_000] },
      signal: stop.signal,
      each: async (message) => {
        if (value(message) === 'a' && failures-- > 0) throw new Error('not yet')
        if (seen.push(value(message)) === 2) stop.abort()
      },
    })
    await kafka.runtime.advance(1_000)
    await running
    expect(seen).toEqual(['a', 'b'])
    expect(retries).toEqual([1, 100, 2, 200])
  })

  test('one failure ends the workers that wait for records too', async () => {
    const kafka = new ScriptedKafka(2)
    const consumer = consumerOf(kafka)
    const running = consumer.run({
      concurrency: { limit: 3 },
      each: () => {
        throw new Error('poison')
      },
    })
    await settle()
    kafka.partitions[0]!.append(['a'])
    kafka.appended()
    expect(await outcome(running)).toMatchObject({ code: 'HANDLER_FAILED' })
  })

  test('a handler that ends because its partition is gone is no failure', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b'])
    const consumer = consumerOf(kafka)
    let calls = 0
    const running = consumer.run({
      each: (_, { signal }) => {
        if (++calls > 1) return undefined
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      },
    })
    await settle()
    kafka.next('Heartbeat', () => ({ errorCode: errorCode('UNKNOWN_MEMBER_ID') }))
    await kafka.runtime.advance(4_000)
    expect(calls).toBe(3)
    expect(await outcome(running)).toBe('pending')
  })

  test('stopping during a pause between attempts does not wait for its end, and leaves the item undone', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b'])
    const consumer = consumerOf(kafka)
    const stop = new AbortController()
    const running = consumer.run({
      retry: { attempts: 5, backoffMs: [60_000, 60_000] },
      signal: stop.signal,
      each: () => {
        throw new Error('not yet')
      },
    })
    await settle()
    stop.abort()
    expect(await outcome(running)).toBe(undefined)
    expect(await take(consumer.messages(), 1)).toEqual(['a'])
  })

  test('a seek from a handler: what follows waits until the handler is through', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b', 'c'])
    const consumer = consumerOf(kafka)
    const seen: string[] = []
    const stop = new AbortController()
    const running = consumer.run({
      concurrency: { limit: 2 },
      signal: stop.signal,
      each: async (message) => {
        seen.push(`<${value(message)}`)
        if (value(message) === 'a') consumer.seek({ topic: 't', partition: 0, offset: 2 })
        await kafka.runtime.advance(600)
        seen.push(`${value(message)}>`)
        if (value(message) === 'c') stop.abort()
      },
    })
    await running
    expect(seen.join('')).toBe('<aa><cc>')
  })

  test('batches too', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b']).append(['c'])
    const consumer = consumerOf(kafka)
    const seen: unknown[] = []
    const stop = new AbortController()
    await consumer.run({
      signal: stop.signal,
      eachBatch: (batch) => {
        seen.push(values([...batch]))
        if (seen.length === 2) stop.abort()
      },
    })
    expect(seen).toEqual([['a', 'b'], ['c']])
    await consumer.close()
    expect(kafka.committedAt()).toBe(3)
  })

  test('options that are not there are refused clearly', async () => {
    const consumer = consumerOf(new ScriptedKafka())
    const each = () => {}
    await expect(consumer.run({ each, deadLetter: { topic: 'x' } } as never)).rejects.toThrow(/deadLetter/)
    await expect(consumer.run({ each, concurrency: { by: 'key' as never } })).rejects.toThrow(
      /'concurrency.by' of consumer.run\(\) must be 'partition', not 'key'/,
    )
    await expect(consumer.run({})).rejects.toThrow(
      /Either 'each' or 'eachBatch' of consumer.run\(\) must be a function/,
    )
  })

  test('close waits for the handler, commits it, and ends the run', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b'])
    const consumer = consumerOf(kafka)
    let finish: (() => void) | undefined
    const running = consumer.run({ each: () => new Promise<void>((resolve) => (finish = resolve)) })
    await settle()
    const closing = consumer.close()
    await settle()
    expect(kafka.bodies('LeaveGroup')).toEqual([])
    finish?.()
    await Promise.all([closing, running])
    expect(kafka.committedAt()).toBe(1)
    expect(kafka.bodies('LeaveGroup')).toHaveLength(1)
  })
})

describe('an item that takes too long', () => {
  test('its signal aborts and an event tells; not done after the grace the consumer leaves and the reader rejects', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b'])
    const consumer = consumerOf(kafka, { maxProcessingMs: 10_000, revokeGraceMs: 2_000 })
    const stalled: unknown[] = []
    consumer.on('stalled', (event) => stalled.push(event.offset))
    const reader = consumer.messages()
    const first = (await reader.next()).value as Message
    await kafka.runtime.advance(9_900)
    expect(first.signal.aborted).toBe(false)
    await kafka.runtime.advance(4_100)
    expect(stalled).toEqual([0n])
    expect(first.signal.aborted).toBe(true)
    await kafka.runtime.advance(6_000)
    expect(kafka.bodies('LeaveGroup')).toHaveLength(1)
    await expect(reader.next()).rejects.toMatchObject({ code: 'PROCESSING_TIMED_OUT', offset: 0n })
  })

  test('heartbeats go on however long a handler takes', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b'])
    const consumer = consumerOf(kafka, { sessionTimeoutMs: 6_000, heartbeatIntervalMs: 1_000 })
    const reader = consumer.messages()
    await reader.next()
    await kafka.runtime.advance(60_000)
    expect(kafka.bodies('Heartbeat').length).toBeGreaterThan(55)
    expect(await take(reader, 1)).toEqual(['b'])
    expect(kafka.bodies('JoinGroup')).toHaveLength(1)
  })
})
