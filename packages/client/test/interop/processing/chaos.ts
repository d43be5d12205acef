import { setTimeout as sleep } from 'node:timers/promises'
import { type Admin, Kafka, silentLogger } from '../../../src/index.ts'
import { uniqueName } from '../../support/names.ts'
import type { SpawnJava } from '../beside-java/java-peer.ts'
import { type BrokerControl, BrokerFaults, type FaultPace } from '../chaos/brokers.ts'
import { Random } from '../chaos/random.ts'
import { readByJava } from '../producing/java-log.ts'
import { type PoolCounts, type ProcessPace, ProcessPool } from './process-pool.ts'

export interface ProcessorChaosOptions {
  readonly bootstrap: readonly string[]
  readonly brokers: BrokerControl
  readonly spawnJava: SpawnJava
  /** The paths of `java/Interop.java` and of `processor-program.mjs`. */
  readonly javaSource: string
  readonly program: string
  readonly seconds: number
  readonly seed: number
  /** Inputs. */
  readonly recordsPerSecond: number
  /** Receives a line of progress every few seconds. */
  readonly log: (line: string) => void
}

export interface ProcessorChaosReport extends PoolCounts {
  readonly inputs: number
  readonly outputs: number
  /** Of brokers; `kills` is of processes. */
  readonly brokerKills: number
  readonly lost: number
  readonly duplicated: number
  readonly problems: readonly string[]
  readonly summary: string
}

const partitions = 6
const instances = 3
const progressEveryMs = 5_000
/** Once nothing is killed any more. A transaction of a process that was killed lasts until its timeout. */
const restWithinMs = 120_000
const brokerPace: FaultPace = { upMs: [2_000, 6_000], downMs: [500, 4_000] }
const processPace: ProcessPace = { upMs: [3_000, 20_000], downMs: [100, 2_500] }
const protocols = ['classic', 'consumer'] as const

/**
 * Two groups of processors, one of each group protocol, as processes that are killed (SIGKILL) together with the brokers. Afterwards
 * Java's consumer reads what they wrote with read_committed: each input must be there exactly once.
 */
export async function processorChaos(options: ProcessorChaosOptions): Promise<ProcessorChaosReport> {
  const { bootstrap, brokers, seed, seconds, log } = options
  const kafka = new Kafka({ brokers: bootstrap, logger: silentLogger })
  const admin = kafka.admin()
  const from = uniqueName('chaos-in')
  const groups = protocols.map((protocol) => ({ protocol, groupId: uniqueName('chaos'), to: uniqueName('chaos-out') }))
  const configs = { 'min.insync.replicas': 2 }
  const created = [from, ...groups.map(({ to }) => to)]
  await admin.createTopics(created.map((name) => ({ name, partitions, replicationFactor: 3, configs })))
  const ids = bootstrap.map((_, at) => at + 1)
  const faults = new BrokerFaults(brokers, ids, new Random(seed), brokerPace)
  const pools = groups.map(({ protocol, groupId, to }, at) => {
    const own = {
      bootstrap,
      from,
      to,
      groupId,
      protocol,
      errorOf: 2_003,
      maxRecords: 300,
      transactionTimeoutMs: 10_000,
    }
    const classic = protocol === 'classic' && { sessionTimeoutMs: 6_000, assignors: ['cooperative-sticky'] }
    const optionsOf = (transactionalId: string) => ({ ...own, ...classic, transactionalId })
    const names = Array.from({ length: instances }, (_, n) => `${groupId}-${n}`)
    return new ProcessPool(options.program, names, optionsOf, new Random(seed + 1 + at), processPace)
  })
  const writer = new InputWriter(kafka, from, options.recordsPerSecond)
  const problems: string[] = []
  try {
    writer.start()
    for (const pool of pools) pool.start()
    faults.start()
    const startedMs = performance.now()
    for (let leftMs = seconds * 1000; leftMs > 0; leftMs = seconds * 1000 - (performance.now() - startedMs)) {
      await sleep(Math.min(progressEveryMs, leftMs))
      const { kills, committed, aborted } = sumOf(pools)
      const passed = Math.round((performance.now() - startedMs) / 1000)
      log(
        `${passed} s: ${writer.acknowledged} inputs, ${committed} committed, ${aborted} aborted, ${kills} processes and ${faults.kills} brokers killed`,
      )
    }
    await faults.stop()
    await writer.stop()
    await Promise.all(pools.map((pool) => pool.calm()))
    for (const { groupId } of groups) {
      const lag = await restOf(admin, groupId, from)
      if (lag > 0n) problems.push(`${groupId} has a lag of ${lag} after ${restWithinMs} ms`)
    }
    await Promise.all(pools.map((pool) => pool.close()))
  } finally {
    await Promise.all(pools.map((pool) => pool.close()))
    await kafka.close()
  }
  log('Java reads the topics')
  const read = async (topic: string): Promise<Map<string, number>> => {
    const times = new Map<string, number>()
    const reading = { bootstrap, topic, isolation: 'read_committed' } as const
    await readByJava(options.spawnJava, options.javaSource, reading, ({ value }) => {
      times.set(value, (times.get(value) ?? 0) + 1)
    })
    return times
  }
  const inputs = await read(from)
  let [lost, duplicated, outputs] = [0, 0, 0]
  for (const { to, protocol } of groups) {
    const found = await read(to)
    for (const [value, times] of inputs) {
      const copies = found.get(value) ?? 0
      outputs += copies
      if (copies === 0) lost++
      if (copies > times) duplicated++
      if (copies !== times)
        problems.push(`${protocol}: input ${value} is ${times} times in the input and ${copies} times in the output`)
    }
    for (const value of found.keys()) if (!inputs.has(value)) problems.push(`${protocol}: output ${value} has no input`)
  }
  problems.push(...pools.flatMap((pool) => pool.problems))
  return reportOf({ pools, inputs: inputs.size, outputs, brokerKills: faults.kills, lost, duplicated, problems })
}

