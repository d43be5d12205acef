import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka } from '../../../src/index.ts'

/**
 * `soak-program BOOTSTRAP TOPIC SECONDS RECORDS_PER_SECOND`, with `--expose-gc`: one producer at a steady rate. Writes one line of
 * JSON every ten seconds, a `SoakSample`.
 */
export interface SoakSample {
  readonly seconds: number
  readonly acknowledged: number
  readonly failed: number
  /** Of the last ten seconds, in ms. */
  readonly delayP99Ms: number
  readonly delayMaxMs: number
  /** After a garbage collection, in bytes: objects and buffers; and all of the process. */
  readonly usedBytes: number
  readonly residentBytes: number
}

const [bootstrap = '', topic = '', seconds = '', rate = ''] = process.argv.slice(2)
const recordsPerSecond = Number(rate)
const tickMs = 2
const sampleEveryMs = 10_000
const nsPerMs = 1e6
const value = Buffer.alloc(100, 'x')
/** A pause in which more records were due than this is caught up in parts. */
const mostAtATime = Math.ceil((recordsPerSecond * 20) / 1_000)

const kafka = new Kafka({ brokers: bootstrap.split(',') })
await kafka.admin().createTopics([{ name: topic, partitions: 6, replicationFactor: 1 }])
const producer = kafka.producer()
let acknowledged = 0
let failed = 0
const onSettled = (error: unknown) => {
  if (error === undefined) acknowledged++
  else failed++
}

const delay = monitorEventLoopDelay({ resolution: 1 })
delay.enable()
const startedMs = performance.now()

function sample(): SoakSample {
  const [delayP99Ms, delayMaxMs] = [delay.percentile(99) / nsPerMs, delay.max / nsPerMs]
  globalThis.gc?.()
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage()
  // The collection above is the work of this program, not of the client.
  delay.reset()
  const usedBytes = heapUsed + arrayBuffers
  const passed = Math.round((performance.now() - startedMs) / 1_000)
  return { seconds: passed, acknowledged, failed, delayP99Ms, delayMaxMs, usedBytes, residentBytes: rss }
}

let sent = 0
let sampledMs = startedMs
for (let nowMs = startedMs; nowMs < startedMs + Number(seconds) * 1_000; nowMs = performance.now()) {
  const due = Math.min(Math.floor(((nowMs - startedMs) * recordsPerSecond) / 1_000) - sent, mostAtATime)
  for (let at = 0; at < due; at++) {
    sent++
    if (!producer.enqueue({ topic, value }, onSettled)) await producer.room()
  }
  await sleep(tickMs)
  if (performance.now() - sampledMs < sampleEveryMs) continue
  sampledMs = performance.now()
  process.stdout.write(`${JSON.stringify(sample())}\n`)
}
await producer.flush()
process.stdout.write(`${JSON.stringify(sample())}\n`)
await kafka.close()
