import { type Line, line, type Measured, measure, quantiles } from '../measured.ts'
import { peers } from './peers/all.ts'
import type { Peer, Send, Sender, SenderOptions } from './sender.ts'

/** One run of one client, in a process of its own. */
export interface ProduceTask extends SenderOptions {
  readonly client: string
  readonly measure: MeasureName
  /** Each call is a transaction. */
  readonly transactional: boolean
  readonly topic: string
  /** Of 6 partitions, for the part that is not measured. */
  readonly warmTopic: string
  readonly records: number
  readonly valueBytes: number
  /** Records per call or transaction. */
  readonly perCall: number
  /** Calls at a time. */
  readonly concurrency: number
  /** Different records, which are sent again and again: they are made before the measurement. */
  readonly different: number
}

export interface ProduceMeasured extends Measured {
  readonly peakBytes: number
}

export type MeasureName = 'array' | 'enqueue' | 'one' | 'latency'

type Work = (sender: Sender, task: ProduceTask, lines: readonly Line[]) => Promise<Measured>

/** Null: the client cannot do it. */
export async function runTask(task: ProduceTask): Promise<ProduceMeasured | null> {
  const peer = await peers[task.client]?.()
  const sender = peer?.compressions.includes(task.compression) ? await open(peer, task) : undefined
  if (sender === undefined || (task.measure === 'enqueue' && sender.enqueue === undefined)) return null
  const lines = Array.from({ length: task.different }, (_, number) => line(number, task.valueBytes))
  await sender.array(task.warmTopic, lines.slice(0, 1_000))()
  const measured = await works[task.measure](sender, task, lines)
  const peakBytes = process.resourceUsage().maxRSS * 1024
  await sender.close()
  return { ...measured, peakBytes }
}

async function open(peer: Peer, task: ProduceTask): Promise<Sender | undefined> {
  if (!task.transactional) return peer.open(task)
  return peer.openTransactional?.(task, `bench-${task.topic}`)
}

const works: Readonly<Record<MeasureName, Work>> = {
  array: (sender, task, lines) =>
    repeated(
      task,
      chunksOf(lines, task.perCall).map((chunk) => sender.array(task.topic, chunk)),
    ),
  one: (sender, task, lines) =>
    repeated(
      task,
      lines.map((each) => oneOf(sender, task.topic, each)),
    ),
  enqueue: (sender, task, lines) =>
    repeated(
      task,
      chunksOf(lines, task.perCall).flatMap((chunk) => sender.enqueue?.(task.topic, chunk) ?? []),
      sender.flush,
    ),
  latency,
}

const oneOf = (sender: Sender, topic: string, each: Line): Send =>
  sender.one?.(topic, each) ?? sender.array(topic, [each])

/** Sends the chunks in turn, `concurrency` at a time, until all records of the task are sent. */
async function repeated(task: ProduceTask, sends: readonly Send[], flush?: Send): Promise<Measured> {
  const calls = task.records / task.perCall
  let next = 0
  const sender = async () => {
    while (next < calls) await sends[next++ % sends.length]?.()
  }
  return measure(async () => {
    await Promise.all(Array.from({ length: task.concurrency }, sender))
    await flush?.()
    return task.records
  })
}

/** A client that takes 100 ms a record sends fewer. */
const latencyMs = 20_000

/** One record at a time. */
async function latency(sender: Sender, task: ProduceTask, lines: readonly Line[]): Promise<Measured> {
  const sends = lines.map((each) => oneOf(sender, task.topic, each))
  const warm = lines.slice(0, 100).map((each) => oneOf(sender, task.warmTopic, each))
  for (const send of warm) await send()
  const times: number[] = []
  const endsMs = performance.now() + latencyMs
  const measured = await measure(async () => {
    for (let number = 0; number < task.records && performance.now() < endsMs; number++) {
      const begunMs = performance.now()
      await sends[number % sends.length]?.()
      times.push(performance.now() - begunMs)
    }
    return times.length
  })
  return { ...measured, latencyMs: quantiles(times) }
}

function chunksOf(lines: readonly Line[], size: number): Line[][] {
  const chunks: Line[][] = []
  for (let from = 0; from < lines.length; from += size) chunks.push(lines.slice(from, from + size))
  return chunks
}
