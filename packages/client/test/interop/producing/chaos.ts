import { setTimeout as sleep } from 'node:timers/promises'
import { type Admin, Kafka, silentLogger } from '../../../src/index.ts'
import { uniqueName } from '../../support/names.ts'
import type { SpawnJava } from '../beside-java/java-peer.ts'
import { type BrokerControl, BrokerFaults, type FaultPace } from '../chaos/brokers.ts'
import { Random } from '../chaos/random.ts'
import { readByJava } from './java-log.ts'
import { LeaderMoves } from './leaders.ts'
import { type LoadPlan, ProducerLoad } from './load.ts'
import { TransactionLoad } from './transaction-load.ts'
import { ProduceJudge, type ProduceVerdict } from './verdict.ts'

export interface ProducerChaosOptions {
  readonly bootstrap: readonly string[]
  readonly brokers: BrokerControl
  readonly spawnJava: SpawnJava
  /** The path of `java/Interop.java`. */
  readonly javaSource: string
  readonly seconds: number
  readonly seed: number
  /** Of all producers. */
  readonly recordsPerSecond: number
  /** Receives a line of progress every few seconds. */
  readonly log: (line: string) => void
}

export interface ProducerChaosReport extends ProduceVerdict {
  readonly acknowledged: number
  readonly failed: number
  readonly kills: number
  readonly moves: number
  readonly summary: string
}

const partitions = 12
const progressEveryMs = 5_000
const moveEveryMs = 2_000
const markersWithinMs = 30_000
const pace: FaultPace = { upMs: [500, 2_500], downMs: [200, 2_000] }

const transactionalIds = ['x', 'y']
const recordsATransaction = 100

const plans: readonly Omit<LoadPlan, 'recordsPerSecond'>[] = [
  { name: 'a', call: 'enqueue', namesPartitions: true, options: { deliveryTimeoutMs: 120_000 } },
  { name: 'b', call: 'arrays', namesPartitions: false, options: { deliveryTimeoutMs: 60_000, maxBatchBytes: 16_384 } },
  {
    name: 'c',
    call: 'single',
    namesPartitions: true,
    options: { deliveryTimeoutMs: 10_000, lingerMs: 5, compression: 'lz4' },
  },
]

/**
 * Three idempotent producers and two transactional ones while brokers are killed (SIGKILL) and restarted and leaders move. Afterwards Java's consumer reads the
 * topic: nothing may be lost, stored twice or out of order, and each receipt is right.
 */
export async function producerChaos(options: ProducerChaosOptions): Promise<ProducerChaosReport> {
  const { bootstrap, brokers, seed, seconds, log } = options
  const topic = uniqueName('producer-chaos')
  const kafka = new Kafka({ brokers: bootstrap, logger: silentLogger })
  const configs = { 'min.insync.replicas': 2 }
  const admin = kafka.admin()
  const offsets: number[] = []
  await admin.createTopics([{ name: topic, partitions, replicationFactor: 3, configs }])
  const recordsPerSecond = options.recordsPerSecond / plans.length
  const loads = plans.map((plan) => new ProducerLoad(kafka, { ...plan, recordsPerSecond }, topic, partitions))
  const moves = new LeaderMoves(bootstrap, topic, partitions, new Random(seed + 1))
  const ids = bootstrap.map((_, at) => at + 1)
  const faults = new BrokerFaults(brokers, ids, new Random(seed + 2), pace)
  const transactions = transactionalIds.map((transactionalId, at) => {
    const plan = { transactionalId, topic, partitions, records: recordsATransaction }
    return new TransactionLoad(kafka, plan, new Random(seed + 3 + at))
  })
  const ledgers = [...loads, ...transactions].map(({ ledger }) => ledger)
  const sum = (field: 'acknowledged' | 'failed' | 'unsettled') => ledgers.reduce((all, one) => all + one[field], 0)
  try {
    for (const load of [...loads, ...transactions]) load.start()
    moves.start(moveEveryMs)
    faults.start()
    const startedMs = performance.now()
    for (let leftMs = seconds * 1000; leftMs > 0; leftMs = seconds * 1000 - (performance.now() - startedMs)) {
      await sleep(Math.min(progressEveryMs, leftMs))
      const counts = `${sum('acknowledged')} acknowledged, ${sum('failed')} failed, ${sum('unsettled')} unsettled`
      log(
        `${Math.round((performance.now() - startedMs) / 1000)} s: ${counts}, ${faults.kills} kills, ${moves.moves} moves`,
      )
    }
    await moves.stop()
    await faults.stop()
    await Promise.all([...loads, ...transactions].map((load) => load.stop()))
    for (const load of transactions) offsets.push(await storedOffset(admin, load))
  } finally {
    await kafka.close()
  }
  log('Java reads the topic')
  const judge = new ProduceJudge(ledgers)
  const reading = { bootstrap, topic, isolation: 'read_committed' } as const
  await readByJava(options.spawnJava, options.javaSource, reading, (record) => judge.take(record))
  const verdict = judge.verdict()
  const problems = [
    ...verdict.problems,
    ...transactions.flatMap((load, at) => problemsOf(load, judge, offsets[at] ?? -1)),
  ]
  const of = (field: 'committed' | 'aborted') => transactions.reduce((all, one) => all + one[field], 0)
  const { lost, duplicated, reordered, misplaced, contradicted } = verdict
  const counts = { acknowledged: sum('acknowledged'), failed: sum('failed'), kills: faults.kills, moves: moves.moves }
  const summary = [
    `${counts.acknowledged} acknowledged, ${counts.failed} failed, ${counts.kills} kills, ${counts.moves} leaders moved:`,
    `${lost} lost, ${duplicated} duplicated, ${reordered} reordered,`,
    `${misplaced} wrong receipts, ${contradicted} reported as not written or aborted but visible;`,
    `${of('committed')} transactions committed, ${of('aborted')} aborted,`,
    `${transactions.reduce((all, one) => all + one.unknown.length, 0)} unknown, ${problems.length} problems`,
  ].join(' ')
  return { ...verdict, problems, ...counts, summary }
}

/** The coordinator writes the markers of a transaction after its response to the commit: waits for what is possible. */
async function storedOffset(admin: Admin, { transactionalId, possibleOffsets }: TransactionLoad): Promise<number> {
  for (const untilMs = performance.now() + markersWithinMs; ; await sleep(100)) {
    const [first] = await admin.listConsumerGroupOffsets(transactionalId)
    const offset = Number(first?.offset ?? -1)
    if (possibleOffsets.has(offset) || performance.now() > untilMs) return offset
  }
}

/** What is wrong with transactions whose end is unknown, and with the offsets. */
function problemsOf(load: TransactionLoad, judge: ProduceJudge, offset: number): string[] {
  const { transactionalId, unknown, possibleOffsets } = load
  const problems: string[] = []
  for (const { from, to } of unknown) {
    const seen = judge.seenAmong(transactionalId, from, to)
    if (seen > 0 && seen < to - from) problems.push(`${transactionalId}: ${seen} of ${to - from} records are visible`)
  }
  if (!possibleOffsets.has(offset)) {
    problems.push(`${transactionalId} has the offset ${offset}, not ${[...possibleOffsets].join(' or ')}`)
  }
  return problems
}
