import { Kafka } from 'ottla'
import { line, type Measured, measure, numberOf, quantiles } from '../measured.ts'
import { peers } from './peers/all.ts'
import type { Compression, Reader, ReaderOptions } from './reader.ts'

/** One run of one client, in a process of its own. */
export interface ConsumeTask extends ReaderOptions {
  readonly client: string
  readonly measure: 'all' | 'latency'
  readonly compression: Compression
  /** `all`: what the topic has; `latency`: as many are sent. */
  readonly records: number
}

export interface ConsumeMeasured extends Measured {
  /** The sum of the numbers at the start of the read values, to compare with what was written. */
  readonly checksum: number
  readonly peakBytes: number
}

export function checksumOf(records: number): number {
  return (records * (records - 1)) / 2
}

/** Null: the client cannot do it. */
export async function runTask(task: ConsumeTask): Promise<ConsumeMeasured | null> {
  const peer = await peers[task.client]?.()
  if (peer === undefined || !peer.compressions.includes(task.compression) || !peer.modes.includes(task.mode))
    return null
  const reader = await peer.open(task)
  const measured = await (task.measure === 'all' ? readAll(reader, task.records) : latency(reader, task))
  const peakBytes = process.resourceUsage().maxRSS * 1024
  // Some do not return from it while a read waits.
  await Promise.race([reader.close(), new Promise((resolve) => setTimeout(resolve, 2_000))])
  return { ...measured, peakBytes }
}

export async function readAll(reader: Pick<Reader, 'read'>, wanted: number): Promise<Measured & { checksum: number }> {
  let records = 0
  let checksum = 0
  const onValue = (value: Uint8Array) => {
    checksum += numberOf(value)
    return ++records === wanted
  }
  const measured = await measure(async () => {
    await reader.read(onValue)
    return records
  })
  return { ...measured, checksum }
}

const warmRecords = 100

/** From `send` to the handler, one record at a time. */
async function latency(
  reader: Reader,
  { brokers, topic, records }: ConsumeTask,
): Promise<Measured & { checksum: number }> {
  const kafka = new Kafka({ clientId: 'bench-latency', brokers })
  const producer = kafka.producer()
  const times: number[] = []
  let checksum = 0
  let sent = 0
  let sentMs = 0
  let failed: unknown
  const send = () => {
    sentMs = performance.now()
    producer.send({ topic, ...line(sent++, 100) }).catch((error: unknown) => {
      failed = error
    })
  }
  const onValue = (value: Uint8Array) => {
    if (failed !== undefined) throw failed
    times.push(performance.now() - sentMs)
    checksum += numberOf(value)
    if (times.length === records) return true
    // After the reader has returned from this call.
    setImmediate(send)
    return false
  }
  send()
  const measured = await measure(async () => {
    await reader.read(onValue)
    return times.length
  })
  await kafka.close()
  return { ...measured, checksum, latencyMs: quantiles(times.slice(warmRecords)) }
}
