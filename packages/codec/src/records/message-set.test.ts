// Messages of the formats before Kafka 0.11, against what Kafka's own classes wrote.
import { describe, expect, test } from 'vitest'
import { goldenBytes } from '../../test/golden.ts'
import { recordsOf } from '../../test/read-records.ts'
import { bytesOf, seeded } from '../../test/samples.ts'
import { type CompressionName, compressionNames, UnsupportedCompression } from '../compression/codec.ts'
import { codecOf } from '../compression/compression.ts'
import { DecodeError } from '../wire/decode-error.ts'
import { BatchWriter } from './batch-writer.ts'
import { type MessageFields, messageSet } from './message-set.ts'
import { type RecordBatch, RecordBatchReader } from './record-batch-reader.ts'

const golden = goldenBytes('batches.tsv')
const time = 1_700_000_000_000
const far = time + 2 ** 40
const codecs = ['none', 'gzip', 'snappy', 'lz4'] as const

const messages: readonly MessageFields[] = [
  { key: 'key', value: 'value', timestampMs: time },
  { key: null, value: 'no key', timestampMs: time + 5 },
  { key: 'tombstone', value: null, timestampMs: time - 3 },
  { key: '', value: '', timestampMs: far },
  { key: 'größe', value: 'v'.repeat(300), timestampMs: BigInt(time + 2) },
]

interface Expected {
  readonly offset: number
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
}

function expectedOf(magic: number, baseOffset: number, appendTime?: number): Expected[] {
  return messages.map(({ key, value, timestampMs }, i) => ({
    offset: baseOffset + i,
    timestamp: magic === 0 ? -1 : (appendTime ?? Number(timestampMs)),
    key: key as string | null,
    value: value as string | null,
  }))
}

async function payloadOf(batch: RecordBatch): Promise<Uint8Array | undefined> {
  return batch.compressionId === 0 ? undefined : codecOf(batch.compressionId).decompress(batch.payload, 100_000)
}

/** All records of all batches, by the exact functions. */
async function read(bytes: Uint8Array): Promise<Expected[]> {
  const reader = new RecordBatchReader(bytes)
  const records: Expected[] = []
  for (let batch = reader.next(); batch !== undefined; batch = reader.next()) {
    expect(batch.verifyCrc()).toBe(true)
    const payload = await payloadOf(batch)
    const plain = recordsOf(batch, payload)
    expect(batch.recordCount).toBe(plain.length)
    const cursor = batch.records(payload)
    for (const { key, value, offset } of plain) {
      cursor.next()
      expect(batch.offsetOf(cursor)).toBe(BigInt(offset))
      records.push({ offset, timestamp: Number(batch.timestampOf(cursor)), key, value })
    }
    expect(batch.lastOffset).toBe(BigInt(plain.at(-1)!.offset))
    expect(batch.baseOffset).toBeLessThanOrEqual(BigInt(plain[0]!.offset))
  }
  return records
}

describe.each(codecs)('%s', (name) => {
  test('magic 0 of Kafka', async () => {
    expect(await read(golden(`magic-0-${name}`))).toEqual(expectedOf(0, 1000))
  })

  test('magic 1 of Kafka, with the times of the producer and of the broker', async () => {
    expect(await read(golden(`magic-1-${name}`))).toEqual(expectedOf(1, 1000))
    expect(await read(golden(`magic-1-appended-${name}`))).toEqual(expectedOf(1, 5_000_000_000_000, time + 99))
  })

  test.each([0, 1] as const)('round-trips magic %i', async (magic) => {
    const codec = codecOf(name)
    const baseOffset = 2n ** 40n
    const bytes = await messageSet(messages, { magic, codec, baseOffset })
    expect(await read(bytes)).toEqual(expectedOf(magic, 2 ** 40))
    const gaps = messages.map((message, i) => ({ ...message, offset: baseOffset + BigInt(i * i) }))
    const found = await read(await messageSet(gaps, { magic, codec, baseOffset }))
    expect(found.map(({ offset }) => offset - 2 ** 40)).toEqual([0, 1, 4, 9, 16])
  })
})

test('are written byte for byte as Kafka writes them', async () => {
  const set = async (options: Parameters<typeof messageSet>[1]) => (await messageSet(messages, options)).toString('hex')
  expect(await set({ magic: 0, baseOffset: 1000n })).toBe(golden('magic-0-none').toString('hex'))
  expect(await set({ magic: 1, baseOffset: 1000n })).toBe(golden('magic-1-none').toString('hex'))
  const appended = { magic: 1, baseOffset: 5_000_000_000_000n, logAppendTime: time + 99 } as const
  expect(await set(appended)).toBe(golden('magic-1-appended-none').toString('hex'))
})

