// Random batches in every compression and message sets of magic 0 and 1: written here and read by Kafka's MemoryRecords,
// written again by it and read here. SEED says which.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { compressionNames } from '../../src/compression/codec.ts'
import { codecOf } from '../../src/compression/compression.ts'
import { BatchWriter } from '../../src/records/batch-writer.ts'
import { emptyBatch } from '../../src/records/empty-batch.ts'
import { messageSet } from '../../src/records/message-set.ts'
import { RecordBatchReader } from '../../src/records/record-batch-reader.ts'
import { bytesOf, seeded } from '../samples.ts'
import { java } from './java.ts'

const random = seeded(Number(process.env.SEED ?? 1))
const most = 2n ** 63n - 1n
const time = 1_700_000_000_000n

interface Made {
  readonly label: string
  readonly bytes: Uint8Array
  readonly expected: string
}

interface Line {
  readonly offset: bigint
  readonly timestamp: bigint
  readonly key: Buffer | null
  readonly value: Buffer | null
}

const hexOf = (data: Buffer | null) => (data === null ? 'null' : `x${data.toString('hex')}`)

function lineOf({ offset, timestamp, key, value }: Line): string {
  return `${offset} ${timestamp} ${hexOf(key)} ${hexOf(value)}\n`
}

function data(most: number): Buffer | null {
  const kind = random(4)
  if (kind === 0) return null
  if (kind === 1) return bytesOf(random(most), random)
  return Buffer.from(`${random(1000)} says ${'again and '.repeat(random(1 + (most >> 4)))}`)
}

/** Timestamps that Kafka's builder accepts: not negative, except -1. */
function timestampOf(): bigint {
  return [time + BigInt(random(2 ** 31)), -1n, 0n, most, BigInt(random(2 ** 31)) * BigInt(random(2 ** 31))][random(5)]!
}

function linesOf(baseOffset: bigint, count: number): Line[] {
  const size = random(6) === 0 ? 3000 : 60
  return Array.from({ length: count }, (_, i) => ({
    offset: baseOffset + BigInt(i),
    timestamp: timestampOf(),
    key: data(20),
    value: data(size),
  }))
}

const latest = (lines: readonly Line[]) =>
  lines
    .map(({ timestamp }) => timestamp)
    .sort((a, b) => (a < b ? -1 : 1))
    .at(-1)

async function makeBatch(compression: (typeof compressionNames)[number]): Promise<Made> {
  const count = 1 + random(random(4) === 0 ? 600 : 10)
  const baseOffset = random(3) === 0 ? most - BigInt(count) : BigInt(random(2 ** 31)) * 1000n
  const lines = linesOf(baseOffset, count)
  const writer = new BatchWriter({ initialBytes: 64 })
  for (const { timestamp, key, value } of lines) writer.append(timestamp, key, value, [])
  const fields = { producerId: -1n, producerEpoch: -1, baseSequence: -1, baseOffset }
  const bytes = compression === 'none' ? writer.seal(fields) : await writer.sealCompressed(fields, codecOf(compression))
  const head = `${baseOffset} ${lines.at(-1)!.offset} ${latest(lines)} -1 -1 -1 false -1 ${compression} ${count}\n`
  return { label: `${compression}, ${count} records`, bytes, expected: head + lines.map(lineOf).join('') }
}

async function makeSet(magic: 0 | 1, compression: 'none' | 'gzip' | 'snappy' | 'lz4'): Promise<Made> {
  const baseOffset = 1n + BigInt(random(2 ** 31)) * 1000n
  const logAppendTime = magic === 1 && random(3) === 0 ? time + 5n : undefined
  const given = linesOf(baseOffset, 1 + random(compression === 'none' ? 1 : 40))
  const bytes = await messageSet(
    given.map(({ key, value, timestamp }) => ({ key, value, timestampMs: timestamp })),
    { magic, codec: codecOf(compression), baseOffset, logAppendTime },
  )
  const lines = given.map((line) => ({ ...line, timestamp: magic === 0 ? -1n : (logAppendTime ?? line.timestamp) }))
  const head = `${baseOffset} ${lines.at(-1)!.offset} ${latest(lines)} -1 -1 -1 false -1 ${compression} null\n`
  return { label: `magic ${magic}, ${compression}`, bytes, expected: head + lines.map(lineOf).join('') }
}

/** The records of all batches as Kafka prints them. */
async function read(bytes: Buffer): Promise<string> {
  const reader = new RecordBatchReader(bytes)
  let text = ''
  for (let batch = reader.next(); batch !== undefined; batch = reader.next()) {
    expect(batch.verifyCrc()).toBe(true)
    const codec = codecOf(batch.compressionId)
    const cursor = batch.records(codec.id === 0 ? undefined : await codec.decompress(batch.payload, 1 << 24))
    while (cursor.next()) {
      const part = (start: number, length: number) =>
        length === -1 ? null : Buffer.from(cursor.bytes.subarray(start, start + length))
      const [key, value] = [part(cursor.keyStart, cursor.keyLength), part(cursor.valueStart, cursor.valueLength)]
      text += lineOf({ offset: batch.offsetOf(cursor), timestamp: batch.timestampOf(cursor), key, value })
    }
  }
  return text
}

function makeEmpty(): Made {
  const [baseOffset, timestampMs] = [BigInt(random(2 ** 31)), time]
  const places = { baseOffset, lastOffset: baseOffset + 20n, partitionLeaderEpoch: 9, timestampMs }
  const bytes = emptyBatch({ ...places, producerId: 7n, producerEpoch: 5, baseSequence: 17, transactional: true })
  return { label: 'empty', bytes, expected: `${baseOffset} ${places.lastOffset} ${time} 7 5 17 true 9 none 0\n` }
}

test('batches in every compression and message sets as Kafka reads them', async () => {
  const made: Made[] = [makeEmpty()]
  for (let round = 0; round < 60; round++) {
    for (const name of compressionNames) made.push(await makeBatch(name))
    for (const name of ['none', 'gzip', 'snappy', 'lz4'] as const) {
      made.push(await makeSet(0, name), await makeSet(1, name))
    }
  }
  const folder = mkdtempSync(join(tmpdir(), 'ottla-sets-'))
  try {
    const file = join(folder, 'batches.txt')
    writeFileSync(file, made.map(({ bytes }) => `${Buffer.from(bytes).toString('hex')}\n`).join(''))
    const responses = java('BatchOracle', file).trimEnd().split('\n\n')
    expect(responses.length).toBe(made.length)
    for (const [i, { label, expected }] of made.entries()) {
      const end = responses[i]!.lastIndexOf('\n') + 1
      expect(responses[i]!.slice(0, end), `${label}: what Kafka reads`).toBe(expected)
      const rewritten = Buffer.from(responses[i]!.slice(end + 1), 'hex')
      const lines = expected.slice(expected.indexOf('\n') + 1)
      expect(await read(rewritten), `${label}: what Kafka writes`).toBe(lines)
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})
