// Random batches, written here and read by Kafka's own classes. SEED says which.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { codecOf } from '../../src/compression/compression.ts'
import { BatchWriter, type SealFields } from '../../src/records/batch-writer.ts'
import type { RecordHeader } from '../../src/records/record.ts'
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

async function make(): Promise<Made> {
  const writer = new BatchWriter({ initialBytes: 64 })
  const fields = sealFields(random)
  const compression = random(2) === 0 ? 'gzip' : 'none'
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

test(`${batchCount} batches as Kafka reads them`, async () => {
  const made: Made[] = []
  for (let i = 0; i < batchCount; i++) made.push(await make())
  const folder = mkdtempSync(join(tmpdir(), 'ottla-batches-'))
  try {
    const file = join(folder, 'batches.txt')
    writeFileSync(file, made.map(({ hex }) => `${hex}\n`).join(''))
    const answers = java('BatchOracle', file).split('\n\n')
    made.forEach(({ expected }, i) => {
      expect(`${answers[i]}\n`, `batch ${i}`).toBe(expected)
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
})
