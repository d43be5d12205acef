// Logs written before Kafka 0.11 (magic 0 and 1), also followed by batches of the current format.
import { codecOf, type MessageFields, type MessageSetOptions, messageSet } from '@ottla/codec/records'
import { afterEach, expect, test } from 'vitest'
import { take, values } from '../../test/support/consuming.ts'
import { ScriptedConsumer } from '../../test/support/scripted-consumer.ts'
import type { Message } from './message.ts'

const open: ScriptedConsumer[] = []

afterEach(async () => {
  for (const scripted of open.splice(0)) await scripted.close()
})

function newScript(): ScriptedConsumer {
  const scripted = new ScriptedConsumer()
  open.push(scripted)
  return scripted
}

/** Lets the consumer join its group and fetch. */
async function read<T>({ runtime }: ScriptedConsumer, reading: Promise<T>): Promise<T> {
  await runtime.advance(2_000)
  return reading
}

const time = 1_700_000_000_000

/** Appends messages with these values; each message that is not compressed counts as a batch. */
async function append({ log }: ScriptedConsumer, given: readonly string[], options: MessageSetOptions): Promise<void> {
  const fields = given.map((value, i): MessageFields => ({ key: `k${value}`, value, timestampMs: time + i }))
  const bytes = await messageSet(fields, { ...options, baseOffset: BigInt(log.end) })
  log.add(log.end, log.end + given.length, bytes)
}

async function oldLog(): Promise<ScriptedConsumer> {
  const scripted = newScript()
  await append(scripted, ['a', 'b'], { magic: 0 })
  await append(scripted, ['c', 'd', 'e'], { magic: 0, codec: codecOf('lz4') })
  await append(scripted, ['f', 'g', 'h', 'i'], { magic: 1, codec: codecOf('snappy') })
  await append(scripted, ['j', 'k'], { magic: 1, codec: codecOf('gzip'), logAppendTime: time + 99 })
  scripted.log.append(['l', 'm'])
  return scripted
}

const all = [...'abcdefghijklm']

test('every record is delivered once, in order, with its offset and timestamp', async () => {
  const scripted = await oldLog()
  const seen: Message[] = []
  const reading = (async () => {
    for await (const message of scripted.consumer()) if (seen.push(message) === all.length) break
  })()
  await read(scripted, reading)
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

test('reading starts within a compressed set', async () => {
  for (let start = 0; start < all.length; start++) {
    const scripted = await oldLog()
    scripted.committed.set(0, BigInt(start))
    const reader = scripted.consumer().messages()
    expect(await read(scripted, take(reader, all.length - start))).toEqual(all.slice(start))
  }
})

test('messages are delivered as whole batches', async () => {
  const scripted = await oldLog()
  const found: [number, number, number][] = []
  const reading = (async () => {
    for await (const batch of scripted.consumer().batches()) {
      found.push([Number(batch.firstOffset), Number(batch.lastOffset), batch.recordCount])
      if (found.length === 6) break
    }
  })()
  await read(scripted, reading)
  expect(found).toEqual([
    [0, 0, 1],
    [1, 1, 1],
    [2, 4, 3],
    [5, 8, 4],
    [9, 10, 2],
    [11, 12, 2],
  ])
})

test('a compressed set with damaged content stops the partition with one error, whether it is decompressed while fetching or later', async () => {
  for (const size of [10, 300_000]) {
    const scripted = newScript()
    scripted.log.append(['a'])
    let state = 1
    const noise = Buffer.from(
      Array.from({ length: size }, () => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) | 0
        return state >>> 24
      }),
    )
    // A compressed message in place of a message set.
    const inner = await messageSet([{ key: null, value: noise }], { magic: 0 })
    const compressed = await codecOf('gzip').compress(Buffer.concat([inner, noise]), 1)
    expect(compressed.length > 64 * 1024).toBe(size > 10)
    const outer = await messageSet([{ key: null, value: compressed }], { magic: 0, baseOffset: 1n })
    outer[17]! |= 1
    scripted.log.add(1, 2, outer)
    const reader = scripted.consumer({ checkCrcs: false }).messages()
    const error = await read(
      scripted,
      take(reader, 2).catch((thrown: unknown) => thrown),
    )
    expect(error).toMatchObject({ code: 'CORRUPT_MESSAGE', topic: 't', partition: 0, offset: 1n })
  }
})
