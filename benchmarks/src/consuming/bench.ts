import Table from 'cli-table3'
import { Kafka } from 'ottla'
import { inWorker } from '../in-worker.ts'
import { alternating, cpuPerMillion, line, recordsPerSecond } from '../measured.ts'
import { type ConsumeMeasured, type ConsumeTask, checksumOf } from './task.ts'

const clients = ['ottla', 'kafkajs'] as const
type Client = (typeof clients)[number]

export interface ConsumeBenchOptions {
  readonly brokers: readonly string[]
  readonly records: number
  readonly runs: number
  readonly json: boolean
}

export async function benchConsume(options: ConsumeBenchOptions): Promise<void> {
  const { brokers, records, runs } = options
  const topic = await filledTopic(brokers, records)
  const results: Record<Client, ConsumeMeasured[]> = { ottla: [], kafkajs: [] }
  for (let run = 1; run <= runs; run++) {
    for (const client of alternating(clients, run)) {
      console.error(`consume, run ${run} of ${runs}: ${client}`)
      const task: ConsumeTask = { brokers, topic, records }
      const measured = await inWorker<ConsumeMeasured>('consuming-worker', [client, JSON.stringify(task)])
      verify(client, measured, records)
      results[client].push(measured)
    }
  }
  if (options.json) console.log(JSON.stringify({ records, runs, ...results }))
  else print(results, options)
}

async function filledTopic(brokers: readonly string[], records: number): Promise<string> {
  const kafka = new Kafka({ clientId: 'bench-run', brokers })
  const topic = `bench-filled-${Date.now().toString(36)}`
  await kafka.admin().createTopics([{ name: topic, partitions: 6, replicationFactor: 1 }])
  const producer = kafka.producer()
  for (let number = 0; number < records; number++) {
    if (!producer.enqueue({ topic, ...line(number, 100) })) await producer.room()
  }
  await kafka.close()
  return topic
}

function verify(client: Client, { records: read, checksum }: ConsumeMeasured, records: number): void {
  if (read === records && checksum === checksumOf(records)) return
  throw new Error(
    `${client} read ${read} records with checksum ${checksum}, not ${records} with ${checksumOf(records)}`,
  )
}

function print(results: Record<Client, ConsumeMeasured[]>, { records, runs }: ConsumeBenchOptions): void {
  const table = new Table({
    head: [`median of ${runs} runs`, 'records/s', 'CPU s per million'],
    style: { head: [], border: [], compact: true },
  })
  for (const client of clients) {
    const measured = results[client]
    table.push([
      `consume ${client}`,
      recordsPerSecond(measured).toLocaleString('en'),
      cpuPerMillion(measured).toFixed(3),
    ])
  }
  const times = cpuPerMillion(results.kafkajs) / cpuPerMillion(results.ottla)
  table.push(['consume: CPU of kafkajs / ottla', '', `${times.toFixed(1)}x`])
  console.log(table.toString())
  console.log(`${records} records of 100 bytes with an 8-byte key a run; each run's records were found complete`)
}
