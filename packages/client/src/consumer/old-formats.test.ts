// Logs that were written before Kafka 0.11 (magic 0 and 1), alone and before batches of today.
import { codecOf, type MessageFields, type MessageSetOptions, messageSet } from '@ottla/codec/records'
import { afterEach, expect, test } from 'vitest'
import type { Message } from './message.ts'
import { closeConsumers, consumerOf, take, values } from './testing/consumers.ts'
import { ScriptedKafka } from './testing/scripted-log.ts'

afterEach(async () => expect(await closeConsumers(), 'timers left').toBe(0))

const time = 1_700_000_000_000

/** Appends messages with these values; what is not compressed counts as a batch each. */
async function append(kafka: ScriptedKafka, given: readonly string[], options: MessageSetOptions): Promise<void> {
  const partition = kafka.partitions[0]!
  const fields = given.map((value, i): MessageFields => ({ key: `k${value}`, value, timestampMs: time + i }))
  const bytes = await messageSet(fields, { ...options, baseOffset: BigInt(partition.end) })
  partition.add(partition.end, partition.end + given.length, bytes)
}

async function oldLog(): Promise<ScriptedKafka> {
  const kafka = new ScriptedKafka()
  await append(kafka, ['a', 'b'], { magic: 0 })
  await append(kafka, ['c', 'd', 'e'], { magic: 0, codec: codecOf('lz4') })
  await append(kafka, ['f', 'g', 'h', 'i'], { magic: 1, codec: codecOf('snappy') })
  await append(kafka, ['j', 'k'], { magic: 1, codec: codecOf('gzip'), logAppendTime: time + 99 })
  kafka.partitions[0]!.append(['l', 'm'])
  return kafka
}

const all = [...'abcdefghijklm']

test('every record comes once, in order, with its offset and time', async () => {
  const kafka = await oldLog()
  const seen: Message[] = []
  for await (const message of consumerOf(kafka)) if (seen.push(message) === all.length) break
  expect(values(seen)).toEqual(all)
  expect(seen.map(({ offset }) => Number(offset))).toEqual(all.map((_, i) => i))
  expect(seen.map(({ key }) => String(key))).toEqual(all.map((value) => `k${value}`))
  expect(seen.map(({ timestamp }) => timestamp).slice(0, 11)).toEqual([
    ...[-1, -1, -1, -1, -1],
    ...[time, time + 1, time + 2, time + 3],
    ...[time + 99, time + 99],
  ])
  expect(seen[10]!.timestampType).toBe('append')
  expect(seen[6]!.headers).toEqual([])
})

test('reading begins in the midst of a compressed set', async () => {
  for (let start = 0; start < all.length; start++) {
    const kafka = await oldLog()
    kafka.committed.set(0, BigInt(start))
    expect(await take(consumerOf(kafka).messages(), all.length - start)).toEqual(all.slice(start))
  }
})

test('as whole batches', async () => {
  const kafka = await oldLog()
  const found: [number, number, number][] = []
  for await (const batch of consumerOf(kafka).batches()) {
    found.push([Number(batch.firstOffset), Number(batch.lastOffset), batch.recordCount])
    if (found.length === 6) break
  }
  expect(found).toEqual([
    [0, 0, 1],
    [1, 1, 1],
    [2, 4, 3],
    [5, 8, 4],
    [9, 10, 2],
    [11, 12, 2],
  ])
})

test('a set whose insides are wrong stops the partition with one error, at once or when it is inflated later', async () => {
  for (const size of [10, 300_000]) {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a'])
    let state = 1
    const noise = Buffer.from(
      Array.from({ length: size }, () => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) | 0
        return state >>> 24
      }),
    )
    // A message as it stands outside, compressed, in the place of a set.
    const inner = await messageSet([{ key: null, value: noise }], { magic: 0 })
    const compressed = await codecOf('gzip').compress(Buffer.concat([inner, noise]), 1)
    expect(compressed.length > 64 * 1024).toBe(size > 10)
    const outer = await messageSet([{ key: null, value: compressed }], { magic: 0, baseOffset: 1n })
    outer[17]! |= 1
    kafka.partitions[0]!.add(1, 2, outer)
    const reader = consumerOf(kafka, { checkCrcs: false }).messages()
    const error = await take(reader, 2).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'CORRUPT_MESSAGE', topic: 't', partition: 0, offset: 1n })
  }
})
