import { createCluster, type TestCluster } from '@ottla/testkit'
import Table from 'cli-table3'
import { json, Kafka, topic } from 'ottla'
import { alternating, measure, median } from './measured.ts'

interface Order {
  readonly id: number
}

const records = 200_000
const runs = 7
const orders = topic('orders', { value: json<Order>() })

/** How the values are read: not decoded, decoded by the application, or by the serde of the topic. */
const ways = ['untyped, bytes only', 'untyped, JSON.parse', 'typed, json()'] as const
type Way = (typeof ways)[number]
const readers = ['for await', 'batches'] as const
type ReaderName = (typeof readers)[number]

/** CPU time of typed topics beside the same work done by the application. The broker is in the same process, with little to do. */
export async function benchTyped({ json: asJson }: { readonly json: boolean }): Promise<void> {
  const cluster = await createCluster({ brokers: 1, topics: [{ name: orders.name, partitions: 1 }] })
  try {
    await fill(cluster)
    const results = new Map<string, number[]>()
    for (let run = 0; run <= runs; run++) {
      for (const reader of readers) {
        for (const way of alternating(ways, run)) {
          const cpuNs = await read(cluster, reader, way)
          // The first run warms up.
          if (run > 0) results.set(`${reader}, ${way}`, [...(results.get(`${reader}, ${way}`) ?? []), cpuNs])
        }
      }
    }
    if (asJson) console.log(JSON.stringify({ records, runs, ...Object.fromEntries(results) }))
    else print(results)
  } finally {
    await cluster.close()
  }
}

async function fill({ bootstrap: brokers, runtime }: TestCluster): Promise<void> {
  const kafka = new Kafka({ brokers, runtime })
  const producer = kafka.producer()
  for (let id = 0; id < records; id++) {
    const order = { id, customer: `customer ${id}`, total: id * 1.5, items: [id, id + 1], paid: id % 2 === 0 }
    if (!producer.enqueue(orders.record({ value: order }))) await producer.room()
  }
  await kafka.close()
}

/** CPU time in ns for each record. */
async function read(cluster: TestCluster, reader: ReaderName, way: Way): Promise<number> {
  const { bootstrap: brokers, runtime } = cluster
  const kafka = new Kafka({ brokers, runtime })
  const place = { partition: 0, offset: 'earliest' } as const
  let sum = 0
  const typed = kafka.consumer({ assign: [{ topic: orders, ...place }] })
  const untyped = kafka.consumer({ assign: [{ topic: orders.name, ...place }] })
  const parsed = (value: Buffer | null): Order => JSON.parse(String(value))
  const { cpuSeconds } = await measure(() => {
    if (way === 'typed, json()') return each(typed, reader, ({ value }) => (sum += value?.id ?? 0))
    if (way === 'untyped, JSON.parse') return each(untyped, reader, ({ value }) => (sum += parsed(value).id))
    return each(untyped, reader, ({ value }) => (sum += value === null ? 0 : 1))
  })
  await kafka.close()
  if (sum !== (way === 'untyped, bytes only' ? records : (records * (records - 1)) / 2))
    throw new Error('records are missing')
  return (cpuSeconds * 1e9) / records
}

interface Readable<M> extends AsyncIterable<M> {
  batches(): AsyncIterable<Iterable<M>>
}

async function each<M>(consumer: Readable<M>, reader: ReaderName, visit: (message: M) => void): Promise<number> {
  let count = 0
  if (reader === 'for await') {
    for await (const message of consumer) {
      visit(message)
      if (++count === records) break
    }
    return count
  }
  for await (const batch of consumer.batches()) {
    for (const message of batch) {
      visit(message)
      count++
    }
    if (count === records) break
  }
  return count
}

function print(results: ReadonlyMap<string, readonly number[]>): void {
  const table = new Table({
    head: [`median of ${runs} runs, CPU ns a record`, ...ways, 'typed / by hand'],
    style: { head: [], border: [], compact: true },
  })
  for (const reader of readers) {
    const of = (way: Way) => median(results.get(`${reader}, ${way}`) ?? [])
    const ratio = of('typed, json()') / of('untyped, JSON.parse')
    table.push([reader, ...ways.map((way) => of(way).toFixed(0)), ratio.toFixed(2)])
  }
  console.log(table.toString())
  console.log(`${records} records of about 90 bytes of JSON, with the broker in the same process`)
}
