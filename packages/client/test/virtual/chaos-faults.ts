import type { ErrorName } from '@ottla/codec'
import type { ApiName, FaultAction, NetworkNode, TestBroker, TestCluster } from '@ottla/testkit'
import type { ChaosLogs } from './chaos-logs.ts'
import type { ChaosFeature, TopicPlan } from './chaos-plan.ts'
import type { ChaosRandom } from './chaos-random.ts'

/** A fault that is active until it is healed. */
export type Heal = () => Promise<unknown> | unknown

/** The errors of each API that heal. */
export type TransientErrors = readonly (readonly [ApiName, readonly ErrorName[]])[]

/** What the faults of a run may concern. */
export interface FaultScope {
  readonly features: ReadonlySet<string>
  readonly topics: readonly Pick<TopicPlan, 'name' | 'partitions' | 'replicationFactor'>[]
}

type Strike = () => Promise<void> | void

export const consumerErrors: TransientErrors = [
  [
    'Fetch',
    [
      'NOT_LEADER_OR_FOLLOWER',
      'UNKNOWN_SERVER_ERROR',
      'KAFKA_STORAGE_ERROR',
      'UNKNOWN_LEADER_EPOCH',
      'OFFSET_NOT_AVAILABLE',
    ],
  ],
  [
    'OffsetCommit',
    ['COORDINATOR_LOAD_IN_PROGRESS', 'COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR', 'REQUEST_TIMED_OUT'],
  ],
  ['OffsetFetch', ['COORDINATOR_LOAD_IN_PROGRESS', 'NOT_COORDINATOR', 'UNSTABLE_OFFSET_COMMIT']],
  ['ListOffsets', ['NOT_LEADER_OR_FOLLOWER', 'LEADER_NOT_AVAILABLE', 'OFFSET_NOT_AVAILABLE', 'UNKNOWN_LEADER_EPOCH']],
  ['OffsetForLeaderEpoch', ['NOT_LEADER_OR_FOLLOWER', 'UNKNOWN_LEADER_EPOCH']],
  ['JoinGroup', ['COORDINATOR_LOAD_IN_PROGRESS', 'COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR']],
  ['SyncGroup', ['NOT_COORDINATOR', 'COORDINATOR_NOT_AVAILABLE']],
  ['Heartbeat', ['COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR']],
  ['FindCoordinator', ['COORDINATOR_NOT_AVAILABLE']],
  ['Metadata', ['LEADER_NOT_AVAILABLE']],
]

/** The faults of a run, one strike at a time. */
export class ChaosFaults {
  readonly #cluster: TestCluster
  readonly #logs: ChaosLogs
  readonly #plan: FaultScope
  readonly #errorsOf: TransientErrors
  readonly #random: ChaosRandom
  readonly #count: (dimension: string) => void
  readonly #onCut: (topic: string, partition: number) => void
  readonly #open: Heal[] = []

  constructor(
    cluster: TestCluster,
    logs: ChaosLogs,
    plan: FaultScope,
    random: ChaosRandom,
    hooks: {
      readonly errors: TransientErrors
      count(dimension: string): void
      onCut(topic: string, partition: number): void
    },
  ) {
    this.#cluster = cluster
    this.#logs = logs
    this.#plan = plan
    this.#random = random
    this.#errorsOf = hooks.errors
    this.#count = hooks.count
    this.#onCut = hooks.onCut
  }

