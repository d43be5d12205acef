import { setTimeout as sleep } from 'node:timers/promises'
import { type Admin, Kafka, silentLogger } from '../../../src/index.ts'
import { uniqueName } from '../../support/names.ts'
import { until } from '../../support/until.ts'
import { JavaPeer, type SpawnJava } from '../beside-java/java-peer.ts'
import { type BrokerControl, BrokerFaults } from './brokers.ts'
import { Group, type GroupPlan } from './group.ts'
import { Load } from './load.ts'
import { Random } from './random.ts'
import { type Evidence, verdictOf } from './verdict.ts'

export interface ChaosOptions {
  readonly bootstrap: readonly string[]
  readonly brokers: BrokerControl
  readonly spawnJava: SpawnJava
  /** The path of `java/Peer.java`. */
  readonly peerSource: string
  readonly seconds: number
  readonly seed: number
  /** Receives a line of progress every few seconds. */
  readonly log: (line: string) => void
}

export interface ChaosReport {
  readonly problems: readonly string[]
  readonly acknowledged: number
  readonly handled: number
  readonly byJava: number
  readonly kills: number
  /** From the end of the faults until every acknowledged record was handled in each group. */
  readonly caughtUpMs: number
  readonly summary: string
}

const partitions = 12
const progressEveryMs = 5_000
const observeEveryMs = 1_000
/** Only ends what hangs; how long it took is in the report. */
const patienceMs = 240_000

const plans: readonly GroupPlan[] = [
  { name: 'eager', modes: ['run', 'run'], assignors: ['range'] },
  { name: 'cooperative', modes: ['iterate', 'batches'], assignors: ['cooperative-sticky'] },
  { name: 'default', modes: ['poll', 'run'], assignors: ['range', 'cooperative-sticky'] },
  { name: 'next-gen', modes: ['run', 'iterate'] },
]

/**
 * Members of ottla and of Java in the same groups while brokers are killed and restarted, members crash and leave, and Java's
 * program is killed. Afterwards nothing may be missing, and no commit above what was handled or by a member that was no owner.
 */
export async function chaos(options: ChaosOptions): Promise<ChaosReport> {
  const run = new ChaosRun(options)
  try {
    await run.prepare()
    await run.disturb()
    return await run.judge()
  } finally {
    await run.end()
  }
}

class ChaosRun {
  readonly #options: ChaosOptions
  readonly #topic = uniqueName('chaos')
  readonly #kafka: Kafka
  readonly #admin: Admin
  readonly #load: Load
  readonly #faults: BrokerFaults
  readonly #groups: readonly Group[]
  readonly #random: Random
  readonly #startedMs = performance.now()
  #peer: JavaPeer
  #javaKills = 0
  #lastChurn = ''
  #over = false

  constructor(options: ChaosOptions) {
    const { bootstrap, seed, brokers } = options
    this.#options = options
    this.#random = new Random(seed)
    this.#kafka = new Kafka({ brokers: bootstrap, logger: silentLogger })
    this.#admin = this.#kafka.admin()
    this.#load = new Load(bootstrap, this.#topic, partitions, new Random(seed + 1))
    const ids = bootstrap.map((_, i) => i + 1)
    this.#faults = new BrokerFaults(brokers, ids, new Random(seed + 2))
    this.#groups = plans.map((plan, i) => new Group(plan, bootstrap, this.#topic, new Random(seed + 3 + i)))
    this.#peer = this.#newPeer()
  }

