import { createCluster, type TestCluster } from '@ottla/testkit'
import type { Runtime, TopicPartition } from '../../src/index.ts'
import { ChaosCommits } from './chaos-commits.ts'
import { ChaosFaults, consumerErrors } from './chaos-faults.ts'
import type { LogId } from './chaos-host.ts'
import { ChaosLetters, letterTopics } from './chaos-letters.ts'
import { ChaosLogs } from './chaos-logs.ts'
import { ChaosMember, type MemberOptions, type MemberWorld } from './chaos-member.ts'
import { type ChaosOptions, type ChaosPlan, type CommitChoice, planOf, type ReaderKind } from './chaos-plan.ts'
import { ChaosRandom } from './chaos-random.ts'
import { ChaosRecord, type ChaosReport } from './chaos-record.ts'
import { ChaosView } from './chaos-view.ts'
import { ChaosWriter, type WriterOptions } from './chaos-writer.ts'
import { ConsumerModel } from './consumer-model.ts'

/** Dead members' sessions expire, hung handlers end, and then each partition has 30 s. */
const sessionMs = 10_000
const maxProcessingMs = 20_000
const movesWithinMs = 30_000

const readers: readonly ReaderKind[] = ['messages', 'batches', 'poll', 'each', 'eachBatch']
const commits: readonly CommitChoice[] = ['auto', 'auto', { intervalMs: 700, count: 10 }, 'manual', 'none']

/** A partition, or a member, that is not at rest. */
interface Unrest {
  readonly name: string
  readonly left: number
  readonly what: string
  readonly at: TopicPartition | undefined
  readonly isLost: boolean
}

/** One run: a cluster under faults, a group whose members do what applications do, and the model that watches them. */
export class ChaosWorld implements MemberWorld {
  readonly plan: ChaosPlan
  readonly model: ConsumerModel
  readonly runtime: Runtime
  readonly #options: ChaosOptions
  readonly #cluster: TestCluster
  readonly #logs: ChaosLogs
  readonly #commits: ChaosCommits
  readonly #letters: ChaosLetters
  readonly #view: ChaosView
  readonly #record: ChaosRecord
  readonly #members = new Set<ChaosMember>()
  readonly #dead: ChaosMember[] = []
  #isCalm = false
  #isOver = false
  #nextMember = 0

