import type { CodecSet } from '@ottla/codec/records'
import { describe, expect, test } from 'vitest'
import { batchOf } from '../../../test/support/record-batches.ts'
import { resolveKafkaOptions } from '../../options.ts'
import { AssignedPartition } from '../partition/assigned-partition.ts'
import type { FetchedBatch } from '../partition/fetched-batch.ts'
import { FetchedChunk } from '../partition/fetched-chunk.ts'
import { ByteBudget } from './byte-budget.ts'
import { Prefetch } from './prefetch.ts'

const { codecs: direct } = resolveKafkaOptions({ brokers: ['b:1'] })

/** Decompresses as with large batches, which the thread pool decompresses. */
const codecs: CodecSet = {
  ...direct,
  of: (id) => {
    const codec = direct.of(id)
    return { ...codec, decompress: async (bytes, maxBytes) => codec.decompress(bytes, maxBytes) }
  },
}

type Batch = FetchedBatch<AssignedPartition>

/** Partitions whose fetched bytes share one budget, without a broker. */
class Fetched {
  readonly prefetch: Prefetch
  readonly partitions: AssignedPartition[]
  /** The most decompressed bytes at hand at any time, expected ones included. */
  mostBytes = 0
  broughtBytes = 0
  readonly #next = new Map<AssignedPartition, number>()

  constructor(partitionCount: number, maxBufferedBytes: number) {
    this.prefetch = new Prefetch({
      ...{ checkCrcs: true, maxDecompressedBytes: 1 << 20, codecs },
      budget: new ByteBudget(maxBufferedBytes),
      partitions: () => this.partitions,
      onDrained: () => {},
      keepsDelivered: false,
      onRoom: () => {},
      onSkipped: () => {},
      onUnreadable: (_, cause) => {
        throw cause
      },
    })
    this.partitions = Array.from({ length: partitionCount }, (_, i) => new AssignedPartition('t', i, this.prefetch))
    for (const partition of this.partitions) this.seek(partition, 0)
  }

  get bytes(): number {
    return this.prefetch.bufferedBytes
  }

  /** A fetch response brings one batch with one record of this many bytes. */
  bring(partition: AssignedPartition, valueBytes: number, gzip = true): void {
    const offset = this.#next.get(partition) ?? 0
    this.#next.set(partition, offset + 1)
    const bytes = batchOf(offset, ['x'.repeat(valueBytes)], { gzip })
    this.broughtBytes += bytes.length
    partition.buffer.accept(new FetchedChunk(bytes))
    this.mostBytes = Math.max(this.mostBytes, this.bytes)
  }

  seek(partition: AssignedPartition, offset: number): void {
    partition.place({ offset, epoch: -1 }, 'sought')
    this.#next.set(partition, offset)
  }

  drop(partition: AssignedPartition): void {
    partition.dropFetched()
    this.#next.set(partition, partition.fetching.offset)
  }

  /** Takes a batch as a reader does that waits for one; undefined: none comes. */
  async take(): Promise<Batch | undefined> {
    for (let turn = 0; turn < 10; turn++) {
      const batch = this.prefetch.take()
      this.mostBytes = Math.max(this.mostBytes, this.bytes)
      if (batch !== undefined) return batch
      await Promise.race([this.prefetch.wait(), turns(50)])
    }
    return undefined
  }

  finish(batch: Batch): void {
    if (batch.era.ended === undefined) {
      batch.owner.progress.hand(batch.firstOffset, batch.end, 0)
      batch.owner.progress.settle(batch.firstOffset, batch.end)
    }
    batch.owner.buffer.finish(batch)
  }

  /** Delivers everything; returns the number of batches. */
  async drain(): Promise<number> {
    for (let count = 0; ; count++) {
      const batch = await this.take()
      if (batch === undefined) return count
      this.finish(batch)
    }
  }
}

