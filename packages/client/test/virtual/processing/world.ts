import type { Runtime } from '@ottla/runtime'
import { createCluster, type FaultAction, type TestCluster } from '@ottla/testkit'
import { Kafka, silentLogger } from '../../../src/index.ts'
import { ChaosFaults, consumerErrors, type TransientErrors } from '../chaos-faults.ts'
import { ChaosLogs } from '../chaos-logs.ts'
import { ChaosRandom } from '../chaos-random.ts'
import { ChaosRecord, type ChaosReport } from '../chaos-record.ts'
import { storedMarker, storedRecords } from '../producing/stored-records.ts'
import { type ProcessorChaosOptions, type ProcessorPlan, planOf } from './plan.ts'
import { ProcessorSlot, type SlotWorld } from './slot.ts'

const errors: TransientErrors = [
  ...consumerErrors.filter(([api]) => api !== 'OffsetCommit'),
  ['Produce', ['NOT_LEADER_OR_FOLLOWER', 'NOT_ENOUGH_REPLICAS', 'KAFKA_STORAGE_ERROR']],
  ['InitProducerId', ['CONCURRENT_TRANSACTIONS', 'COORDINATOR_LOAD_IN_PROGRESS', 'NOT_COORDINATOR']],
  ['AddPartitionsToTxn', ['CONCURRENT_TRANSACTIONS', 'COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR']],
  ['AddOffsetsToTxn', ['CONCURRENT_TRANSACTIONS', 'COORDINATOR_LOAD_IN_PROGRESS', 'NOT_COORDINATOR']],
  ['TxnOffsetCommit', ['COORDINATOR_LOAD_IN_PROGRESS', 'NOT_COORDINATOR', 'COORDINATOR_NOT_AVAILABLE']],
  ['EndTxn', ['CONCURRENT_TRANSACTIONS', 'COORDINATOR_LOAD_IN_PROGRESS', 'NOT_COORDINATOR']],
]

const transactionApis = [
  'InitProducerId',
  'AddPartitionsToTxn',
  'AddOffsetsToTxn',
  'TxnOffsetCommit',
  'EndTxn',
] as const

/** How long the rest may take once all faults are healed: an instance that crashed leaves a transaction open until its timeout. */
const restWithinMs = 90_000

/** One run: processors of one group under faults. Each input must be in exactly one committed output. */
export class ProcessorWorld implements SlotWorld {
  readonly plan: ProcessorPlan
  readonly #cluster: TestCluster
  readonly #logs: ChaosLogs
  readonly #record: ChaosRecord
  readonly #slots: ProcessorSlot[] = []
  #isCalm = false