  /** Does one of the things that the run's features allow; true when the fault must be healed later. */
  async strike(): Promise<void> {
    const able = [...this.#strikes].filter(([feature]) => this.#plan.features.has(feature))
    if (able.length > 0) await this.#random.pick(able)[1]()
  }

  get openCount(): number {
    return this.#open.length
  }

  /** Ends the oldest fault. */
  async heal(): Promise<void> {
    await this.#open.shift()?.()
  }

  async healAll(): Promise<void> {
    // Together: a broker that is cut off starts when its link heals.
    await Promise.all(this.#open.splice(0).map((heal) => heal()))
    for (const broker of this.#cluster.brokers) {
      broker.resume()
      await start(broker)
    }
    for (const { name, partitions, replicationFactor } of this.#plan.topics) {
      if (this.#logs.idOf(name) !== undefined) continue
      const options = { name, partitions, replicationFactor }
      await this.#cluster.createTopic(options).catch(() => {})
    }
  }

  /** One more thing that may happen, in runs with the feature. */
  add(feature: string, strike: Strike): void {
    this.#strikes.set(feature, strike)
  }

  readonly #strikes = new Map<string, Strike>([
    ['leaders move', () => this.#moveLeader()],
    ['restarts', () => this.#restart()],
    ['rolling restart', () => this.#roll()],
    ['paused broker', () => this.#pause()],
    ['cut link', () => this.#cut()],
    ['error codes', () => this.#errors()],
    ['recreated topic', () => this.#recreate()],
    ['deleted topic', () => this.#delete()],
    ['deleted records', () => this.#deleteRecords()],
    ['unclean election', () => this.#unclean()],
    ['compaction', () => this.#compact()],
  ] as const satisfies readonly (readonly [ChaosFeature, Strike])[])

  /** A fault occurred; `heal` ends it. */
  note(dimension: string, heal?: Heal): void {
    this.#count(dimension)
    if (heal !== undefined) this.#open.push(heal)
  }

  /** A partition of a topic that exists. */
  place(): { readonly topic: FaultScope['topics'][number]; readonly partition: number } | undefined {
    const topics = this.#plan.topics.filter(({ name }) => this.#logs.idOf(name) !== undefined)
    if (topics.length === 0) return undefined
    const topic = this.#random.pick(topics)
    return { topic, partition: this.#random.whole(0, this.#logs.partitionCount(topic.name) - 1) }
  }

  /** The preferred leader, or another one after a controlled shutdown of the leader's broker. */
  async #moveLeader(): Promise<void> {
    const at = this.place()
    if (at === undefined) return
    const { topic, partition } = at
    const { leader, replicas, isr } = this.#cluster.partition(topic.name, partition)
    const others = replicas.filter((id) => id !== leader && isr.includes(id))
    if (others.length === 0) return
    this.note('leader moved')
    const next = this.#random.pick(others)
    await this.#cluster.reassign(topic.name, partition, [next, ...replicas.filter((id) => id !== next)]).catch(() => {})
    await this.#cluster.electLeader(topic.name, partition, 'preferred')
  }

  async #restart(): Promise<void> {
    const broker = this.#random.pick(this.#cluster.brokers)
    if (!broker.isUp) return
    const isClean = this.#random.withProbability(0.5)
    this.note(isClean ? 'broker restarted' : 'broker killed', () => start(broker))
    await (isClean ? broker.shutdown() : broker.kill())
  }

  async #roll(): Promise<void> {
    this.note('rolling restart')
    for (const broker of this.#cluster.brokers) {
      if (!broker.isUp || broker.isPaused) continue
      await broker.shutdown()
      await this.#cluster.clock.advance(this.#random.between(500, 3_000))
      await this.#restarted([broker])
      await this.#cluster.clock.advance(this.#random.between(200, 2_000))
    }
  }

  #pause(): void {
    const broker = this.#random.pick(this.#cluster.brokers)
    if (!broker.isUp || broker.isPaused) return
    this.note('broker paused', () => broker.resume())
    broker.pause()
  }

  #cut(): void {
    const places: NetworkNode[] = [...this.#cluster.brokers.map(({ id }) => id), 'controller', 'clients']
    const from = this.#random.pick(places)
    const to = this.#random.pick(places.filter((place) => place !== from))
    const oneWay = this.#random.withProbability(0.4)
    this.note('link cut', this.#cluster.disconnect(from, to, { oneWay }))
  }

  #errors(): void {
    const [api, errors] = this.#random.pick(this.#errorsOf)
    const error = this.#random.pick(errors)
    const probability = this.#random.between(0.1, 0.9)
    const action = this.#random.pick<FaultAction>([
      ...Array.from({ length: 7 }, () => ({ error })),
      'close',
      'closeAfterWork',
      'hang',
      { delay: '2s' },
    ])
    const rule = this.#cluster.faults.add({ match: { api }, trigger: { probability }, action })
    const what = typeof action === 'string' ? action : 'error' in action ? error : 'delay'
    this.note(`${api} ${what}`, () => rule.remove())
  }

  async #recreate(): Promise<void> {
    const at = this.place()
    if (at === undefined) return
    const { name, partitions, replicationFactor } = at.topic
    this.#logs.deleteTopic(name)
    this.note('topic recreated')
    if (this.#random.withProbability(0.7)) await this.#cluster.clock.advance(this.#random.between(0, 8_000))
    const count = Math.max(1, partitions + this.#random.whole(-1, 1))
    const change = count < partitions ? 'fewer' : count > partitions ? 'more' : 'as many'
    this.#count(`topic recreated with ${change} partitions`)
    const again = { name, partitions: count, replicationFactor }
    // Too few brokers may be up: it is created when all has healed.
    await this.#cluster.createTopic(again).catch(() => {})
  }

  #delete(): void {
    const at = this.place()
    if (at === undefined || this.#plan.topics.length < 2) return
    this.#logs.deleteTopic(at.topic.name)
    this.note('topic deleted')
  }

  #deleteRecords(): void {
    const at = this.place()
    const id = at && this.#logs.idOf(at.topic.name)
    if (at === undefined || id === undefined) return
    // The testkit's followers cannot start within a batch, which one out of sync may have to.
    const { isr, replicas } = this.#cluster.partition(at.topic.name, at.partition)
    if (isr.length < replicas.length) return
    const place = { id, partition: at.partition }
    const [first, end] = [this.#logs.start(place), this.#logs.readableEnd(place, true)]
    if (end <= first) return
    this.note('records deleted')
    this.#logs.deleteRecords(place, this.#random.whole(first + 1, end))
  }

  /** A follower that is behind becomes leader: committed records are lost. */
  async #unclean(): Promise<void> {
    const at = this.place()
    if (at === undefined) return
    const { topic, partition } = at
    const { leader, replicas } = this.#cluster.partition(topic.name, partition)
    const behind = replicas.filter((id) => id !== leader).map((id) => this.#cluster.broker(id))
    if (leader < 0 || behind.length === 0 || behind.some(({ isUp, isPaused }) => !isUp || isPaused)) return
    for (const broker of behind) await broker.kill()
    // The leader alone is in sync, and gets records that the others do not have.
    await this.until(() => this.#cluster.partition(topic.name, partition).isr.length === 1)
    await this.#cluster.clock.advance(this.#random.between(1_000, 4_000))
    await this.#cluster.broker(leader).kill()
    await this.until(() => this.#cluster.partition(topic.name, partition).leader === -1)
    await this.#restarted(behind)
    const outcome = await this.#cluster.electLeader(topic.name, partition, 'unclean')
    if (outcome === 'NONE') {
      this.note('unclean election')
      this.#onCut(topic.name, partition)
    }
    await this.#cluster.clock.advance(this.#random.between(500, 3_000))
    await this.#restarted([this.#cluster.broker(leader)])
  }

  async until(condition: () => boolean): Promise<void> {
    for (let step = 0; step < 100 && !condition(); step++) await this.#cluster.clock.advance(100)
  }

  /** A broker that is cut off from the controller does not start: it is not waited for. */
  async #restarted(brokers: readonly TestBroker[]): Promise<void> {
    const started = Promise.all(brokers.map(start))
    await Promise.race([started, this.#cluster.clock.advance(10_000)])
  }

  async #compact(): Promise<void> {
    await this.#cluster.compact()
    this.note('compacted')
    for (const { name } of this.#plan.topics) {
      const id = this.#logs.idOf(name)
      for (let partition = 0; id !== undefined && partition < this.#logs.partitionCount(name); partition++) {
        if (this.#logs.hasEmptyBatch({ id, partition })) this.#count('empty batch')
      }
    }
  }
}

async function start(broker: TestBroker): Promise<void> {
  if (!broker.isUp) await broker.restart()
}
