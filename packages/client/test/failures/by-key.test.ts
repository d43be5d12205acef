import { expect, test } from 'vitest'
import { json, type RunOptions, string, topic } from '../../src/index.ts'
import { lettersIn, valuesOf } from '../support/letters.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i)

async function produce({ kafka }: Scenario, count: number): Promise<void> {
  const producer = kafka.producer()
  await producer.send(numbers(count).map((i) => ({ topic: 't', key: `k${i % 4}`, value: `${i}` })))
  await producer.close()
}

const committed = async ({ kafka }: Scenario, group: string) =>
  (await kafka.admin().listConsumerGroupOffsets(group)).map(({ offset }) => Number(offset))

async function runFor(scenario: Scenario, ms: number, options: RunOptions): Promise<void> {
  const consumer = scenario.kafka.consumer({ groupId: 'g', topics: 't', offsetReset: 'earliest' })
  const running = consumer.run({ concurrency: { by: 'key', limit: 8 }, ...options })
  await scenario.advance(ms)
  await consumer.close()
  await running
}

test('by key a failed record becomes a dead letter, its key continues after it, and the others do not wait', () =>
  onTestkit({ topics: { t: 1, dlq: 1 } }, async (scenario) => {
    await produce(scenario, 40)
    const seen: string[] = []
    await runFor(scenario, 5_000, {
      deadLetter: { topic: 'dlq' },
      retry: { attempts: 2, backoffMs: [100, 100] },
      each: async ({ value }) => {
        if (['5', '6', '21'].includes(String(value))) throw new Error('cannot handle it')
        seen.push(String(value))
      },
    })
    expect(valuesOf(await lettersIn(scenario, 'dlq')).toSorted()).toEqual(['21', '5', '6'])
    expect(seen.length).toBe(37)
    for (const key of [0, 1, 2, 3]) {
      const ofKey = seen.map(Number).filter((i) => i % 4 === key)
      expect(ofKey).toEqual(ofKey.toSorted((a, b) => a - b))
    }
    expect(await committed(scenario, 'g')).toEqual([40])
  }))

test('by key a dead letter that is not acknowledged keeps its record: nothing beyond it is committed as its prefix', () =>
  onTestkit({ topics: { t: 1, dlq: 1 } }, async (scenario) => {
    await produce(scenario, 8)
    const consumer = scenario.kafka.consumer({ groupId: 'g', topics: 't', offsetReset: 'earliest' })
    const running = consumer.run({
      concurrency: { by: 'key', limit: 8 },
      deadLetter: { topic: 'missing', timeoutMs: 2_000 },
      each: async ({ value }) => {
        if (String(value) === '3') throw new Error('cannot handle it')
      },
    })
    const failed = expect(running).rejects.toMatchObject({ code: 'HANDLER_FAILED', offset: 3n })
    await scenario.advance('20s')
    await failed
    await consumer.close()
    expect(await committed(scenario, 'g')).toEqual([3])
    const seen: string[] = []
    await runFor(scenario, 2_000, { each: async ({ value }) => void seen.push(String(value)) })
    expect(seen).toContain('3')
  }))

test('by key the records of a retry topic wait until they are due, in the order of their key', () =>
  onTestkit({ topics: { t: 1, again: 1, dlq: 1 } }, async (scenario) => {
    await produce(scenario, 16)
    const attempts = new Map<string, number>()
    const seen: string[] = []
    await runFor(scenario, 30_000, {
      deadLetter: { topic: 'dlq' },
      retryTopics: [{ topic: 'again', delayMs: 5_000 }],
      each: async ({ value }) => {
        const id = String(value)
        attempts.set(id, (attempts.get(id) ?? 0) + 1)
        if (Number(id) % 4 === 1 && (attempts.get(id) ?? 0) < 2) throw new Error('not yet')
        seen.push(id)
      },
    })
    expect(seen.toSorted((a, b) => Number(a) - Number(b))).toEqual(numbers(16).map(String))
    expect(seen.filter((id) => Number(id) % 4 === 1)).toEqual(['1', '5', '9', '13'])
    expect(await lettersIn(scenario, 'dlq')).toEqual([])
  }))

test('by key the values of a typed topic are decoded, each with its own record, and their bytes are in the dead letter', () =>
  onTestkit({ topics: { t: 1, dlq: 1 } }, async (scenario) => {
    const typed = topic('t', { key: string(), value: json<{ id: number }>() })
    const producer = scenario.kafka.producer()
    await producer.send(numbers(20).map((id) => typed.record({ key: `k${id % 2}`, value: { id } })))
    const seen: number[] = []
    const consumer = scenario.kafka.consumer({ groupId: 'g', topics: typed, offsetReset: 'earliest' })
    const running = consumer.run({
      concurrency: { by: 'key', limit: 2 },
      deadLetter: { topic: 'dlq' },
      each: async ({ value, key }) => {
        expect(key).toBe(`k${(value?.id ?? 0) % 2}`)
        if (value?.id === 7) throw new Error('cannot handle it')
        seen.push(value?.id ?? -1)
      },
    })
    await scenario.advance('3s')
    await consumer.close()
    await running
    expect(seen.toSorted((a, b) => a - b)).toEqual(numbers(20).filter((id) => id !== 7))
    expect(valuesOf(await lettersIn(scenario, 'dlq'))).toEqual(['{"id":7}'])
  }))
