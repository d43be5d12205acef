// One consumer with many partitions: `partitions-task.js BROKERS PARTITIONS ROUNDS`, the result as JSON on stdout.
import { Kafka } from 'ottla'

const topic = 'many'

/** One phase in the life of the consumer. */
export interface PhaseResult {
  readonly phase: string
  readonly elapsedMs: number
  readonly cpuMs: number
  /** The longest time in which the event loop served no timer. */
  readonly longestStopMs: number
  /** The same, as far as this process used the processor: other programs on the machine do not count. */
  readonly longestBusyMs: number
}

export type RoundResult = readonly PhaseResult[]

const probeMs = 1

/** Measures how long the event loop does not turn. */
class LoopProbe {
  #timer: NodeJS.Timeout | undefined
  #atMs = 0
  #cpu = process.cpuUsage()
  longestStopMs = 0
  longestBusyMs = 0

  start(): void {
    this.#atMs = performance.now()
    this.#cpu = process.cpuUsage()
    this.longestStopMs = 0
    this.longestBusyMs = 0
    this.#timer = setTimeout(() => this.#look(), probeMs)
  }

  stop(): void {
    this.#note()
    clearTimeout(this.#timer)
  }

  #look(): void {
    this.#note()
    this.#timer = setTimeout(() => this.#look(), probeMs)
  }

  #note(): void {
    const nowMs = performance.now()
    const stopMs = nowMs - this.#atMs - probeMs
    const { user, system } = process.cpuUsage(this.#cpu)
    this.longestStopMs = Math.max(this.longestStopMs, stopMs)
    this.longestBusyMs = Math.max(this.longestBusyMs, Math.min(stopMs, (user + system) / 1000))
    this.#atMs = nowMs
    this.#cpu = process.cpuUsage()
  }
}

async function round(brokers: readonly string[], count: number, groupId: string): Promise<RoundResult> {
  const results: PhaseResult[] = []
  const probe = new LoopProbe()
  const measure = async (phase: string, act: () => Promise<unknown>): Promise<void> => {
    const cpu = process.cpuUsage()
    const begunMs = performance.now()
    probe.start()
    await act()
    probe.stop()
    const elapsedMs = performance.now() - begunMs
    const { user, system } = process.cpuUsage(cpu)
    const { longestStopMs, longestBusyMs } = probe
    results.push({ phase, elapsedMs, cpuMs: (user + system) / 1000, longestStopMs, longestBusyMs })
  }
  // The metadata is refreshed in the idle phase too.
  const kafka = new Kafka({ clientId: 'bench', brokers: [...brokers], metadataMaxAgeMs: 1_500 })
  const admin = kafka.admin()
  const commit = { intervalMs: 60_000, count: Number.MAX_SAFE_INTEGER }
  const member = () => kafka.consumer({ groupId, topics: [topic], offsetReset: 'earliest', commit })
  let consumer = member()
  const readAll = async () => {
    for (let read = 0; read < count; ) read += (await consumer.poll({ maxRecords: 500 })).length
    // Marks the records of the last one.
    await consumer.poll({ timeoutMs: 0 })
  }
  await measure('metadata', () => admin.describeTopics([topic]))
  await measure('start without commits', () => consumer.ready())
  await measure('read a record of each', readAll)
  await measure('3 s without records', () => new Promise((resolve) => setTimeout(resolve, 3_000)))
  await measure('commit', () => consumer.commit())
  const assignment = consumer.assignment()
  await measure('a seek of each, in one turn', async () => {
    for (const place of assignment) consumer.seek({ ...place, offset: 'earliest' })
  })
  await measure('read again', readAll)
  await measure('close', () => consumer.close())
  consumer = member()
  await measure('start at commits', () => consumer.ready())
  await measure('close again', () => consumer.close())
  await kafka.close()
  return results
}

const [brokers = '', partitions = '0', rounds = '1'] = process.argv.slice(2)
const results: RoundResult[] = []
for (let at = 1; at <= Number(rounds); at++) {
  results.push(await round(brokers.split(','), Number(partitions), `group-${process.pid}-${at}`))
}
process.stdout.write(`${JSON.stringify(results)}\n`)
