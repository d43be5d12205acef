import type { Compression, ReadMode } from './reader.ts'
import type { ConsumeTask } from './tasks.ts'

/** What is measured: the task of one client, but for where it runs. */
export interface ConsumeMeasure {
  readonly name: string
  readonly what: string
  readonly measure: ConsumeTask['measure']
  readonly mode: ReadMode
  readonly valueBytes: number
  readonly compression: Compression
  readonly records: number
}

const base = { measure: 'all', valueBytes: 100, compression: 'none' } as const

/** All for this number of records, where a record is small. */
export function measuresOf(records: number): readonly ConsumeMeasure[] {
  const fewer = Math.max(1_000, Math.round(records / 3_000) * 1_000)
  return [
    { ...base, name: 'batches', what: 'batches, each value touched', mode: 'batches', records },
    { ...base, name: 'messages', what: 'one message after the other, from an iterator', mode: 'messages', records },
    { ...base, name: 'each', what: 'a handler for each message', mode: 'each', records },
    { ...base, name: 'large', what: 'batches, values of 1 KB', mode: 'batches', valueBytes: 1_000, records: fewer },
    { ...base, name: 'lz4', what: 'batches, compressed with lz4', mode: 'batches', compression: 'lz4', records },
    { ...base, name: 'zstd', what: 'batches, compressed with zstd', mode: 'batches', compression: 'zstd', records },
    {
      ...base,
      name: 'latency',
      what: 'from send to the handler, one record at a time',
      measure: 'latency',
      mode: 'each',
      records: Math.min(records, 5_000),
    },
  ]
}