  private constructor(cluster: TestCluster, logs: ChaosLogs, options: ProcessorChaosOptions, plan: ProcessorPlan) {
    this.#cluster = cluster
    this.#logs = logs
    this.plan = plan
    const { release, protocol, assignors, features } = plan
    this.#record = new ChaosRecord(cluster, {
      seed: plan.seed,
      circumstances: `Kafka ${release}, ${protocol} ${String(assignors)}; ${[...features].join(', ')}`,
      verbose: options.verbose === true,
    })
  }

  static async run(options: ProcessorChaosOptions): Promise<ChaosReport> {
    const plan = planOf(options)
    const problems: string[] = []
    const cluster = await createCluster({
      time: 'virtual',
      as: plan.release,
      leakCheck: true,
      onDiagnostic: (problem) => problems.push(problem),
      seed: plan.seed,
      brokers: 3,
      topics: [
        { name: 'in', partitions: plan.partitions, replicationFactor: 3 },
        { name: 'out', partitions: 3, replicationFactor: 3 },
      ],
      config: {
        'broker.session.timeout.ms': 6_000,
        'replica.lag.time.max.ms': 3_000,
        'auto.create.topics.enable': false,
        'transaction.state.log.num.partitions': 1,
        'transaction.state.log.min.isr': 1,
        'offsets.topic.num.partitions': 1,
      },
    })
    const world = new ProcessorWorld(cluster, await ChaosLogs.of(cluster), options, plan)
    return world.#record.run({ limit: '30m', problems }, () => world.#live())
  }

  // ---- for slots

  get isCalm(): boolean {
    return this.#isCalm
  }

  get bootstrap(): readonly string[] {
    return this.#cluster.bootstrap
  }

  get runtime(): Runtime {
    return this.#cluster.runtime
  }

  sleep(ms: number): Promise<void> {
    return this.#cluster.clock.advance(ms)
  }

  count(dimension: string): void {
    this.#record.count(dimension)
  }

  note(event: string): void {
    this.#record.note(event)
  }

  violation(what: string): void {
    this.#record.violation(what)
  }

  // ---- the run

  async #live(): Promise<void> {
    const { seed, processors, chaosMs, release, protocol } = this.plan
    this.count(`release ${release}`)
    this.count(`protocol ${protocol}`)
    const faults = this.#faults()
    const writing = this.#write(chaosMs)
    for (let at = 0; at < processors; at++) {
      this.#slots.push(new ProcessorSlot(this, at, new ChaosRandom(seed, `slot ${at}`)))
    }
    const living = this.#slots.map((slot) => slot.live())
    await this.#strike(faults, chaosMs)
    await faults.healAll()
    for (const rule of this.#cluster.faults.list()) rule.remove()
    this.note('all faults are healed')
    this.#isCalm = true
    await writing
    await this.#rest()
    await Promise.all(this.#slots.map((slot) => slot.end()))
    await Promise.all(living)
    await this.sleep(5_000)
    this.#judge()
  }

  #faults(): ChaosFaults {
    const topics = [
      { name: 'in', partitions: this.plan.partitions, replicationFactor: 3 },
      { name: 'out', partitions: 3, replicationFactor: 3 },
    ]
    const random = new ChaosRandom(this.plan.seed, 'faults')
    const scope = { features: this.plan.features, topics }
    const count = (dimension: string) => {
      this.note(`fault: ${dimension}`)
      this.count(dimension)
    }
    const faults = new ChaosFaults(this.#cluster, this.#logs, scope, random, { errors, count, onCut: () => {} })
    const rule = (what: string, action: FaultAction) => {
      const match = { api: random.pick(transactionApis) }
      const added = this.#cluster.faults.add({ match, action, trigger: { probability: random.between(0.2, 0.9) } })
      faults.note(`${what}: ${match.api}`, () => added.remove())
    }
    faults.add('lost responses', () =>
      rule('response lost', random.pick<FaultAction>(['closeAfterWork', 'dropResponse', 'close'])),
    )
    faults.add('delays', () => rule('delay', { delay: random.whole(50, 4_000) }))
    faults.add('partitions added', () => {
      if (this.#logs.partitionCount('in') > 6) return
      if (this.#logs.addPartitions('in', random.whole(1, 2))) faults.note('partitions added')
    })
    for (const what of ['crash', 'restart', 'zombie']) faults.add(what, () => random.pick(this.#slots).strike())
    return faults
  }

  async #strike(faults: ChaosFaults, chaosMs: number): Promise<void> {
    const random = new ChaosRandom(this.plan.seed, 'strikes')
    const endsAtMs = this.#record.nowMs() + chaosMs
    while (this.#record.nowMs() < endsAtMs) {
      await this.sleep(random.between(100, 3_000))
      if (faults.openCount < 2) await faults.strike()
      if (random.withProbability(0.6)) void faults.heal()
    }
  }

  /** Numbers, in the order of their topic's partitions. Some are part of transactions, of which some are aborted. */
  async #write(chaosMs: number): Promise<void> {
    const random = new ChaosRandom(this.plan.seed, 'writer')
    const kafka = new Kafka({
      brokers: this.bootstrap,
      runtime: this.runtime,
      logger: silentLogger,
      clientId: 'writer',
    })
    const producer = kafka.producer({ deliveryTimeoutMs: 600_000 })
    const transactional = kafka.transactionalProducer({ transactionalId: 'writer' })
    const untilMs = this.#record.nowMs() + chaosMs
    let next = 0
    const records = () =>
      Array.from({ length: random.whole(1, 20) }, () => ({ topic: 'in', key: `${next}`, value: String(next++) }))
    while (this.#record.nowMs() < untilMs) {
      await this.sleep(random.between(0, 300))
      if (!this.plan.features.has('aborted inputs') || random.withProbability(0.6)) {
        await producer.send(records()).catch((error: unknown) => this.note(`the writer failed: ${String(error)}`))
        continue
      }
      const isAborted = random.withProbability(0.5)
      await transactional
        .transaction(async (tx) => {
          await tx.send(records())
          if (isAborted) throw new Error('aborted')
        })
        .catch(() => this.count('input aborted'))
    }
    await kafka.close()
  }

  /** No fault is left: all inputs are processed. */
  async #rest(): Promise<void> {
    const untilMs = this.#record.nowMs() + restWithinMs
    while (this.#record.nowMs() < untilMs) {
      await this.sleep(500)
      if (this.#visible('out').length >= this.#visible('in').length) return
    }
    for (const slot of this.#slots) this.note(slot.status)
    const [inputs, outputs] = [this.#visible('in'), this.#visible('out')]
    this.#record.stall(`${outputs.length} of ${inputs.length} inputs are processed ${restWithinMs} ms after the faults`)
  }

  #judge(): void {
    const times = new Map<string, number>()
    for (const value of this.#visible('out')) times.set(value, (times.get(value) ?? 0) + 1)
    const inputs = this.#visible('in')
    for (const value of inputs) {
      const found = times.get(value) ?? 0
      times.delete(value)
      if (found !== 1) this.violation(`input ${value} is in ${found} committed outputs`)
    }
    for (const [value, found] of times) this.violation(`output ${value} of no input is committed ${found} times`)
    if (inputs.length > 0) this.count('has inputs')
  }

  /** What a read_committed reader finds, read from the logs. */
  #visible(topic: string): string[] {
    const id = this.#logs.idOf(topic) ?? ''
    const found: string[] = []
    for (let partition = 0; partition < this.#logs.partitionCount(topic); partition++) {
      const open = new Map<bigint, string[]>()
      for (const { bytes, baseOffset } of this.#logs.stored({ id, partition })) {
        const marker = storedMarker(bytes)
        if (marker !== undefined) {
          if (marker.committed) found.push(...(open.get(marker.producerId) ?? []))
          open.delete(marker.producerId)
          continue
        }
        for (const { value, producerId, isTransactional } of storedRecords(bytes, baseOffset)) {
          if (isTransactional) open.set(producerId, [...(open.get(producerId) ?? []), value])
          else found.push(value)
        }
      }
    }
    return found
  }
}
