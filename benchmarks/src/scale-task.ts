// One measurement of a consumer at its limits: `scale-task.js NAME BROKERS`, the result as JSON on stdout.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Consumer, Kafka } from 'ottla'

export type ScaleName = 'consumers' | 'partitions' | 'large' | 'idle'

export interface ScaleResult {
  /** Until each consumer has its partitions and positions. */
  readonly readyMs: number
  /** From then on until everything is read. */
  readonly readMs: number
  readonly cpuMs: number
  /** The time of `cpuMs`. */
  readonly elapsedMs: number
  readonly peakBytes: number
}

const consumers = 100
const largeRecords = 50
const largeBytes = 10_000_000
const idleMs = 60_000

interface Measurement {
  readonly topic: string
  readonly records: number
  readonly members: number
  /** Everything that the client does besides reading. */
  readonly beside?: (kafka: Kafka) => Promise<unknown>
}

const measurements: Readonly<Record<Exclude<ScaleName, 'idle'>, Measurement>> = {
  consumers: { topic: 'shared', records: 600, members: consumers },
  partitions: { topic: 'many', records: 10_000, members: 1 },
  large: { topic: 'large', records: largeRecords, members: 1, beside: sendLarge },
}

/** One at a time: what is measured is the memory that the consumer needs. */
async function sendLarge(kafka: Kafka): Promise<void> {
  const producer = kafka.producer({ maxRequestBytes: 12_000_000 })
  const value = Buffer.alloc(largeBytes, 0x2e)
  for (let number = 0; number < largeRecords; number++) {
    await producer.send({ topic: 'large', partition: number % 3, value })
  }
}

async function measured({ topic, records, members, beside }: Measurement, brokers: readonly string[]) {
  const kafka = new Kafka({ clientId: 'bench', brokers })
  const all = Array.from({ length: members }, (_, at) => {
    return kafka.consumer({ groupId: `scale-${process.pid}-${at}`, topics: [topic], offsetReset: 'earliest' })
  })
  const cpu = process.cpuUsage()
  const begunMs = performance.now()
  await Promise.all(all.map((consumer) => consumer.ready({ timeoutMs: 60_000 })))
  const readyMs = performance.now() - begunMs
  await Promise.all([...all.map((consumer) => readAll(consumer, records)), beside?.(kafka)])
  const elapsedMs = performance.now() - begunMs
  const { user, system } = process.cpuUsage(cpu)
  await kafka.close()
  return { readyMs, readMs: elapsedMs - readyMs, cpuMs: (user + system) / 1000, elapsedMs }
}

async function readAll(consumer: Consumer, records: number): Promise<void> {
  let read = 0
  for await (const batch of consumer.batches()) {
    read += [...batch].length
    if (read >= records) return
  }
}

/** It has read everything, waits for more, and sends heartbeats. */
async function idle(brokers: readonly string[]) {
  const kafka = new Kafka({ clientId: 'bench', brokers })
  const consumer = kafka.consumer({ groupId: `idle-${process.pid}`, topics: ['quiet'], offsetReset: 'earliest' })
  const begunMs = performance.now()
  await consumer.ready()
  const readyMs = performance.now() - begunMs
  const reading = consumer.run({ each: () => {} })
  await sleep(5_000)
  const cpu = process.cpuUsage()
  const idleSinceMs = performance.now()
  await sleep(idleMs)
  const { user, system } = process.cpuUsage(cpu)
  const elapsedMs = performance.now() - idleSinceMs
  await kafka.close()
  await reading.catch(() => {})
  return { readyMs, readMs: 0, cpuMs: (user + system) / 1000, elapsedMs }
}

const [name = '', addresses = ''] = process.argv.slice(2)
const brokers = addresses.split(',')
const result = await (name === 'idle' ? idle(brokers) : measured(measurements[name as 'consumers'], brokers))
const peakBytes = process.resourceUsage().maxRSS * 1024
process.stdout.write(`${JSON.stringify({ ...result, peakBytes } satisfies ScaleResult)}\n`)