  #newPeer(): JavaPeer {
    const { spawnJava, peerSource, bootstrap } = this.#options
    return new JavaPeer(spawnJava, peerSource, bootstrap)
  }

  async prepare(): Promise<void> {
    const configs = { 'min.insync.replicas': 2 }
    await this.#admin.createTopics([{ name: this.#topic, partitions, replicationFactor: 3, configs }])
    this.#load.start(() => this.#peer)
    for (const group of this.#groups) {
      await group.configure(this.#peer)
      group.start()
      group.startJava(this.#peer)
    }
    await until('each member handles records', () => this.#groups.every((one) => one.counts().byJava > 0), patienceMs)
  }

  /** Faults until the time is over, then none. */
  async disturb(): Promise<void> {
    const { seconds, log } = this.#options
    const endMs = performance.now() + seconds * 1000
    this.#faults.start()
    void this.#observe()
    const churn = [...this.#groups.map((group) => this.#churn(group, endMs)), this.#killJava(endMs)]
    while (performance.now() < endMs) {
      await sleep(Math.min(progressEveryMs, Math.max(1, endMs - performance.now())))
      log(this.#progress())
    }
    await Promise.all(churn)
    log('no more faults: restarting what is down')
    await this.#faults.stop()
    await this.#load.stop()
  }

  #progress(): string {
    const elapsedS = Math.round((performance.now() - this.#startedMs) / 1000)
    const handled = this.#groups.map((group) => {
      const { byJava, rebalances } = group.counts()
      return `${group.plan.name} ${group.handledValues().size} (Java ${byJava}, ${rebalances} generations)`
    })
    const { acknowledged, unsettled } = this.#load
    const { kills, down } = this.#faults
    const brokers = `${kills} kills${down.length > 0 ? `, down: ${down.join(' ')}` : ''}`
    return `${elapsedS} s: ${acknowledged.size} acknowledged, ${unsettled} waiting; ${handled.join(', ')}; ${brokers}${this.#lastChurn}`
  }

  /** Members come and go. */
  async #churn(group: Group, endMs: number): Promise<void> {
    while (await this.#pause(4_000, 12_000, endMs)) this.#lastChurn = `; ${await group.churn()}`
  }

  async #killJava(endMs: number): Promise<void> {
    while (await this.#pause(20_000, 40_000, endMs)) {
      await this.#peer.kill()
      this.#javaKills++
      this.#lastChurn = "; Java's program was killed"
      this.#peer = this.#newPeer()
      for (const group of this.#groups) group.startJava(this.#peer)
    }
  }

  /** False when the time is over. */
  async #pause(fromMs: number, toMs: number, endMs: number): Promise<boolean> {
    await sleep(Math.min(this.#random.between(fromMs, toMs), Math.max(1, endMs - performance.now())))
    return performance.now() < endMs
  }

  async #observe(): Promise<void> {
    while (!this.#over) {
      await Promise.all(this.#groups.map((group) => group.observe(this.#admin).catch(() => {})))
      await sleep(observeEveryMs)
    }
  }

  async judge(): Promise<ChaosReport> {
    const { log } = this.#options
    const { acknowledged } = this.#load
    const healedMs = performance.now()
    const behind = () => this.#groups.filter((group) => !isSubset(acknowledged, group.handledValues()))
    const ticking = setInterval(() => log(this.#progress()), progressEveryMs)
    const late = await until('every group has caught up', () => behind().length === 0, patienceMs).then(
      () => [],
      () => behind().map(({ plan }) => `${plan.name} did not catch up in ${patienceMs / 1000} s`),
    )
    const caughtUpMs = performance.now() - healedMs
    clearInterval(ticking)
    const stored = await this.#peer.read(this.#topic)
    const all = new Set(stored.map(({ value }) => value))
    const read = () => this.#groups.every((group) => isSubset(all, group.handledValues()))
    if (late.length === 0) await until('the rest is handled', read, patienceMs).catch(() => {})
    this.#over = true
    for (const group of this.#groups) await group.close()
    for (const group of this.#groups) await group.observe(this.#admin)
    const evidence: Evidence = {
      acknowledged,
      log: stored,
      ends: await this.#ends(),
      outages: this.#faults.outages,
      groups: this.#groups.map((group) => group.record()),
    }
    return this.#report([...late, ...verdictOf(evidence)], caughtUpMs)
  }

  #report(problems: readonly string[], caughtUpMs: number): ChaosReport {
    const counts = this.#groups.map((group) => group.counts())
    const handled = counts.reduce((sum, one) => sum + one.handled, 0)
    const byJava = counts.reduce((sum, one) => sum + one.byJava, 0)
    const commits = counts.reduce((sum, one) => sum + one.commits, 0)
    const acknowledged = this.#load.acknowledged.size
    const { kills } = this.#faults
    const parts = [
      `${kills} brokers killed, Java killed ${this.#javaKills} times`,
      `members that came, left or died: ${this.#groups.map(({ plan, changes }) => `${plan.name} ${changes}`).join(', ')}`,
      `longest without an owner: ${this.#groups.map((one) => `${one.plan.name} ${one.longestGapMs} ms`).join(', ')}`,
      `${acknowledged} records acknowledged, ${this.#load.failed} not`,
      `${handled} handled in ${counts.length} groups, ${byJava} of them by Java`,
      `${commits} commits of ottla`,
      `caught up after ${(caughtUpMs / 1000).toFixed(1)} s`,
      `${problems.length} problems`,
    ]
    return { problems, acknowledged, handled, byJava, kills, caughtUpMs, summary: parts.join('; ') }
  }

  async #ends(): Promise<Map<string, number>> {
    const topic = this.#topic
    const queries = Array.from({ length: partitions }, (_, partition) => ({ topic, partition, at: 'latest' as const }))
    const listed = await this.#admin.listOffsets(queries)
    return new Map(listed.map(({ partition, offset }) => [`${topic}-${partition}`, Number(offset)]))
  }

  async end(): Promise<void> {
    this.#over = true
    await this.#faults.stop()
    await Promise.all(this.#groups.map((group) => group.close()))
    await this.#peer.kill()
    await this.#kafka.close()
  }
}

function isSubset(some: ReadonlySet<string>, all: ReadonlySet<string>): boolean {
  if (some.size > all.size) return false
  for (const value of some) if (!all.has(value)) return false
  return true
}
