// One measurement of the testkit in a separate process: `testkit-tasks.js NAME`, the result as JSON on stdout.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { decodeResponse, encodeRequest, FrameSplitter, Metadata } from '@ottla/codec'
import { createCluster, type TestCluster } from '@ottla/testkit'
import { Kafka } from 'ottla'
import { readBatches } from './consuming/peers/ottla.ts'
import { checksumOf, readAll } from './consuming/tasks.ts'
import { line, type Measured, measure, median } from './measured.ts'

const records = 1_000_000
const valueBytes = 100
/** Records per `send`, and the number of sends at a time. */
const perCall = 1_000
const calls = 5

/** Below the range of ephemeral ports. */
const firstPort = 24_310

/** Milliseconds. */
async function timed(work: () => Promise<unknown> | unknown): Promise<number> {
  const begun = performance.now()
  await work()
  return performance.now() - begun
}

function usedBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  collect()
  return process.memoryUsage().heapUsed
}

/** Three brokers in memory: as the first thing in a process, when all code is cold, and later. */
async function startMs() {
  const times: number[] = []
  for (let round = 0; round < 51; round++) {
    let cluster: TestCluster | undefined
    times.push(
      await timed(async () => {
        cluster = await createCluster({ brokers: 3 })
      }),
    )
    await cluster?.close()
  }
  const [first = Number.NaN, ...later] = times
  return { first, later: median(later) }
}

/** From `spawn` until a Metadata response lists three brokers. */
async function processMs() {
  const bin = fileURLToPath(new URL('../../packages/testkit/bin/ottla-testkit.js', import.meta.url))
  const times: number[] = []
  for (let round = 0; round < 11; round++) times.push(await oneProcess(bin, firstPort + 3 * round))
  const bare = []
  for (let round = 0; round < 11; round++) bare.push(await bareNodeMs())
  return { median: median(times), best: Math.min(...times), bareNode: median(bare) }
}

/** The time of a Node process that only writes a line. */
async function bareNodeMs(): Promise<number> {
  const begun = performance.now()
  const child = spawn(process.execPath, ['-e', 'console.log(1)'], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  const took = performance.now() - begun
  await once(child, 'exit')
  return took
}

async function oneProcess(bin: string, port: number): Promise<number> {
  const begun = performance.now()
  const child = spawn(process.execPath, [bin, '--brokers', '3', '--quiet', '--port', String(port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  const address = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`it ended with ${code}: ${text}`)))
    child.stdout.on('data', (bytes: Buffer) => {
      text += bytes
      const found = /ready: ([^,\s]+)/.exec(text)?.[1]
      if (found !== undefined) resolve(found)
    })
  })
  const brokers = await askMetadata(address)
  const took = performance.now() - begun
  child.kill()
  await once(child, 'exit')
  if (brokers !== 3) throw new Error(`Metadata named ${brokers} brokers`)
  return took
}

function askMetadata(address: string): Promise<number> {
  const [host = '', port] = address.split(':')
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port) })
    const splitter = new FrameSplitter({
      maxBytes: 1 << 20,
      onFrame: (frame) => {
        resolve(decodeResponse(Metadata, 12, frame).body.brokers.length)
        socket.destroy()
      },
      onError: reject,
    })
    socket.once('error', reject)
    socket.on('data', (bytes: Buffer) => {
      for (let from = 0; from < bytes.length; ) {
        const size = bytes.copy(splitter.space(), 0, from)
        splitter.filled(size)
        from += size
      }
    })
    const body = { topics: [], allowAutoTopicCreation: false, includeTopicAuthorizedOperations: false }
    for (const chunk of encodeRequest(Metadata, 12, { correlationId: 1, clientId: 'bench' }, body)) socket.write(chunk)
  })
}

async function filledCluster(replicationFactor: number) {
  const topics = ['warm', 'measured'].map((name) => ({ name, partitions: 6, replicationFactor }))
  const cluster = await createCluster({ brokers: 3, topics })
  const kafka = new Kafka({ clientId: 'bench', brokers: cluster.bootstrap, runtime: cluster.runtime })
  const producer = kafka.producer()
  const produce = (topic: string, count: number): Promise<Measured> => {
    let next = 0
    const sender = async () => {
      while (next < count) {
        const from = next
        next = Math.min(count, from + perCall)
        await producer.send(Array.from({ length: next - from }, (_, i) => ({ topic, ...line(from + i, valueBytes) })))
      }
    }
    return measure(async () => {
      await Promise.all(Array.from({ length: calls }, sender))
      return count
    })
  }
  await produce('warm', 100_000)
  const produced = await produce('measured', records)
  const written = Array.from({ length: 6 }, (_, at) => cluster.partition('measured', at).logEndOffset)
  if (written.reduce((sum, end) => sum + end) !== records) throw new Error(`${written} records were written`)
  return { cluster, kafka, produced }
}