test('exposes the header of a message before it is decompressed', () => {
  const fieldsOf = (name: string) => new RecordBatchReader(golden(name)).next()!
  expect(fieldsOf('magic-1-gzip')).toMatchObject({
    magic: 1,
    compression: 'gzip',
    recordCount: -1,
    lastOffset: 1004n,
    timestampType: 'create',
    maxTimestamp: far,
    producerId: -1n,
    producerEpoch: -1,
    baseSequence: -1,
    partitionLeaderEpoch: -1,
    isTransactional: false,
    isControl: false,
    deleteHorizonMs: undefined,
  })
  expect(fieldsOf('magic-1-appended-lz4')).toMatchObject({ timestampType: 'append', maxTimestamp: time + 99 })
  expect(fieldsOf('magic-0-none')).toMatchObject({ magic: 0, recordCount: 1, baseOffset: 1000n, maxTimestamp: -1 })
  expect(() => fieldsOf('magic-1-gzip').records()).toThrow('decompress the payload first')
})

test('reads mixed formats, as in a log that was upgraded twice', async () => {
  const writer = new BatchWriter()
  writer.append(time, 'key', 'value', [])
  const batch = writer.seal({ producerId: -1n, producerEpoch: -1, baseSequence: -1, baseOffset: 2000n })
  const mixed = Buffer.concat([golden('magic-0-snappy'), golden('magic-1-none'), golden('magic-1-lz4'), batch])
  const found = await read(mixed)
  const last = { offset: 2000, timestamp: time, key: 'key', value: 'value' }
  expect(found).toEqual([...expectedOf(0, 1000), ...expectedOf(1, 1000), ...expectedOf(1, 1000), last])
  const magics: number[] = []
  const reader = new RecordBatchReader(mixed)
  for (let next = reader.next(); next !== undefined; next = reader.next()) magics.push(next.magic)
  expect(magics).toEqual([0, 1, 1, 1, 1, 1, 1, 2])
})

test('cut off at each byte', () => {
  const bytes = golden('magic-1-none')
  let before = 0
  for (let end = 0; end <= bytes.length; end++) {
    const reader = new RecordBatchReader(bytes.subarray(0, end))
    let count = 0
    while (reader.next() !== undefined) count++
    expect(count).toBeGreaterThanOrEqual(before)
    before = count
  }
  expect(before).toBe(5)
})

test('offsets over the whole range', async () => {
  const most = 2n ** 63n - 1n
  for (const magic of [0, 1] as const) {
    for (const codec of [undefined, codecOf('gzip')]) {
      const set = await messageSet(messages, { magic, codec, baseOffset: most - 4n })
      const reader = new RecordBatchReader(set)
      const offsets: bigint[] = []
      for (let batch = reader.next(); batch !== undefined; batch = reader.next()) {
        const cursor = batch.records(await payloadOf(batch))
        while (cursor.next()) offsets.push(batch.offsetOf(cursor))
      }
      expect(offsets).toEqual([4n, 3n, 2n, 1n, 0n].map((less) => most - less))
    }
  }
})

test('timestamps over the whole range', async () => {
  const times = [2n ** 63n - 1n, 0n, -1n, 2n ** 53n + 1n, -(2n ** 63n)]
  const set = await messageSet(
    times.map((timestampMs) => ({ key: null, value: 'x', timestampMs })),
    { magic: 1, codec: codecOf('lz4') },
  )
  const batch = new RecordBatchReader(set).next()!
  const cursor = batch.records(await payloadOf(batch))
  const found: bigint[] = []
  while (cursor.next()) found.push(batch.timestampOf(cursor))
  expect(found).toEqual(times)
})

test('a set without an outer offset, as old librdkafka versions sent, starts at 0', async () => {
  const bytes = golden('magic-1-gzip')
  bytes.writeBigInt64BE(0n, 0)
  const batch = new RecordBatchReader(bytes).next()!
  const found = recordsOf(batch, await payloadOf(batch))
  expect(found.map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4])
})

