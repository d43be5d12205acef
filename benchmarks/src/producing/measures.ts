import type { ProduceTask } from './tasks.ts'

/** What is measured: the task of one client, but for where it runs. */
export interface ProduceMeasure {
  readonly name: string
  readonly what: string
  readonly partitions: number
  readonly clients: 'all' | 'ottla'
  readonly task: Omit<ProduceTask, 'client' | 'brokers' | 'topic' | 'warmTopic'>
}

const base = {
  measure: 'array',
  transactional: false,
  compression: 'none',
  valueBytes: 100,
  perCall: 1_000,
  concurrency: 5,
  different: 10_000,
} as const

/** Each of these partitions gets at least 50 records of an array. */
const spreadOver = [6, 600, 6_000]
const spreadRecords = 300_000
const spreadBufferedBytes = 256 << 20

/** All for this number of records, where a record is cheap. */
export function measuresOf(records: number): readonly ProduceMeasure[] {
  const few = Math.max(1_000, Math.round(records / 10_000) * 1_000)
  const fewer = Math.max(1_000, Math.round(records / 3_000) * 1_000)
  const all = { partitions: 6, clients: 'all' } as const
  return [
    { ...all, name: 'arrays', what: 'arrays of 1,000 records, 5 at a time', task: { ...base, records } },
    {
      ...all,
      clients: 'ottla',
      name: 'enqueue',
      what: 'enqueue, without a promise each',
      task: { ...base, measure: 'enqueue', concurrency: 1, records },
    },
    {
      ...all,
      name: 'single',
      what: 'one awaited send a record, 10,000 at a time',
      task: { ...base, measure: 'one', perCall: 1, concurrency: 10_000, records: few },
    },
    { ...all, name: 'large', what: 'arrays, values of 1 KB', task: { ...base, valueBytes: 1_000, records: fewer } },
    { ...all, name: 'lz4', what: 'arrays, compressed with lz4', task: { ...base, compression: 'lz4', records } },
    {
      ...all,
      name: 'transactions',
      what: 'transactions of 1,000 records',
      task: { ...base, transactional: true, concurrency: 1, records: fewer },
    },
    {
      ...all,
      name: 'latency',
      what: 'one record at a time',
      task: { ...base, measure: 'latency', different: 1_000, records: Math.min(records, 5_000) },
    },
    ...spreadOver.map((partitions) => ({
      name: `spread-${partitions}`,
      what: `arrays of 300,000 records over ${partitions} partitions`,
      partitions,
      clients: 'ottla' as const,
      task: {
        ...base,
        perCall: spreadRecords,
        different: spreadRecords,
        concurrency: 1,
        maxBufferedBytes: spreadBufferedBytes,
        records: Math.max(1, Math.round(records / spreadRecords)) * spreadRecords,
      },
    })),
  ]
}
