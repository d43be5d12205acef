// Random batches in all compressions, written here, read and written again by Kafka's own classes, and read here again.
// SEED says which.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { compressionNames } from '../../src/compression/codec.ts'
import { codecOf } from '../../src/compression/compression.ts'
import { BatchWriter, type SealFields } from '../../src/records/batch-writer.ts'
import type { RecordHeader } from '../../src/records/record.ts'
import { type RecordBatch, RecordBatchReader } from '../../src/records/record-batch-reader.ts'
import { readHeaders } from '../../src/records/record-cursor.ts'
import { bytesOf, type Random, seeded } from '../samples.ts'
import { java } from './java.ts'

const random = seeded(Number(process.env.SEED ?? 1))
const batchCount = 400

interface Made {
  readonly hex: string
  /** What Kafka is to print. */
  readonly expected: string
}

function text(random: Random): string {
  const character = ['a', 'é', '語', '𝄞'][random(4)]!
  return character.repeat(random(random(10) === 0 ? 300 : 40))
}

function data(random: Random): string | Uint8Array | null {
  const kind = random(4)
  if (kind === 0) return null
  return kind === 1 ? text(random) : bytesOf(random(100), random)
}

function hexOf(data: string | Uint8Array | null): string {
  return data === null ? 'null' : `x${Buffer.from(data as string).toString('hex')}`
}

function sealFields(random: Random) {
  const idempotent = random(2) === 0
  const fields = {
    producerId: idempotent ? BigInt(random(2 ** 32)) * 1000n : -1n,
    producerEpoch: idempotent ? random(2 ** 15) : -1,
    baseSequence: idempotent ? random(2 ** 31) : -1,
    baseOffset: BigInt(random(2 ** 32)) * BigInt(random(2 ** 20)),
    partitionLeaderEpoch: random(100) - 1,
    transactional: idempotent && random(2) === 0,
  } satisfies SealFields
  return fields
}

async function make(index: number): Promise<Made> {
  const writer = new BatchWriter({ initialBytes: 64 })
  const fields = sealFields(random)
  const compression = compressionNames[index % compressionNames.length]!
  const start = 1_700_000_000_000 + random(2 ** 31)
  const lines: string[] = []
  const count = 1 + random(random(10) === 0 ? 500 : 20)
  for (let i = 0; i < count; i++) {
    const timestamp = start + random(2 ** 31) - random(2 ** 31)
    const [key, value] = [data(random), data(random)]
    const headers = Array.from({ length: random(4) }, (): RecordHeader => ({ key: text(random), value: data(random) }))
    writer.append(timestamp, key, value, headers)
    const pairs = headers.map((header) => ` ${hexOf(header.key)}=${hexOf(header.value)}`)
    lines.push(`${fields.baseOffset + BigInt(i)} ${timestamp} ${hexOf(key)} ${hexOf(value)}${pairs.join('')}\n`)
  }
  const bytes = compression === 'none' ? writer.seal(fields) : await writer.sealCompressed(fields, codecOf(compression))
  const { baseOffset, producerId, producerEpoch, baseSequence, transactional, partitionLeaderEpoch } = fields
  const offsets = `${baseOffset} ${baseOffset + BigInt(count - 1)} ${writer.maxTimestamp}`
  const producer = `${producerId} ${producerEpoch} ${baseSequence} ${transactional}`
  const head = `${offsets} ${producer} ${partitionLeaderEpoch} ${compression} ${count}\n`
  return { hex: Buffer.from(bytes).toString('hex'), expected: `${head}${lines.join('')}` }
}

/** The same text from a batch that we read. */
async function describe(batch: RecordBatch): Promise<string> {
  const { baseOffset, lastOffset, maxTimestamp, producerId, producerEpoch, baseSequence, isTransactional } = batch
  const { partitionLeaderEpoch, compression, recordCount, baseTimestamp } = batch
  const payload = await codecOf(compression).decompress(batch.payload, 1 << 24)
  const cursor = batch.records(compression === 'none' ? undefined : payload)
  const producer = `${producerId} ${producerEpoch} ${baseSequence} ${isTransactional}`
  const head = `${baseOffset} ${lastOffset} ${maxTimestamp} ${producer}`
  const lines = [`${head} ${partitionLeaderEpoch} ${compression} ${recordCount}\n`]
  while (cursor.next()) {
    const { bytes, keyStart, keyLength, valueStart, valueLength, headersStart, headerCount } = cursor
    const part = (start: number, length: number) => hexOf(length === -1 ? null : bytes.subarray(start, start + length))
    const pairs = readHeaders(bytes, headersStart, headerCount).map(
      ({ key, value }) => ` ${hexOf(key)}=${hexOf(value)}`,
    )
    const place = `${baseOffset + BigInt(cursor.offsetDelta)} ${baseTimestamp + cursor.timestampDelta}`
    lines.push(`${place} ${part(keyStart, keyLength)} ${part(valueStart, valueLength)}${pairs.join('')}\n`)
  }
  return lines.join('')
}

test(`${batchCount} batches as Kafka reads them, and as it writes them again`, async () => {
  const made: Made[] = []
  for (let i = 0; i < batchCount; i++) made.push(await make(i))
  const folder = mkdtempSync(join(tmpdir(), 'ottla-batches-'))
  try {
    const file = join(folder, 'batches.txt')
    writeFileSync(file, made.map(({ hex }) => `${hex}\n`).join(''))
    const responses = java('BatchOracle', file).trimEnd().split('\n\n')
    expect(responses.length).toBe(made.length)
    for (const [i, { expected }] of made.entries()) {
      const response = responses[i]!
      const end = response.lastIndexOf('\n') + 1
      expect(response.slice(0, end), `batch ${i}`).toBe(expected)
      const batch = new RecordBatchReader(Buffer.from(response.slice(end + 'x'.length), 'hex')).next()!
      expect(batch.verifyCrc(), `batch ${i}`).toBe(true)
      expect(await describe(batch), `batch ${i}, written by Kafka`).toBe(expected)
    }
    const each = compressionNames.map((name, id) => `${name} ${made.filter((_, i) => i % 5 === id).length}`)
    console.log(`${made.length} batches read and written again by Kafka, and read again here: ${each.join(', ')}`)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
