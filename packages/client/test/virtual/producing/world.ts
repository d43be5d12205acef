import { createCluster, type TestCluster } from '@ottla/testkit'
import { Kafka, silentLogger } from '../../../src/index.ts'
import type { ChaosFaults } from '../chaos-faults.ts'
import type { LogId } from '../chaos-host.ts'
import { ChaosLogs } from '../chaos-logs.ts'
import { ChaosRandom } from '../chaos-random.ts'
import { ChaosRecord, type ChaosReport } from '../chaos-record.ts'
import { ChaosApplication } from './application.ts'
import { producerFaults } from './faults.ts'
import { FirstAttempts } from './first-attempts.ts'
import { Ledger } from './ledger.ts'
import { LogOracle } from './oracle.ts'
import { type ProducerChaosOptions, type ProducerPlan, planOf, producerOptionsOf } from './plan.ts'
import { TransactionLedger } from './transaction-ledger.ts'
import { TransactionOracle } from './transaction-oracle.ts'
import { ChaosTransactor, type TransactorWorld } from './transactor.ts'

interface Incarnation {
  readonly id: string
  readonly topic: string
  partitions: number
}

const movesWithinMs = 30_000

/** One run: a cluster under faults, applications with producers, and the oracle that reads the logs at the end. */
export class ProducerWorld implements TransactorWorld {
  readonly plan: ProducerPlan
  readonly ledger: Ledger
  readonly transactions = new TransactionLedger()
  readonly #cluster: TestCluster
  readonly #logs: ChaosLogs
  readonly #record: ChaosRecord
  readonly #incarnations: Incarnation[] = []
  readonly #cut = new Set<string>()
  readonly #first = new FirstAttempts()
  readonly #clients: Kafka[] = []
  readonly #applications = new Set<ChaosApplication>()
  #isCalm = false
  #nextProducer = 0