/** Client and three brokers in this one thread. */
async function throughput(replicationFactor: number) {
  const { cluster, kafka, produced } = await filledCluster(replicationFactor)
  const consume = async (topic: string, count: number) => {
    const consumer = kafka.consumer({ groupId: `g-${topic}`, topics: [topic], offsetReset: 'earliest' })
    const measured = await readAll({ read: (onValue) => readBatches(consumer, onValue) }, count)
    await consumer.close()
    return measured
  }
  await consume('warm', 100_000)
  const consumed = await consume('measured', records)
  if (consumed.checksum !== checksumOf(records)) throw new Error('what was read is not what was written')
  await kafka.close()
  await cluster.close()
  const speeds = ({ seconds, cpuSeconds }: Measured) => ({
    perSecond: Math.round(records / seconds),
    perCpuSecond: Math.round(records / cpuSeconds),
  })
  return { produced: speeds(produced), consumed: speeds(consumed) }
}

/** Processor time, which is comparable while other programs run. */
async function cpuMs(work: () => Promise<unknown>): Promise<number> {
  const begun = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(begun)
  return (user + system) / 1000
}

async function idleHourMs() {
  const topics = Array.from({ length: 20 }, (_, at) => ({ name: `t${at}`, partitions: 6, replicationFactor: 3 }))
  const cluster = await createCluster({ brokers: 3, time: 'virtual', topics })
  const kafka = new Kafka({ clientId: 'bench', brokers: cluster.bootstrap, runtime: cluster.runtime })
  await cluster.clock.advance('1h')
  const empty = await cpuMs(() => cluster.clock.advance('1h'))
  const consumer = kafka.consumer({ groupId: 'g', topics: ['t0'], offsetReset: 'earliest' })
  const polled = consumer.poll({ timeoutMs: 10_000_000 }).catch(() => {})
  await cluster.clock.advance('1m')
  const withConsumer = await cpuMs(() => cluster.clock.advance('1h'))
  await cluster.run(async () => {
    await kafka.close()
    await polled
  })
  await cluster.close()
  return { empty, withConsumer }
}

async function bytesPerTopic() {
  const result: Record<string, number> = {}
  for (const replicationFactor of [1, 3]) {
    for (const count of [1_000, 10_000]) {
      const cluster = await createCluster({ brokers: 3 })
      const before = usedBytes()
      for (let at = 0; at < count; at++)
        await cluster.createTopic({ name: `topic-${at}`, partitions: 1, replicationFactor })
      result[`${count} topics of ${replicationFactor} replicas`] = Math.round((usedBytes() - before) / count)
      await cluster.close()
    }
  }
  return result
}

/** For one log of a hundred megabytes, counting each record once. */
async function snapshotMsPerMb() {
  const { cluster, kafka } = await filledCluster(3)
  const mb = (records * valueBytes) / 1e6
  const taken: number[] = []
  const restored: number[] = []
  await kafka.close()
  for (let round = 0; round < 11; round++) {
    let snapshot = cluster.snapshot()
    taken.push(
      await timed(() => {
        snapshot = cluster.snapshot()
      }),
    )
    restored.push(await timed(() => cluster.restore(snapshot)))
  }
  await cluster.close()
  return { snapshot: median(taken) / mb, restore: median(restored) / mb }
}

const tasks = {
  startMs,
  processMs,
  unreplicated: () => throughput(1),
  replicated: () => throughput(3),
  idleHourMs,
  bytesPerTopic,
  snapshotMsPerMb,
} as const

/** The result of each task, by name. */
export type TestkitResults = { readonly [K in keyof typeof tasks]: Awaited<ReturnType<(typeof tasks)[K]>> }

const [name] = process.argv.slice(2)
if (name !== undefined && name in tasks) {
  const result = await tasks[name as keyof typeof tasks]()
  process.stdout.write(`${JSON.stringify(result)}\n`)
}
