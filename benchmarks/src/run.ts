// `npm run bench -- produce consume [--brokers LIST] [--records N] [--runs N] [--json]`, `npm run bench -- codec|testkit|partitions [--json]`
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import Table from 'cli-table3'
import { type Admin, Kafka } from 'ottla'
import { startKafka } from '../../tools/kafka/index.mjs'
import { benchCodec } from './codec.ts'
import { checksumOf, type Measured, type Task } from './contender.ts'
import { benchPartitions } from './partitions.ts'
import { benchTestkit } from './testkit.ts'

const clients = ['ottla', 'kafkajs'] as const
type Client = (typeof clients)[number]

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    brokers: { type: 'string' },
    records: { type: 'string', default: '500000' },
    runs: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
  },
})
const wanted = positionals.length === 0 ? ['produce', 'consume'] : positionals
for (const [name, bench] of Object.entries({ codec: benchCodec, testkit: benchTestkit, partitions: benchPartitions })) {
  if (!wanted.includes(name)) continue
  if (wanted.length > 1) {
    console.error(`${name} is measured alone`)
    process.exit(2)
  }
  await bench({ json: values.json })
  process.exit()
}
const unknown = wanted.filter((name) => name !== 'produce' && name !== 'consume')
if (unknown.length > 0) {
  console.error(`no benchmark ${unknown.join(', ')}: there are produce, consume, codec, testkit and partitions`)
  process.exit(2)
}
const records = Number(values.records)
const runs = Number(values.runs)
const say = (line: string) => console.error(line)

/** One client's runs of one measurement. */
type Results = Record<Client, Measured[]>
const none = (): Results => ({ ottla: [], kafkajs: [] })

async function main(): Promise<void> {
  const kafka =
    values.brokers === undefined
      ? await startKafka({ brokers: 3, jvmFlags: ['-Xmx1g', '-Xms1g', '-XX:+UseG1GC'] })
      : undefined
  const brokers = kafka?.bootstrap ?? values.brokers?.split(',') ?? []
  const client = new Kafka({ clientId: 'bench-run', brokers })
  try {
    await compare(client.admin(), brokers)
  } finally {
    await client.close()
    await kafka?.close()
  }
}

async function compare(admin: Admin, brokers: readonly string[]): Promise<void> {
  const task = (topic: string, count: number): Task => ({
    brokers,
    topic,
    records: count,
    valueBytes: 100,
    batch: 1000,
    concurrency: 5,
  })
  const produce = none()
  const latency = none()
  const consume = none()
  const filled = await newTopic(admin, 'bench-filled')
  if (wanted.includes('consume')) await work('ottla', 'produce', task(filled, records))

  for (let run = 1; run <= runs; run++) {
    // The order alternates, so that neither client always gets the warmer broker.
    for (const client of run % 2 === 1 ? clients : [...clients].reverse()) {
      say(`run ${run} of ${runs}: ${client}`)
      if (wanted.includes('produce')) {
        const topic = await newTopic(admin, `bench-${client}-${run}`)
        produce[client].push(await work(client, 'produce', task(topic, records)))
        await verifyWritten(admin, client, topic, records)
        latency[client].push(
          await work(client, 'latency', task(await newTopic(admin, `bench-one-${client}-${run}`), 2000)),
        )
        await admin.deleteTopics([topic])
      }
      if (wanted.includes('consume')) {
        const measured = await work(client, 'consume', task(filled, records))
        verifyRead(client, measured)
        consume[client].push(measured)
      }
    }
  }
  report({ produce, latency, consume })
}

let topics = 0

async function newTopic(admin: Admin, base: string): Promise<string> {
  const name = `${base}-${Date.now().toString(36)}-${topics++}`
  await admin.createTopics(
    [name, `${name}-warm`].map((topic) => ({ name: topic, partitions: 6, replicationFactor: 1 })),
  )
  return name
}

async function work(client: Client, measure: string, task: Task): Promise<Measured> {
  const worker = fileURLToPath(new URL('./worker.js', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [worker, client, measure, JSON.stringify(task)])
  return JSON.parse(stdout) as Measured
}

/** The brokers count the written records, not the client that wrote them. */
async function verifyWritten(admin: Admin, client: Client, topic: string, expected: number): Promise<void> {
  const ends = await admin.listOffsets(
    [0, 1, 2, 3, 4, 5].map((partition) => ({ topic, partition, at: 'latest' as const })),
  )
  const written = ends.reduce((sum, { offset }) => sum + Number(offset), 0)
  if (written !== expected) throw new Error(`${client} wrote ${written} records of ${expected}`)
}

function verifyRead(client: Client, { records: read, checksum }: Measured): void {
  if (read === records && checksum === checksumOf(records)) return
  throw new Error(
    `${client} read ${read} records with checksum ${checksum}, not ${records} with ${checksumOf(records)}`,
  )
}

const median = (numbers: number[]) => numbers.sort((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN
const speed = (runs: Measured[]) => median(runs.map((run) => run.records / run.seconds))
const cpu = (runs: Measured[]) => median(runs.map((run) => (run.cpuSeconds / run.records) * 1e6))

function report(all: { produce: Results; latency: Results; consume: Results }): void {
  if (values.json) {
    console.log(JSON.stringify({ records, runs, ...all }))
    return
  }
  const table = new Table({
    head: [`median of ${runs} runs`, 'records/s', 'CPU s per million', 'p50 ms', 'p99 ms'],
    style: { head: [], border: [], compact: true },
  })
  for (const name of ['produce', 'consume'] as const) {
    const results = all[name]
    if (results.ottla.length === 0) continue
    for (const client of clients) {
      const one = name === 'produce' ? all.latency[client] : []
      const latencyOf = (which: 'p50' | 'p99') =>
        median(one.map((run) => run.latencyMs?.[which] ?? Number.NaN)).toFixed(2)
      const row = [Math.round(speed(results[client])).toLocaleString('en'), cpu(results[client]).toFixed(3)]
      table.push([`${name} ${client}`, ...row, ...(one.length === 0 ? ['', ''] : [latencyOf('p50'), latencyOf('p99')])])
    }
    const times = cpu(results.kafkajs) / cpu(results.ottla)
    table.push([`${name}: CPU of kafkajs / ottla`, '', `${times.toFixed(1)}x`, '', ''])
  }
  console.log(table.toString())
  console.log(
    `${records} records of 100 bytes with an 8-byte key a run; each run's records were counted and found complete`,
  )
}

await main()
