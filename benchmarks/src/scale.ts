import Table from 'cli-table3'
import { Kafka } from 'ottla'
import { inWorker } from './in-worker.ts'
import type { ScaleName, ScaleResult } from './scale-task.ts'
import { withStandalone } from './standalone.ts'

interface ScaleCase {
  readonly name: ScaleName
  readonly what: string
  readonly topic: string
  /** Records that are there before, in each partition. */
  readonly before: number
  readonly partitions: number
}

const cases: readonly ScaleCase[] = [
  { name: 'consumers', what: '100 consumers in one process', topic: 'shared:6', partitions: 6, before: 100 },
  { name: 'partitions', what: 'one consumer of 10,000 partitions', topic: 'many:10000', partitions: 10_000, before: 1 },
  { name: 'large', what: '50 records of 10 MB', topic: 'large:3', partitions: 3, before: 0 },
  { name: 'idle', what: 'an idle consumer, one minute', topic: 'quiet:6', partitions: 6, before: 1 },
]

/** Brokers and clients take records of 10 MB. */
const config = ['--config', 'message.max.bytes=12000000']

/** What a consumer takes at its limits, each in a process apart from its brokers, which are a testkit. */
export async function benchScale({ json }: { readonly json: boolean }): Promise<void> {
  const results: [ScaleCase, ScaleResult][] = []
  for (const one of cases) {
    console.error(one.what)
    const act = async (brokers: readonly string[]) => {
      await fill(brokers, one)
      return inWorker<ScaleResult>('scale-task', [one.name, brokers.join(',')])
    }
    results.push([one, await withStandalone([one.topic], act, config)])
  }
  if (json) console.log(JSON.stringify(Object.fromEntries(results.map(([{ name }, result]) => [name, result]))))
  else print(results)
}

async function fill(brokers: readonly string[], { topic, partitions, before }: ScaleCase): Promise<void> {
  const kafka = new Kafka({ clientId: 'bench-fill', brokers })
  const producer = kafka.producer()
  const [name = ''] = topic.split(':')
  const records = Array.from({ length: partitions * before }, (_, number) => {
    return { topic: name, partition: number % partitions, value: `${number}`.padStart(100, '.') }
  })
  if (records.length > 0) await producer.send(records)
  await kafka.close()
}

function print(results: readonly [ScaleCase, ScaleResult][]): void {
  const head = ['', 'ready', 'read', 'CPU', 'of a core', 'peak memory']
  const table = new Table({ head, style: { head: [], border: [], compact: true } })
  for (const [{ what }, { readyMs, readMs, cpuMs, elapsedMs, peakBytes }] of results) {
    table.push([
      what,
      `${readyMs.toFixed(0)} ms`,
      `${readMs.toFixed(0)} ms`,
      `${cpuMs.toFixed(0)} ms`,
      `${((cpuMs / elapsedMs) * 100).toFixed(2)} %`,
      `${(peakBytes / 1e6).toFixed(0)} MB`,
    ])
  }
  console.log(table.toString())
  console.log('CPU is that of the client from the start on; of the idle consumer that of the minute only.')
}