/** Decompression runs in the thread pool. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

const limit = (paused: AssignedPartition, { prefetch }: Fetched) => {
  paused.pause(true)
  prefetch.limitHalted()
}

describe('decompressed bytes', () => {
  test.each([1_000, 100_000])(
    'of batches of %i bytes that compress well stay within the budget',
    async (valueBytes) => {
      const budgetBytes = 10 * valueBytes
      const fetched = new Fetched(100, budgetBytes)
      for (const partition of fetched.partitions) fetched.bring(partition, valueBytes)
      await turns(200)
      const mostBytes = fetched.broughtBytes + budgetBytes / 2 + 2 * valueBytes + 100
      expect(fetched.bytes).toBeLessThanOrEqual(mostBytes)
      expect(await fetched.drain()).toBe(100)
      expect(fetched.mostBytes, 'half of the budget, and one batch').toBeLessThanOrEqual(mostBytes)
      expect(fetched.bytes).toBe(0)
    },
  )

  test('reduce the room for fetches', async () => {
    const fetched = new Fetched(1, 100_000)
    const before = fetched.prefetch.roomBytes
    fetched.bring(fetched.partitions[0]!, 60_000)
    const batch = await fetched.take()
    expect(batch?.chargedBytes).toBeGreaterThanOrEqual(60_000)
    expect(before - fetched.prefetch.roomBytes).toBeGreaterThanOrEqual(60_000)
    fetched.finish(batch!)
    expect(fetched.bytes).toBe(0)
  })

  test('of one batch may exceed the budget, one batch at a time', async () => {
    const fetched = new Fetched(3, 1_000)
    for (const partition of fetched.partitions) fetched.bring(partition, 50_000)
    const batch = await fetched.take()
    expect(batch?.chargedBytes).toBeGreaterThanOrEqual(50_000)
    await turns(50)
    // The key is as long as the value.
    expect(fetched.bytes).toBeLessThan(102_000)
    fetched.finish(batch!)
    expect(await fetched.drain()).toBe(2)
  })

  test('of another partition are delivered while a reader keeps a batch that fills the budget', async () => {
    const fetched = new Fetched(2, 1_000)
    for (const partition of fetched.partitions) fetched.bring(partition, 50_000)
    const first = await fetched.take()
    const second = await fetched.take()
    expect([first?.owner.partition, second?.owner.partition].sort()).toEqual([0, 1])
  })
})

describe('paused partitions', () => {
  test.each([true, false])('that hold the budget give it up, compressed: %s', async (gzip) => {
    const fetched = new Fetched(4, 20_000)
    const [reading, ...others] = fetched.partitions
    for (const partition of others) for (let i = 0; i < 5; i++) fetched.bring(partition, 8_000, gzip)
    await turns(50)
    for (const partition of others) limit(partition, fetched)
    expect(fetched.bytes).toBeLessThanOrEqual(10_000 + 8_200)
    expect(fetched.prefetch.isFull).toBe(false)
    fetched.bring(reading!, 8_000, gzip)
    const batch = await fetched.take()
    expect(batch?.owner).toBe(reading)
    fetched.finish(batch!)
  })
})

test('batches that a reader had together and puts back, the last one first, are delivered again in their order', async () => {
  const fetched = new Fetched(1, 100_000)
  const [partition] = fetched.partitions
  for (let i = 0; i < 3; i++) fetched.bring(partition!, 100, false)
  const first = await fetched.take()
  const more = () => partition!.buffer.takeMore(100_000)
  const together = [first!, more()!, more()!]
  for (const batch of together.toReversed()) partition!.buffer.putBack(batch)
  const again = [fetched.prefetch.take(), more(), more()]
  expect(again.map((batch) => batch?.baseOffset)).toEqual([0, 1, 2])
})

/** Numbers that follow from the seed alone. */
function dice(seed: number): (limit: number) => number {
  let state = seed * 2_654_435_761 + 1
  return (limit) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) | 0
    return (state >>> 8) % limit
  }
}

test.each(Array.from({ length: 20 }, (_, seed) => [seed]))(
  'nothing leaks from the counters over random steps: seed %i',
  async (seed) => {
    const below = dice(seed)
    const fetched = new Fetched(4, 20_000)
    const hands: Batch[] = []
    const any = () => fetched.partitions[below(4)]!
    const steps: (() => unknown)[] = [
      () => fetched.bring(any(), 1 + below(6_000), below(3) > 0),
      () => fetched.bring(any(), 1 + below(6_000), below(3) > 0),
      async () => hands.push(...[await fetched.take()].filter((batch) => batch !== undefined)),
      () => {
        for (const batch of hands.splice(below(4), 1)) fetched.finish(batch)
      },
      () => {
        for (const batch of hands.splice(below(4), 1)) batch.owner.buffer.putBack(batch)
      },
      () => limit(any(), fetched),
      () => fetched.seek(any(), below(50)),
      () => fetched.drop(any()),
      () => turns(below(20)),
      () => {
        const partition = any()
        partition.pause(false)
        fetched.prefetch.ready(partition)
      },
    ]
    for (let i = 0; i < 150; i++) {
      await steps[below(steps.length)]!()
      expect(fetched.bytes).toBeGreaterThanOrEqual(0)
    }
    for (const batch of hands) fetched.finish(batch)
    for (const partition of fetched.partitions) {
      partition.pause(false)
      fetched.prefetch.ready(partition)
    }
    await fetched.drain()
    await turns(20)
    expect(fetched.bytes).toBe(0)
    for (const partition of fetched.partitions) expect(partition.buffer).toMatchObject({ bytes: 0, isDrained: true })
  },
)
