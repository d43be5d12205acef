import { BatchWriter, type Codec, codecOf, RecordBatchReader } from '@ottla/codec/records'
import { beforeEach, describe, expect, test } from 'vitest'
import { Compressor } from './compressor.ts'
import { type BatchPartition, noIdentity, ProducerBatch } from './producer-batch.ts'

const small = 1_000
const large = 100_000

interface Job {
  readonly bytes: number
  end(result?: Uint8Array): void
  fail(error: Error): void
}

/** Callbacks for the next turn of the event loop. */
let deferred: (() => void)[]
let compressor: Compressor
/** Calls of the codec that have not ended. */
let jobs: Job[]
/** What partitions were notified of, in order. */
let notified: [ProducerBatch, unknown][]

/** Ends only when a test lets it. */
const slow: Codec = {
  name: 'gzip',
  id: 1,
  compress: (bytes) =>
    new Promise((resolve, reject) => {
      const end = (result = new Uint8Array(1)) => resolve(result)
      jobs.push({ bytes: bytes.length, end, fail: reject })
    }),
  decompress: (bytes) => bytes,
}

function batchOf(bytes: number, codec: Codec = codecOf('lz4'), level?: number): ProducerBatch {
  const topic = { name: 't', topicId: undefined, compression: { codec, level } }
  const compressed: BatchPartition['compressed'] = (batch, cause) => void notified.push([batch, cause])
  const writer = new BatchWriter()
  writer.append(0, null, Buffer.alloc(bytes, 'a'), [])
  return new ProducerBatch({ topic, index: 0, compressed } as BatchPartition, writer, 0, 0 as never, 0)
}

/** Runs the promise callbacks, then the next turn; false: there is none. */
async function turn(begins = () => {}): Promise<boolean> {
  await new Promise((resolve) => setImmediate(resolve))
  const next = deferred.shift()
  if (next === undefined) return false
  begins()
  next()
  return true
}

async function settle(): Promise<void> {
  while (await turn());
}

beforeEach(() => {
  deferred = []
  const runtime = {
    work: async <T>(job: () => Promise<T> | T) => job(),
    defer: (callback: () => void) => void deferred.push(callback),
  }
  compressor = new Compressor(runtime, noIdentity)
  jobs = []
  notified = []
})

test('compresses a small batch immediately, without notifying its partition', async () => {
  const batch = batchOf(small)
  expect(compressor.compress(batch)).toBe(true)
  expect(new RecordBatchReader(batch.bytes!).next()).toMatchObject({ compression: 'lz4', recordCount: 1 })
  await settle()
  expect(notified).toEqual([])
})

test('passes the level to the codec', () => {
  const levels: unknown[] = []
  const codec: Codec = {
    ...slow,
    compress: (bytes, level) => {
      levels.push(level)
      return bytes
    },
  }
  compressor.compress(batchOf(small, codec, 7))
  expect(levels).toEqual([7])
})

test.each([small, large])('reports a codec that throws, later, for a batch of %i bytes', async (bytes) => {
  const codec: Codec = {
    ...slow,
    compress: () => {
      throw new Error('broken')
    },
  }
  const batch = batchOf(bytes, codec)
  expect(compressor.compress(batch)).toBe(false)
  expect(notified).toEqual([])
  await settle()
  expect(notified).toEqual([[batch, new Error('broken')]])
  expect([batch.bytes, batch.sealing]).toEqual([undefined, false])
})

test('reports a codec that returns no bytes', async () => {
  const batch = batchOf(small, { ...slow, compress: () => undefined as never })
  expect(compressor.compress(batch)).toBe(false)
  await settle()
  expect(notified).toEqual([[batch, expect.any(TypeError)]])
})

describe('large batches', () => {
  test('are jobs: two at a time, in the order of the calls', async () => {
    const batches = [1, 2, 3, 4].map((i) => batchOf(large + i, slow))
    for (const batch of batches) compressor.prepare(batch)
    await settle()
    const sizes = batches.map(({ writer }) => writer.payload.length)
    expect(jobs.map(({ bytes }) => bytes)).toEqual(sizes.slice(0, 2))
    expect(compressor.waiting).toBe(2)
    jobs[1]!.end()
    await settle()
    expect(jobs.map(({ bytes }) => bytes)).toEqual(sizes.slice(0, 3))
    jobs[0]!.fail(new Error('broken'))
    await settle()
    expect(jobs.map(({ bytes }) => bytes)).toEqual(sizes)
    expect(notified).toEqual([
      [batches[1], undefined],
      [batches[0], new Error('broken')],
    ])
  })

  test('are compressed once, however often their partition is ready', async () => {
    const batch = batchOf(large, slow)
    compressor.prepare(batch)
    expect([compressor.compress(batch), compressor.compress(batch)]).toEqual([false, false])
    await settle()
    jobs[0]!.end()
    await settle()
    expect([jobs.length, compressor.compress(batch)]).toEqual([1, true])
  })

  test('are dropped while they wait, and have no effect once they were settled', async () => {
    const batches = [1, 2, 3].map((i) => batchOf(large + i, slow))
    for (const batch of batches) compressor.prepare(batch)
    await settle()
    for (const batch of batches) {
      batch.settled = true
      compressor.drop(batch)
    }
    expect(compressor.waiting).toBe(0)
    for (const job of jobs) job.end()
    await settle()
    expect([jobs.length, notified, batches.map(({ bytes }) => bytes)]).toEqual([
      2,
      [],
      [undefined, undefined, undefined],
    ])
    expect(batches.map(({ sealing }) => sealing)).toEqual([false, false, false])
  })

  test('leave no job behind when the producer closes', async () => {
    for (const batch of [1, 2, 3].map((i) => batchOf(large + i, slow))) compressor.prepare(batch)
    compressor.close()
    for (const job of jobs) job.end()
    await settle()
    expect([jobs.length, compressor.waiting]).toEqual([2, 0])
  })
})

test.each([
  ['small', 10_000, 60],
  ['large', 200_000, 4],
])(
  'a turn of the event loop compresses half a mebibyte of %s batches, the next turns the rest',
  async (_, bytes, count) => {
    const turns = [0]
    const codec: Codec = {
      ...slow,
      compress: (payload) => {
        turns[turns.length - 1]! += payload.length
        return new Uint8Array(1)
      },
    }
    const batches = Array.from({ length: count }, () => batchOf(bytes, codec))
    for (const batch of batches) compressor.compress(batch)
    while (await turn(() => turns.push(0)));
    expect(batches.every((batch) => batch.bytes !== undefined)).toBe(true)
    expect(Math.max(...turns)).toBeLessThanOrEqual((512 << 10) + bytes + 100)
    expect(turns.filter((compressed) => compressed > 0)).toHaveLength(2)
  },
)
