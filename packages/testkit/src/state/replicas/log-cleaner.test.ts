import { BatchWriter, codecOf, endTxnMarkerBatch, RecordBatchReader, type SealFields } from '@ottla/codec/records'
import { describe, expect, test } from 'vitest'
import { systemRuntime } from '../../runtime/node-runtime.ts'
import { type CleaningRules, cleanLog } from './log-cleaner.ts'
import { placeBatch, producedBatchOf } from './produced-batch.ts'
import { readRecords } from './record-rewriter.ts'
import { ReplicaLog } from './replica-log.ts'

type Entry = readonly [key: string | null, value: string | null, time?: number]
type Fields = Partial<SealFields>

const plain = { producerId: -1n, producerEpoch: -1, baseSequence: -1 }
const rules = { nowMs: 5000, deleteRetentionMs: 1000, minCompactionLagMs: 0, segmentBytes: 1e9 }

function writerOf(entries: readonly Entry[]): BatchWriter {
  const writer = new BatchWriter()
  for (const [key, value, time = 1000] of entries) writer.append(time, key, value, [{ key: 'h', value: 'x' }])
  return writer
}

/** Each batch is in its own segment. */
class Bench {
  readonly log = new ReplicaLog()

  add(bytes: Uint8Array): this {
    this.log.append(placeBatch(producedBatchOf(bytes), this.log.logEndOffset, 3), 1)
    this.log.advanceHighWatermark(this.log.logEndOffset)
    return this
  }

  write(entries: readonly Entry[], fields: Fields = {}): this {
    return this.add(writerOf(entries).seal({ ...plain, ...fields }))
  }

  clean(more: Partial<CleaningRules> = {}): Promise<boolean> {
    return cleanLog(this.log, { ...rules, lastStableOffset: this.log.highWatermark, ...more }, systemRuntime)
  }

  /** `offset:key=value` of each record; `first-last:` of a batch without records. */
  get content(): string[] {
    const found: string[] = []
    for (const { bytes } of this.log.batches()) {
      const batch = new RecordBatchReader(bytes).next()
      if (batch === undefined || !batch.verifyCrc()) throw new Error('A batch is corrupt')
      if (batch.recordCount === 0) found.push(`${batch.baseOffset}-${batch.lastOffset}:`)
      if (batch.isControl || batch.recordCount === 0 || batch.compressionId !== 0) continue
      const cursor = batch.records()
      const text = (start: number, length: number) =>
        length < 0 ? 'null' : Buffer.from(cursor.bytes.subarray(start, start + length)).toString()
      while (cursor.next()) {
        const offset = batch.baseOffset + BigInt(cursor.offsetDelta)
        found.push(
          `${offset}:${text(cursor.keyStart, cursor.keyLength)}=${text(cursor.valueStart, cursor.valueLength)}`,
        )
      }
    }
    return found
  }
}