describe('damage', () => {
  const plain = () => golden('magic-1-none')
  const first = (bytes: Buffer) => () => new RecordBatchReader(bytes).next()

  test.each([
    ['a size that has no room for a message', 8, 21],
    ['a key longer than the message', 26, 400],
    ['a key of length -2', 26, -2],
    ['a value longer than the message', 33, 400],
    ['a value of length -2', 33, -2],
    ['a value that leaves bytes over', 33, 4],
  ])('%s', (_, place, value) => {
    const bytes = plain()
    bytes.writeInt32BE(value, place)
    expect(first(bytes)).toThrow(DecodeError)
  })

  test('a flipped bit changes the checksum', () => {
    for (const place of [17, 20, 31, 38]) {
      const bytes = plain()
      bytes[place]! ^= 0x08
      expect(new RecordBatchReader(bytes).next()!.verifyCrc(), `byte ${place}`).toBe(false)
    }
  })

  test('rejects compressions that the format lacks', () => {
    for (const id of [4, 5, 6, 7]) {
      const bytes = plain()
      bytes[17] = id
      expect(first(bytes)).toThrow('a compression that the format does not have')
    }
    const tombstone = plain().subarray(42 + 40)
    tombstone[17] = 1
    expect(first(tombstone)).toThrow('a compressed set that is null')
  })

  test('a compressed set at a negative offset', () => {
    const bytes = golden('magic-1-gzip')
    bytes.writeBigInt64BE(-(2n ** 63n), 0)
    expect(first(bytes)).toThrow('a compressed set at offset -9223372036854775808')
  })

  const setOf = async (inner: Buffer, magic: 0 | 1 = 1, offset = 10n) => {
    const outer = await messageSet([{ key: null, value: inner }], { magic, baseOffset: offset })
    outer[17]! |= 1
    const batch = new RecordBatchReader(outer).next()!
    return () => batch.records(inner)
  }

  test('rejects nested sets, sets of another magic, empty and truncated ones', async () => {
    expect(await setOf(golden('magic-1-gzip'))).toThrow('a compressed message in a compressed set')
    expect(await setOf(golden('magic-0-none'))).toThrow('a message of another magic in a set')
    expect(await setOf(Buffer.alloc(0))).toThrow('a compressed set without messages')
    const inner = await messageSet(messages, { magic: 1 })
    for (const end of [1, 11, 12, 30, inner.length - 1])
      expect(await setOf(inner.subarray(0, end))).toThrow(DecodeError)
    expect(await setOf(inner)).not.toThrow()
    expect(await setOf(inner, 1, 3n)).toThrow('an offset of 3 for a set that ends with 4')
    const apart = await messageSet(
      [
        { key: null, value: null, offset: 0n },
        { key: null, value: null, offset: 2n ** 32n },
      ],
      { magic: 1 },
    )
    expect(await setOf(apart, 1, 2n ** 32n)).toThrow('offsets that are too far apart')
  })

  test('random damage is rejected with DecodeError or undetected', async () => {
    const random = seeded(11)
    for (let round = 0; round < 600; round++) {
      const source = golden(`magic-${random(2)}-${codecs[random(4)]}`)
      for (let i = 0; i <= random(3); i++) source[random(source.length)] = random(256)
      try {
        const reader = new RecordBatchReader(source)
        for (let batch = reader.next(); batch !== undefined; batch = reader.next()) {
          const found = recordsOf(batch, await payloadOf(batch))
          expect(found.length).toBe(batch.recordCount)
        }
      } catch (error) {
        if (!(error instanceof UnsupportedCompression)) expect(error).toBeInstanceOf(DecodeError)
      }
    }
  })

  test('a decompressed set of random bytes', async () => {
    const random = seeded(12)
    for (let round = 0; round < 300; round++) expect(await setOf(bytesOf(random(100), random))).toThrow(DecodeError)
  })
})

test('rejects what the formats cannot represent', async () => {
  await expect(messageSet([], { magic: 1 })).rejects.toThrow(TypeError)
  await expect(messageSet(messages, { magic: 0, logAppendTime: 1 })).rejects.toThrow('magic 0 has no timestamps')
  await expect(messageSet(messages, { magic: 1, codec: codecOf('zstd') })).rejects.toThrow('does not support zstd')
})

test.each<CompressionName>([...compressionNames])('round-trips batches of magic 2: %s', async (name) => {
  const writer = new BatchWriter()
  for (let i = 0; i < 2000; i++) writer.append(time + i, `key ${i}`, `{"value":${i * 7919}}`, [])
  const fields = { producerId: 1n, producerEpoch: 0, baseSequence: 7 }
  const bytes = name === 'none' ? writer.seal(fields) : await writer.sealCompressed(fields, codecOf(name))
  const found = await read(bytes)
  expect(found.length).toBe(2000)
  expect(found[1999]).toEqual({ offset: 1999, timestamp: time + 1999, key: 'key 1999', value: '{"value":15830081}' })
})
