import { describe, expect, test } from 'vitest'
import { ScriptedProducer, type ScriptedProducerOptions } from '../../test/support/scripted-producer.ts'
import type { ProducerRecord } from './record-input.ts'

const mebibyte = 1 << 20

/** A producer whose requests get no response. */
async function silent(options: ScriptedProducerOptions): Promise<ScriptedProducer> {
  const script = new ScriptedProducer({ maxBufferedBytes: 4 * mebibyte, deliveryTimeoutMs: 5_000, ...options })
  await script.connect()
  const known = script.producer.send({ topic: 't', value: 'a', partition: 0 })
  await script.runtime.advance(100)
  await known
  script.fate = () => 'hold'
  return script
}

/** How many records are accepted until the buffer is full. */
function fill({ producer }: ScriptedProducer, record: ProducerRecord, onSettled?: () => void): number {
  let count = 1
  while (producer.enqueue(record, onSettled)) count++
  return count
}

describe('the buffer', () => {
  test('counts the objects around records of one byte: the callback and its receipt', async () => {
    const script = await silent({})
    let settled = 0
    const count = fill(script, { topic: 't', value: 'x' }, () => settled++)
    // A mebibyte of objects is free; without objects there would be 400,000 records.
    expect(count).toBeGreaterThan(10_000)
    expect(count).toBeLessThan(25_000)
    expect(script.producer.bufferedBytes).toBeLessThan(4 * mebibyte + 1_000)
    await script.runtime.advance(10_000)
    expect([settled, script.producer.bufferedBytes]).toEqual([count, 0])
    await script.close()
  })

  test('holds more records that need no objects', async () => {
    const script = await silent({})
    expect(fill(script, { topic: 't', value: 'x' })).toBeGreaterThan(250_000)
    await script.close()
  })

  test('counts what waits until its topic is known', async () => {
    const script = await silent({})
    let settled = 0
    const count = fill(script, { topic: 'unknown', value: 'x' }, () => settled++)
    expect(count).toBeLessThan(7_000)
    await script.runtime.advance(10_000)
    expect([settled, script.producer.bufferedBytes]).toEqual([count, 0])
    await script.close()
  })

  test('counts the batches of many partitions with one record each', async () => {
    const partitions = 4_000
    const script = await silent({ topics: { t: new Array(partitions).fill(1) } })
    let partition = 0
    while (partition < partitions && script.producer.enqueue({ topic: 't', value: 'x', partition })) partition++
    expect(partition).toBeGreaterThan(1_500)
    expect(partition).toBeLessThan(3_000)
    await script.runtime.advance(10_000)
    expect(script.producer.bufferedBytes).toBe(0)
    await script.close()
  })

  test('counts topics that are looked up', async () => {
    const script = await silent({})
    let topics = 0
    while (script.producer.enqueue({ topic: `unknown-${topics}`, value: 'x' })) topics++
    expect(topics).toBeLessThan(800)
    await script.runtime.advance(10_000)
    expect(script.producer.bufferedBytes).toBe(0)
    await script.close()
  })

  test('that is small limits the data, not the objects', async () => {
    const script = await silent({ maxBufferedBytes: 20_000 })
    expect(fill(script, { topic: 't', value: 'x' }, () => {})).toBeGreaterThan(1_500)
    await script.close()
  })
})