function reportOf({
  pools,
  ...found
}: Omit<ProcessorChaosReport, keyof PoolCounts | 'summary'> & {
  readonly pools: readonly ProcessPool[]
}): ProcessorChaosReport {
  const counts = sumOf(pools)
  const { inputs, outputs, brokerKills, lost, duplicated, problems } = found
  const summary = [
    `${inputs} inputs, ${outputs} outputs of ${pools.length} groups: ${lost} lost, ${duplicated} duplicated;`,
    `${counts.committed} transactions committed, ${counts.aborted} aborted;`,
    `${counts.kills + brokerKills} kills (${counts.kills} of processes, ${brokerKills} of brokers), ${counts.starts} starts,`,
    `${counts.fenced} fenced, ${problems.length} problems`,
  ].join(' ')
  return { ...found, ...counts, summary }
}

function sumOf(pools: readonly ProcessPool[]): PoolCounts {
  const sum = { starts: 0, kills: 0, fenced: 0, aborted: 0, committed: 0 }
  for (const { counts } of pools) {
    for (const name of Object.keys(sum) as (keyof PoolCounts)[]) sum[name] += counts[name]
  }
  return sum
}

/** Waits until the group has committed the end of the topic; returns its lag. */
async function restOf(admin: Admin, groupId: string, topic: string): Promise<bigint> {
  const places = Array.from({ length: partitions }, (_, partition) => ({ topic, partition, at: 'latest' as const }))
  const ends = await admin.listOffsets(places, { isolation: 'read_committed' })
  for (const untilMs = performance.now() + restWithinMs; ; await sleep(500)) {
    const stored = await admin.listConsumerGroupOffsets(groupId).catch(() => [])
    const offsetOf = (partition: number) =>
      stored.find((one) => one.topic === topic && one.partition === partition)?.offset
    const lag = ends.reduce((sum, { partition, offset }) => sum + offset - (offsetOf(partition) ?? 0n), 0n)
    if (lag <= 0n || performance.now() > untilMs) return lag
  }
}

const tickMs = 50

/** Writes numbers, each once: the producer is idempotent, and its client is not killed. */
class InputWriter {
  acknowledged = 0
  readonly #producer: ReturnType<Kafka['producer']>
  readonly #topic: string
  readonly #perTick: number
  #next = 0
  #isStopping = false
  #running: Promise<void> = Promise.resolve()

  constructor(kafka: Kafka, topic: string, recordsPerSecond: number) {
    this.#producer = kafka.producer({ deliveryTimeoutMs: 600_000 })
    this.#topic = topic
    this.#perTick = Math.max(1, Math.round((recordsPerSecond * tickMs) / 1_000))
  }

  start(): void {
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#running
    await this.#producer.flush()
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      for (let n = 0; n < this.#perTick; n++) {
        const key = String(this.#next++)
        const record = { topic: this.#topic, key, value: key }
        if (!this.#producer.enqueue(record, (error) => void (error === undefined && this.acknowledged++))) {
          await this.#producer.room()
        }
      }
      await sleep(tickMs)
    }
  }
}