  private constructor(cluster: TestCluster, logs: ChaosLogs, options: ChaosOptions, plan: ChaosPlan) {
    this.#cluster = cluster
    this.#logs = logs
    this.#options = options
    this.plan = plan
    this.#record = new ChaosRecord(cluster, {
      seed: plan.seed,
      circumstances: `features: ${[...plan.features].join(', ')}`,
      verbose: options.verbose === true,
    })
    this.runtime = cluster.runtime
    this.#commits = new ChaosCommits(cluster, logs, (member, at, offset, origin) => {
      this.note(at, `${member} commit ${offset} at the coordinator`)
      this.model.commit(member, at, offset, origin)
    })
    this.#letters = new ChaosLetters(logs, plan.letters, (dimension) => this.count(dimension))
    this.#view = new ChaosView({
      logs,
      letters: this.#letters,
      commits: this.#commits,
      committedOnly: plan.committedOnly,
      hasResetPolicy: plan.offsetReset !== 'none',
      commitsWhatIsAbove: plan.byKey,
      nowMs: () => this.nowMs(),
      report: (what, at) => this.violation(what, at),
    })
    for (const { name } of plan.topics) this.#view.idOf(name)
    this.model = new ConsumerModel(this.#view)
  }

  static async run(options: ChaosOptions): Promise<ChaosReport> {
    const plan = planOf(options)
    const topics = plan.topics.map(({ name, partitions, replicationFactor, isCompacted }) => {
      const compacted = { 'cleanup.policy': 'compact', 'segment.ms': 10 }
      return { name, partitions, replicationFactor, configs: isCompacted ? compacted : {} }
    })
    const letters = letterTopics(plan.letters).map((name) => {
      return { name, partitions: 1, replicationFactor: plan.brokers, configs: {} }
    })
    const problems: string[] = []
    const cluster = await createCluster({
      time: 'virtual',
      onDiagnostic: (problem) => problems.push(problem),
      seed: plan.seed,
      brokers: plan.brokers,
      topics: [...topics, ...letters],
      config: {
        'offsets.topic.num.partitions': 1,
        'broker.session.timeout.ms': 6_000,
        'group.initial.rebalance.delay.ms': 500,
        'group.min.session.timeout.ms': 1_000,
        'group.consumer.session.timeout.ms': sessionMs,
        'group.consumer.heartbeat.interval.ms': 1_000,
        'auto.create.topics.enable': false,
      },
    })
    const world = new ChaosWorld(cluster, await ChaosLogs.of(cluster), options, plan)
    return world.#record.run({ limit: '20m', problems }, () => world.#live())
  }

  // ---- for members -------------------------------------------------------------------------------------------------

  get bootstrap(): readonly string[] {
    return this.#cluster.bootstrap
  }

  /** No fault or error is injected any more: the group comes to rest. */
  get isCalm(): boolean {
    return this.#isCalm
  }

  nowMs(): number {
    return this.#record.nowMs()
  }

  readableEnd({ topic, partition }: TopicPartition): number {
    const id = this.#logs.idOf(topic)
    return id === undefined ? 0 : this.#logs.readableEnd({ id, partition }, this.plan.committedOnly)
  }

  topicId(topic: string): string {
    return this.#logs.idOf(topic) ?? ''
  }

  memberTerm(name: string): string | undefined {
    return this.#commits.memberTerm(name)
  }

  count(dimension: string): void {
    this.#record.count(dimension)
  }

  /** Keeps an event for the report of a finding; without a partition it belongs to all. */
  note(at: TopicPartition | undefined, event: string): void {
    this.#record.note(event, placeOf(at))
  }

  violation(what: string, at: TopicPartition | undefined): void {
    this.#record.violation(what, placeOf(at))
  }

  // ---- the run -----------------------------------------------------------------------------------------------------

  async #live(): Promise<void> {
    const { seed, members, features, chaosMs } = this.plan
    const count = (dimension: string) => this.count(dimension)
    const writer = new ChaosWriter(this.#logs, new ChaosRandom(seed, 'writer'), () => this.nowMs(), count)
    const faults = new ChaosFaults(this.#cluster, this.#logs, this.plan, new ChaosRandom(seed, 'faults'), {
      errors: consumerErrors,
      count: (dimension) => {
        this.note(undefined, `fault: ${dimension}`)
        this.count(dimension)
      },
      onCut: (topic, partition) => this.#view.cut({ id: this.#view.idOf(topic), partition }),
    })
    const withTransactions = features.has('transactions')
    const writing = this.#write(writer, { withTransactions, withIdempotence: features.has('compaction') })
    const slots = Array.from({ length: members }, (_, at) => this.#slot(at))
    await this.#strike(faults, chaosMs)
    this.note(undefined, 'all faults heal')
    this.#isCalm = true
    await faults.healAll()
    this.#cluster.faults.list().forEach((rule) => {
      if (!this.#commits.isWatch(rule)) rule.remove()
    })
    await writing
    writer.end(true)
    while (writer.hasOpen) {
      await this.#sleep(200)
      writer.end(true)
    }
    await this.#rest()
    this.#isOver = true
    await Promise.all([...this.#members].map((member) => member.stop()))
    await Promise.all(slots)
    await Promise.all(this.#dead.map((member) => member.bury()))
  }

  async #write(writer: ChaosWriter, options: WriterOptions): Promise<void> {
    const random = new ChaosRandom(this.plan.seed, 'pace')
    const paceMs = random.pick([100, 300, 1_000])
    const until = this.nowMs() + this.plan.chaosMs + 2_000
    while (this.nowMs() < until) {
      writer.step(this.#places(), options)
      await this.#sleep(random.between(1, 2 * paceMs))
    }
  }

  #places(): LogId[] {
    return this.plan.topics.flatMap(({ name }) => {
      const id = this.#logs.idOf(name)
      if (id === undefined) return []
      return Array.from({ length: this.#logs.partitionCount(name) }, (_, partition) => ({ id, partition }))
    })
  }

  /** One member after the other, as a supervisor starts them. */
  async #slot(at: number): Promise<void> {
    const random = new ChaosRandom(this.plan.seed, `slot ${at}`)
    await this.#sleep(random.between(0, 3_000))
    while (!this.#isOver) {
      const member = this.#start(random)
      const fate = this.#fate(member, random)
      await Promise.race([member.live(), fate.ended])
      fate.forget()
      this.#members.delete(member)
      await this.#sleep(random.between(10, 2_000))
    }
  }

  #start(random: ChaosRandom): ChaosMember {
    const options = { name: `m${this.#nextMember++}`, ...this.#ways(random) }
    const { name } = options
    const how = typeof options.commit === 'string' ? options.commit : 'interval and count'
    this.count(`commit mode ${how}`)
    this.note(undefined, `${name} starts: ${options.readers.join(', ')}; commit ${how}`)
    const member = new ChaosMember(this, options, new ChaosRandom(this.plan.seed, name))
    this.#members.add(member)
    this.#commits.watch(member)
    return member
  }

  /** How a member reads and commits. Retry topics need handlers of messages, and automatic commits. */
  #ways(random: ChaosRandom): Pick<MemberOptions, 'readers' | 'commit'> {
    const hasRetries = this.plan.letters === 'retry'
    const { reader = hasRetries ? 'each' : undefined, commit } = this.#options
    const kinds = reader === undefined ? readers.filter(() => random.withProbability(0.5)) : [reader]
    const drawn = commit ?? random.pick(commits)
    const isAutomatic = drawn !== 'manual' && drawn !== 'none'
    return {
      readers: kinds.length === 0 ? [random.pick(readers)] : kinds,
      commit: hasRetries && !isAutomatic ? 'auto' : drawn,
    }
  }

  /** Some members are stopped or crash while they read. `ended` resolves when one has crashed. */
  #fate(member: ChaosMember, random: ChaosRandom): { ended: Promise<void>; forget(): void } {
    const { features } = this.plan
    const crashes = features.has('crash') && random.withProbability(0.4)
    const leaves = features.has('members come and go') && random.withProbability(0.6)
    const { runtime } = this
    let end = () => {}
    const ended = new Promise<void>((resolve) => {
      end = resolve
    })
    const act = () => {
      if (this.#isCalm || member.isEnding) return
      if (crashes) {
        member.crash()
        this.#dead.push(member)
        end()
        return
      }
      this.count('member leaves')
      void member.stop()
    }
    const timer = crashes || leaves ? runtime.setTimer(act, random.between(2_000, 30_000)) : undefined
    return {
      ended,
      forget: () => {
        if (timer !== undefined) runtime.clearTimer(timer)
      },
    }
  }

  async #strike(faults: ChaosFaults, chaosMs: number): Promise<void> {
    const random = new ChaosRandom(this.plan.seed, 'strikes')
    const endsAtMs = this.nowMs() + chaosMs
    await this.#sleep(random.between(1_000, 5_000))
    while (this.nowMs() < endsAtMs) {
      if (faults.openCount === 0 || random.withProbability(0.3)) await faults.strike()
      await this.#sleep(random.between(300, 9_000))
      // A broker that is cut off cannot start before its link heals.
      if (random.withProbability(0.7)) void faults.heal()
    }
  }

  // ---- at rest -----------------------------------------------------------------------------------------------------

  /** Until everything is handled, or something has not moved for too long. */
  async #rest(): Promise<void> {
    const fromMs = this.nowMs() + sessionMs + maxProcessingMs
    const moved = new Map<string, { readonly left: number; readonly atMs: number }>()
    for (;;) {
      await this.#sleep(500)
      const unrest = this.#unrest()
      if (unrest.length === 0) return
      for (const { name, left, what, at, isLost } of unrest) {
        const last = moved.get(name)
        if (last?.left !== left) moved.set(name, { left, atMs: Math.max(fromMs, this.nowMs()) })
        else if (this.nowMs() - last.atMs > movesWithinMs) {
          const finding = `${what}\n${this.#dump()}`
          if (isLost) this.violation(finding, at)
          else this.#record.stall(finding, placeOf(at))
          return
        }
      }
    }
  }

  /** What is not at rest; lost is what the group has committed past. */
  #unrest(): Unrest[] {
    const unrest: Unrest[] = []
    for (const place of this.#places()) {
      const at = { topic: this.#logs.nameOf(place.id) ?? '', partition: place.partition }
      if (this.#view.wasCut(place)) continue
      const open = [...this.#view.due(place, 0, Number.POSITIVE_INFINITY)].filter(
        ({ value }) => !this.model.settled.has(value) && !this.#letters.isDead(value),
      )
      const first = open[0]
      if (first === undefined) continue
      const committed = this.#commits.committed(at) ?? -1
      const what = `${first.offset} is never handled, ${committed < 0 ? 'nothing' : committed} is committed`
      const name = `${at.topic}/${at.partition}`
      unrest.push({ name, left: open.length, what, at, isLost: committed > first.offset })
    }
    for (const { name, consumer } of this.#members) {
      const lag = consumer.lag() ?? -1
      const what = `the lag of ${name} is ${lag} at rest`
      if (lag !== 0) unrest.push({ name, left: lag, what, at: undefined, isLost: false })
    }
    return unrest
  }

  #dump(): string {
    const lines = [...this.#members].flatMap(({ name, consumer }) => {
      const states = consumer.partitions()
      return states.map(
        (state) =>
          `  ${name} ${JSON.stringify(state, (_, value) => (typeof value === 'bigint' ? String(value) : value))}`,
      )
    })
    const groups = this.#cluster.groups().map(({ state, generation, members }) => {
      const who = members.map(
        ({ clientId, partitions }) => `${clientId}: ${partitions.map((at) => `${at.topic}/${at.partition}`)}`,
      )
      return `  group ${state} ${generation}: ${who.join('; ')}`
    })
    const logs = this.#places().map((place) => {
      const name = this.#logs.nameOf(place.id) ?? ''
      const { leader, leaderEpoch, highWatermark } = this.#cluster.partition(name, place.partition)
      const committed = this.#commits.committed({ topic: name, partition: place.partition })
      const end = this.#logs.readableEnd(place, this.plan.committedOnly)
      return `  ${name}/${place.partition}: leader ${leader}, epoch ${leaderEpoch}, high watermark ${highWatermark}, readable to ${end}, committed ${committed}`
    })
    return [...groups, ...logs, ...lines].join('\n')
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.runtime.setTimer(resolve, ms))
  }
}

function placeOf(at: TopicPartition | undefined): string | undefined {
  return at && `${at.topic}/${at.partition}`
}
