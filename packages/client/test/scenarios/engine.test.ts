import { expect, test } from 'vitest'
import { createByteBudget, type EngineBatch, engineOf } from '../../src/engine/index.ts'
import type { Consumer } from '../../src/index.ts'
import { onTargets } from '../support/targets.ts'
import { until, within } from '../support/until.ts'

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => String(from + i))

const valuesOf = (batch: EngineBatch): string[] => {
  const values: string[] = []
  batch.forEach((record) => {
    values.push(String(record.value()))
  })
  return values
}

onTargets('an engine', (target) => {
  async function filled(base: string, count: number, partitions = 1) {
    const topic = await target().createTopic(base, { partitions })
    const kafka = target().newKafka()
    const producer = kafka.producer()
    for (let from = 0; from < count; from += 10) {
      const values = numbers(from, Math.min(count, from + 10))
      await producer.send(values.map((value) => ({ topic, partition: Number(value) % partitions, value })))
    }
    return { topic, kafka, groupId: target().uniqueName(base) }
  }

  test('reads merged batches, and delivers the rest of one again that was put back', async () => {
    const { kafka, topic, groupId } = await filled('put-back', 60)
    const consumer = kafka.consumer({ groupId, topics: [topic], offsetReset: 'earliest' })
    const seen: string[] = []
    let batches = 0
    const reading = async () => {
      for await (const batch of engineOf(consumer).batches()) {
        batches++
        const values = valuesOf(batch)
        const half = Math.ceil(values.length / 2)
        seen.push(...(values.length > 5 ? values.slice(0, half) : values))
        if (values.length > 5) batch.putBack(batch.firstOffset + half)
        if (seen.length === 60) return
      }
    }
    await within('all records once', 30_000, reading())
    expect(seen).toEqual(numbers(0, 60))
    expect(batches).toBeGreaterThan(3)
    await consumer.close()
    const [committed] = await kafka.admin().listConsumerGroupOffsets(groupId)
    // The last batch was in hand at the end.
    expect(Number(committed?.offset)).toBeGreaterThanOrEqual(55)
  })

  test('changes its partitions while loops read', async () => {
    const { kafka, topic } = await filled('assign', 40, 4)
    const consumer = kafka.consumer({ assign: [] })
    const engine = engineOf(consumer)
    const seen: Record<number, string[]> = { 0: [], 1: [], 2: [], 3: [] }
    const loop = async () => {
      for await (const batch of engine.batches()) seen[batch.partition]?.push(...valuesOf(batch))
    }
    const loops = Promise.all([loop(), loop()])
    const places = (...partitions: number[]) =>
      partitions.map((partition) => ({ topic, partition, offset: 'earliest' as const }))
    await engine.assign(places(0, 1))
    await until('two are read', () => seen[0]?.length === 10 && seen[1]?.length === 10)
    await engine.assign(places(1, 2))
    await until('the third is read', () => seen[2]?.length === 10)
    await kafka.producer().send([0, 1].map((partition) => ({ topic, partition, value: `more ${partition}` })))
    await until('the one that stayed continues', () => seen[1]?.length === 11)
    await consumer.close()
    await loops
    expect([seen[0]?.length, seen[3]?.length]).toEqual([10, 0])
    expect(seen[1]?.at(-1)).toBe('more 1')
  })

  test('consumers with one budget read everything, whatever one of them does', async () => {
    const topic = await target().createTopic('budget', { partitions: 3 })
    const kafka = target().newKafka()
    const value = 'x'.repeat(10_000)
    const records = Array.from({ length: 300 }, (_, i) => ({ topic, partition: i % 3, value }))
    await kafka.producer().send(records)
    const fetchBudget = createByteBudget({ maxBytes: 200_000 })
    const consumers: Consumer[] = [0, 1, 2].map((partition) =>
      kafka.consumer({ assign: [{ topic, partition, offset: 'earliest' }], partitionMaxBytes: 50_000, fetchBudget }),
    )
    const [stuck, ...others] = consumers
    await engineOf(stuck!).batches({ maxBatchBytes: 1 }).next()
    const counts = others.map(async (consumer) => {
      let count = 0
      for await (const batch of engineOf(consumer).batches()) {
        count += batch.recordCount
        if (count === 100) break
      }
      return count
    })
    expect(await within('the others read', 30_000, Promise.all(counts))).toEqual([100, 100])
    // One of them has a batch in hand that it never settles.
    await Promise.all(consumers.map((consumer) => consumer.close({ timeoutMs: 500 })))
    expect(fetchBudget.heldBytes).toBe(0)
  })

  test('shows the leader of the group to each member', async () => {
    const { kafka, topic, groupId } = await filled('leader', 2, 2)
    const members = [0, 1].map(() => kafka.consumer({ groupId, topics: [topic], heartbeatIntervalMs: 500 }))
    await Promise.all(members.map((member) => member.ready()))
    const engines = members.map((member) => engineOf(member))
    await until('both have a partition', () => members.every((member) => member.assignment().length === 1), 30_000)
    await until('both are stable', () => engines.every(({ rebalancing }) => !rebalancing), 30_000)
    const leaders = new Set(engines.map(({ member }) => member?.leaderId))
    expect(leaders.size).toBe(1)
    expect(engines.filter(({ member }) => member?.isLeader)).toHaveLength(1)
  })
})