describe('compaction', () => {
  test('keeps the last record of each key at its offset, and skips the active segment', async () => {
    const bench = new Bench()
    bench
      .write([
        ['a', '1'],
        ['b', '1'],
        ['a', '2'],
      ])
      .write([
        ['c', '1'],
        ['a', '3'],
      ])
      .write([
        ['b', '2'],
        ['b', '3'],
      ])
    expect(await bench.clean()).toBe(true)
    expect(bench.content).toEqual(['1:b=1', '3:c=1', '4:a=3', '5:b=2', '6:b=3'])
    expect(bench.log.logEndOffset).toBe(7)
  })

  test('skips records at or above the last stable offset and segments that are too young', async () => {
    const bench = new Bench()
      .write([['a', '1']])
      .write([['a', '2']])
      .write([['a', '3']])
      .write([['a', '4']])
    await bench.clean({ lastStableOffset: 0 })
    await bench.clean({ minCompactionLagMs: 4001 })
    expect(bench.content).toHaveLength(4)
    await bench.clean({ lastStableOffset: 2 })
    expect(bench.content).toEqual(['1:a=2', '2:a=3', '3:a=4'])
  })

  test('keeps first and last offset, epoch and timestamps of a batch that lost records', async () => {
    const bench = new Bench()
      .write([
        ['a', '1', 10],
        ['b', '1', 20],
        ['a', '2', 30],
        ['b', '2', 5],
      ])
      .write([['z', '']])
    await bench.clean()
    const [stored] = bench.log.batches()
    const batch = new RecordBatchReader(stored?.bytes ?? new Uint8Array()).next()
    expect(batch).toMatchObject({ baseOffset: 0n, lastOffset: 3n, recordCount: 2, partitionLeaderEpoch: 3 })
    expect(batch).toMatchObject({ baseTimestamp: 30, maxTimestamp: 30 })
    const records = batch === undefined ? [] : readRecords(batch.bytes, batch.payload)
    expect(records.map(({ timestampMs }) => timestampMs)).toEqual([30n, 5n])
  })

  test('keeps an empty batch as the last of a producer and at the end of the round', async () => {
    const producer = { producerId: 7n, producerEpoch: 0 }
    const bench = new Bench()
    bench.write([['a', '1']], { ...producer, baseSequence: 0 }).write([['a', '2']], { ...producer, baseSequence: 1 })
    bench
      .write([['a', '3']])
      .write([['a', '4']])
      .write([['q', '']])
      .write([['q', '']])
    await bench.clean()
    expect(bench.content).toEqual(['1-1:', '3:a=4', '4:q=', '5:q='])
    const kept = [...bench.log.batches()][0]
    expect(kept?.sequenced).toMatchObject({ producerId: 7n, lastSequence: 1 })
  })

  test('keeps tombstones for delete.retention.ms after their first cleaning', async () => {
    const bench = new Bench()
      .write([
        ['a', '1'],
        ['a', null, 77],
      ])
      .write([['k', 'v']])
      .write([['z', '']])
    await bench.clean()
    expect(bench.content).toEqual(['1:a=null', '2:k=v', '3:z='])
    const dated = new RecordBatchReader([...bench.log.batches()][0]?.bytes ?? new Uint8Array()).next()
    expect(dated).toMatchObject({ deleteHorizonMs: 6000n, maxTimestamp: 77 })
    expect(readRecords(dated?.bytes ?? new Uint8Array(), dated?.payload ?? new Uint8Array())[0]?.timestampMs).toBe(77n)
    await bench.clean({ nowMs: 5999 })
    expect(bench.content[0]).toBe('1:a=null')
    await bench.clean({ nowMs: 6000 })
    expect(bench.content).toEqual(['2:k=v', '3:z='])
  })

  test('drops records without a key', async () => {
    const bench = new Bench()
      .write([
        [null, 'x'],
        ['a', '1'],
      ])
      .write([['z', '']])
    await bench.clean()
    expect(bench.content).toEqual(['1:a=1', '2:z='])
  })

  test.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)(
    'compacts batches compressed with %s and compresses them again',
    async (name) => {
      const codec = codecOf(name)
      const bytes = await writerOf([
        ['a', '1'],
        ['a', '2'],
        ['b', '1'],
      ]).sealCompressed(plain, codec)
      const bench = new Bench().add(bytes).write([['z', '']])
      await bench.clean()
      const batch = new RecordBatchReader([...bench.log.batches()][0]?.bytes ?? new Uint8Array()).next()
      if (batch === undefined) throw new Error('The batch was removed')
      expect(batch).toMatchObject({ compression: name, recordCount: 2, lastOffset: 2n })
      expect(batch.verifyCrc()).toBe(true)
      const records = readRecords(batch.bytes, await codec.decompress(batch.payload, 1000))
      expect(records.map(({ offsetDelta, key }) => [offsetDelta, key])).toEqual([
        [1, 'a'],
        [2, 'b'],
      ])
    },
  )

  test('merges small adjacent segments', async () => {
    const bench = new Bench()
      .write([['a', '1']])
      .write([['b', '1']])
      .write([['c', '1']])
    await bench.clean()
    expect(bench.log.segments.map(({ baseOffset }) => baseOffset)).toEqual([0, 2])
  })

  test('changes nothing when the log is truncated during the cleaning', async () => {
    const bench = new Bench()
      .write([['a', '1']])
      .write([['a', '2']])
      .write([['a', '3']])
    const cleaning = bench.clean()
    bench.log.truncateTo(2)
    expect(await cleaning).toBe(false)
    expect(bench.content).toEqual(['0:a=1', '1:a=2'])
  })
})

describe('compaction of transactions', () => {
  const marker = (type: 'abort' | 'commit') =>
    endTxnMarkerBatch({
      committed: type === 'commit',
      producerId: 9n,
      producerEpoch: 0,
      coordinatorEpoch: 0,
      timestampMs: 1,
    })
  const inTransaction = { producerId: 9n, producerEpoch: 0, baseSequence: 0, transactional: true }

  test('removes aborted records, and their marker one round and delete.retention.ms later', async () => {
    const bench = new Bench()
      .write([['a', 'kept']])
      .write([['a', 'aborted']], inTransaction)
      .add(marker('abort'))
    bench.write([['b', '1']]).write([['z', '']])
    bench.log.producers.clear()
    const markers = () => [...bench.log.batches()].filter(({ baseOffset }) => baseOffset === 2).length
    await bench.clean()
    expect(bench.content).toEqual(['0:a=kept', '3:b=1', '4:z='])
    await bench.clean()
    expect(markers()).toBe(1)
    await bench.clean({ nowMs: 6000 })
    expect(markers()).toBe(0)
  })

  test('keeps committed records and their marker', async () => {
    const bench = new Bench()
      .write([['a', 'old']])
      .write([['a', 'new']], inTransaction)
      .add(marker('commit'))
    bench.write([['z', '']])
    for (const nowMs of [5000, 6000, 9000]) await bench.clean({ nowMs })
    expect(bench.content).toEqual(['1:a=new', '3:z='])
    expect([...bench.log.batches()].map(({ baseOffset }) => baseOffset)).toEqual([1, 2, 3])
  })
})