  private constructor(cluster: TestCluster, logs: ChaosLogs, options: ProducerChaosOptions, plan: ProducerPlan) {
    this.#cluster = cluster
    this.#logs = logs
    this.plan = plan
    this.#record = new ChaosRecord(cluster, {
      seed: plan.seed,
      circumstances: `Kafka ${plan.release}, ${plan.quirk?.name ?? 'no quirk'}; ${[...plan.features].join(', ')}`,
      verbose: options.verbose === true,
    })
    this.ledger = new Ledger({
      nowMs: () => this.nowMs(),
      violation: (what) => this.violation(what),
      count: (dimension) => this.count(dimension),
      note: (event) => {
        if (options.verbose === true) this.note(event)
      },
    })
  }

  static async run(options: ProducerChaosOptions): Promise<ChaosReport> {
    const plan = planOf(options)
    const problems: string[] = []
    const cluster = await createCluster({
      time: 'virtual',
      as: plan.release,
      ...(plan.quirk !== undefined && { quirks: plan.quirk.quirks }),
      leakCheck: true,
      onDiagnostic: (problem) => problems.push(problem),
      seed: plan.seed,
      brokers: plan.brokers,
      topics: plan.topics.map((topic) => ({ ...topic })),
      config: {
        'broker.session.timeout.ms': 6_000,
        'replica.lag.time.max.ms': 3_000,
        'auto.create.topics.enable': false,
        'transaction.state.log.num.partitions': 1,
        'transaction.state.log.min.isr': 1,
        'offsets.topic.num.partitions': 1,
      },
    })
    const world = new ProducerWorld(cluster, await ChaosLogs.of(cluster), options, plan)
    // A client that is reset tries whether the peer requires TLS.
    const isQuiet = plan.quirk !== undefined
    return world.#record.run({ limit: '30m', problems: isQuiet ? [] : problems }, () => world.#live())
  }

  // ---- for applications --------------------------------------------------------------------------------------------

  get isCalm(): boolean {
    return this.#isCalm
  }

  nowMs(): number {
    return this.#record.nowMs()
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

  /** Without the padding of values. */
  violation(what: string): void {
    this.#record.violation(what.replaceAll(/ x+/g, ''))
  }

  partitionCount(topic: string): number {
    return Math.max(1, this.#logs.partitionCount(topic))
  }

  // ---- the run -----------------------------------------------------------------------------------------------------

  async #live(): Promise<void> {
    const { seed, chaosMs, producers, clients, release, features, quirk } = this.plan
    this.count(`release ${release}`)
    if (quirk !== undefined) this.count(`quirk: ${quirk.name}`)
    const { bootstrap: brokers, runtime } = this.#cluster
    for (let at = 0; at < clients; at++) {
      this.#clients.push(
        new Kafka({ brokers, runtime, logger: silentLogger, clientId: `client-${at}`, ...quirk?.kafka }),
      )
    }
    // First of all rules, so that it sees each request.
    const when = (request: unknown) => this.#first.isFirst(request) && false
    if (features.has('false codes')) this.#cluster.faults.add({ match: { api: 'Produce', when }, action: 'close' })
    const faults = producerFaults(this.#cluster, this.#logs, this.plan, new ChaosRandom(seed, 'faults'), {
      count: (dimension) => {
        this.note(`fault: ${dimension}`)
        this.count(dimension)
      },
      onCut: (topic, partition) => this.#cut.add(`${this.#logs.idOf(topic)}/${partition}`),
      isFirstAttempt: (request) => this.#first.isFirst(request),
    })
    this.#observe()
    const untilMs = chaosMs + 2_000
    const slots = [
      ...Array.from({ length: producers }, (_, at) => this.#slot(at, untilMs)),
      ...Array.from({ length: this.plan.transactionals }, (_, at) => this.#transact(at, untilMs)),
    ]
    await this.#strike(faults, chaosMs)
    await faults.healAll()
    for (const rule of this.#cluster.faults.list()) rule.remove()
    this.note('all faults are healed')
    this.#observe()
    this.#isCalm = true
    await Promise.all(slots)
    await this.#rest()
    await Promise.all([...this.#applications].map((application) => application.close(5_000)))
    await Promise.all(this.#clients.map((client) => client.close()))
    await this.sleep(5_000)
    this.#judge()
  }

  /** One application after the other, as a supervisor starts them. */
  async #slot(at: number, untilMs: number): Promise<void> {
    const random = new ChaosRandom(this.plan.seed, `slot ${at}`)
    const kafka = this.#clients[at % this.#clients.length] as Kafka
    await this.sleep(random.between(0, 1_000))
    do {
      const name = `p${this.#nextProducer++}`
      const options = producerOptionsOf(this.plan, random)
      this.note(`${name} starts: ${JSON.stringify(options)}`)
      this.count(`acks ${options.acks}`)
      if (options.idempotent !== true) this.count('not idempotent')
      if (options.compression === 'gzip') this.count('compression')
      const producer = kafka.producer(options)
      const application = new ChaosApplication(this, name, producer, new ChaosRandom(this.plan.seed, name))
      this.#applications.add(application)
      await application.live(untilMs)
      if (application.isEnded) this.#applications.delete(application)
    } while (this.nowMs() < untilMs)
  }

  /** One instance after the other with the same transactionalId; some begin while the one before still runs, and fence it. */
  async #transact(at: number, untilMs: number): Promise<void> {
    const { seed, features } = this.plan
    const random = new ChaosRandom(seed, `transactional ${at}`)
    const kafka = this.#clients[at % this.#clients.length] as Kafka
    const fenced: Promise<void>[] = []
    do {
      const name = `w${this.#nextProducer++}`
      this.note(`${name} starts with the transactionalId tx${at}`)
      const transactor = new ChaosTransactor(this, name, `tx${at}`, kafka, new ChaosRandom(seed, name))
      const living = transactor.live(untilMs).then(() => transactor.close())
      if (features.has('fencing') && random.withProbability(0.7)) {
        this.count('another instance begins')
        fenced.push(living)
        await Promise.race([living, this.sleep(random.between(500, 6_000))])
      } else await living
    } while (this.nowMs() < untilMs)
    await Promise.all(fenced)
    await this.#probeTransactions(`tx${at}`, kafka)
  }

  /** No fault is left: a transaction with each partition commits within 30 s. */
  async #probeTransactions(transactionalId: string, kafka: Kafka): Promise<void> {
    while (!this.#isCalm) await this.sleep(100)
    const untilMs = this.nowMs() + movesWithinMs
    const places = this.plan.topics.flatMap(({ name: topic }) =>
      Array.from({ length: this.#logs.partitionCount(topic) }, (_, partition) => ({ topic, partition })),
    )
    for (let isCommitted = false; !isCommitted; ) {
      const name = `w${this.#nextProducer++}`
      const transactor = new ChaosTransactor(this, name, transactionalId, kafka, new ChaosRandom(this.plan.seed, name))
      while (!isCommitted && !transactor.isFatal && this.nowMs() < untilMs) {
        isCommitted = await transactor.transact('commit', places)
      }
      await transactor.close()
      if (isCommitted || this.nowMs() < untilMs) continue
      this.#record.stall(`${transactionalId} commits nothing ${movesWithinMs} ms after the faults`)
      return
    }
  }

  async #strike(faults: ChaosFaults, chaosMs: number): Promise<void> {
    const random = new ChaosRandom(this.plan.seed, 'strikes')
    const endsAtMs = this.nowMs() + chaosMs
    if (random.withProbability(0.6)) await this.sleep(random.between(100, 2_000))
    while (this.nowMs() < endsAtMs) {
      if (faults.openCount === 0 || random.withProbability(0.4)) {
        const leaderless = this.#observe()
        await faults.strike()
        for (const { id, partition } of leaderless) {
          if (this.#logs.nameOf(id) === undefined) this.#cut.add(`${id}/${partition}`)
        }
        this.#observe()
      }
      await this.sleep(random.between(200, 4_000))
      // A broker that is cut off cannot start before its link heals.
      if (random.withProbability(0.7)) void faults.heal()
    }
  }

  /** Notes the incarnations of the topics. Returns the partitions without a leader: the last log of a deleted one is not known. */
  #observe(): LogId[] {
    const leaderless: LogId[] = []
    for (const { name } of this.plan.topics) {
      const id = this.#logs.idOf(name)
      if (id === undefined) continue
      const partitions = this.#logs.partitionCount(name)
      const known = this.#incarnations.find((one) => one.id === id)
      if (known === undefined) this.#incarnations.push({ id, topic: name, partitions })
      else if (known.partitions !== partitions) {
        this.#resized.add(name)
        known.partitions = partitions
      }
      for (let partition = 0; partition < partitions; partition++) {
        if (this.#logs.leaderOf({ id, partition }) === undefined) leaderless.push({ id, partition })
      }
    }
    return leaderless
  }

  readonly #resized = new Set<string>()

  /** No fault is left: each partition moves within 30 s. */
  async #rest(): Promise<void> {
    const { ledger } = this
    const untilMs = this.nowMs() + movesWithinMs
    const probes = [...this.#applications].map((application) => this.#probe(application, untilMs))
    while (ledger.openCount > 0 && this.nowMs() < untilMs) await this.sleep(100)
    for (const { value, settledMs, topic, partition } of ledger.entries.values()) {
      if (settledMs !== undefined) continue
      this.#record.stall(`${value} for ${topic}/${partition} is not settled ${movesWithinMs} ms after the faults`)
    }
    await Promise.all(probes)
    for (const application of this.#applications) if (ledger.openCount === 0) application.checkRest()
  }

  /** Each partition takes a record of the producer. One attempt may end at a short deadline while brokers recover. */
  async #probe(application: ChaosApplication, untilMs: number): Promise<void> {
    for (const { name } of this.plan.topics) {
      for (let partition = 0; partition < this.#logs.partitionCount(name); partition++) {
        let error = await application.probe(name, partition)
        while (error?.retriable && this.nowMs() < untilMs) error = await application.probe(name, partition)
        if (error === undefined) continue
        this.#record.stall(`${name}/${partition} takes no record of ${application.name}: ${error.message}`)
      }
    }
  }

  #judge(): void {
    const { features, topics } = this.plan
    const failures = [
      'isr of one',
      'missing brokers',
      'restarts',
      'rolling restart',
      'leaders move',
      'paused broker',
      'cut link',
    ]
    const oracle = new LogOracle({
      logs: this.#logs,
      ledger: this.ledger,
      incarnations: this.#incarnations,
      isCut: ({ id, partition }) => this.#cut.has(`${id}/${partition}`),
      hadOnePlace: (topic) =>
        !this.#resized.has(topic) && this.#incarnations.filter((one) => one.topic === topic).length === 1,
      hadFailures: features.has('unclean election') || failures.some((one) => features.has(one as never)),
      violation: (what) => this.violation(what),
      count: (dimension) => this.count(dimension),
    })
    oracle.check()
    const whole = new TransactionOracle({
      logs: this.#logs,
      transactions: this.transactions,
      incarnations: this.#incarnations,
      isWhole: (topic) => {
        const all = this.#incarnations.filter((one) => one.topic === topic)
        return all.length === 1 && all.every(({ id }) => ![...this.#cut].some((cut) => cut.startsWith(`${id}/`)))
      },
      violation: (what) => this.violation(what),
    })
    whole.check()
    if (topics.some(({ replicationFactor }) => replicationFactor === 1)) this.count('one replica')
  }
}
