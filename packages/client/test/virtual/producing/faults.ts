import type { ErrorName } from '@ottla/codec'
import type { FaultAction, FaultMatch, TestBroker, TestCluster } from '@ottla/testkit'
import { ChaosFaults, type TransientErrors } from '../chaos-faults.ts'
import type { ChaosLogs } from '../chaos-logs.ts'
import type { ChaosRandom } from '../chaos-random.ts'
import type { ProducerFeature, ProducerPlan } from './plan.ts'

/** Codes that a broker returns without an append, and codes of the requests around it. */
const producerErrors: TransientErrors = [
  ['Produce', ['NOT_LEADER_OR_FOLLOWER', 'LEADER_NOT_AVAILABLE', 'UNKNOWN_TOPIC_OR_PARTITION']],
  ['Produce', ['NOT_ENOUGH_REPLICAS', 'KAFKA_STORAGE_ERROR', 'CORRUPT_MESSAGE', 'NETWORK_EXCEPTION']],
  ['Produce', ['UNKNOWN_SERVER_ERROR', 'INVALID_TIMESTAMP', 'TOPIC_AUTHORIZATION_FAILED']],
  ['InitProducerId', ['COORDINATOR_LOAD_IN_PROGRESS', 'NOT_COORDINATOR', 'COORDINATOR_NOT_AVAILABLE']],
  ['Metadata', ['LEADER_NOT_AVAILABLE', 'UNKNOWN_TOPIC_OR_PARTITION']],
]

/** More of them, in runs with transactions. */
const transactionErrors: TransientErrors = [
  ['FindCoordinator', ['COORDINATOR_NOT_AVAILABLE']],
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

/** What the faults need of a run. */
export interface ProducerFaultHooks {
  count(dimension: string): void
  onCut(topic: string, partition: number): void
  /** Whether no broker has received a batch of the request before. */
  isFirstAttempt(request: unknown): boolean
}

/** The faults of a run: those that it shares with consumers, and those of the produce path. */
export function producerFaults(
  cluster: TestCluster,
  logs: ChaosLogs,
  plan: ProducerPlan,
  random: ChaosRandom,
  hooks: ProducerFaultHooks,
): ChaosFaults {
  const errors =
    plan.transactionals > 0 ? [...producerErrors, ...transactionErrors, ...transactionErrors] : producerErrors
  const faults = new ChaosFaults(cluster, logs, plan, random, { ...hooks, errors })
  const own = new ProduceFaults(cluster, logs, faults, plan, random, hooks)
  for (const [feature, strike] of own.strikes) if (plan.features.has(feature)) faults.add(feature, strike)
  return faults
}

class ProduceFaults {
  readonly #cluster: TestCluster
  readonly #logs: ChaosLogs
  readonly #faults: ChaosFaults
  readonly #plan: ProducerPlan
  readonly #random: ChaosRandom
  readonly #hooks: ProducerFaultHooks

  constructor(
    cluster: TestCluster,
    logs: ChaosLogs,
    faults: ChaosFaults,
    plan: ProducerPlan,
    random: ChaosRandom,
    hooks: ProducerFaultHooks,
  ) {
    this.#cluster = cluster
    this.#logs = logs
    this.#faults = faults
    this.#plan = plan
    this.#random = random
    this.#hooks = hooks
  }

  readonly strikes: readonly (readonly [ProducerFeature, () => Promise<void> | void])[] = [
    ['lost responses', () => this.#loseResponses()],
    ['broken responses', () => this.#breakResponses()],
    ['delays', () => this.#delay()],
    ['throttling', () => this.#rule('throttling', { api: 'Produce' }, { throttle: this.#random.whole(50, 3_000) })],
    ['metadata faults', () => this.#disturbMetadata()],
    ['producer id faults', () => this.#disturbProducerIds()],
    ['missing brokers', () => this.#missBroker()],
    ['isr of one', () => this.#shrinkIsr()],
    ['few replicas', () => this.#requireReplicas()],
    ['full disk', () => this.#fillDisk()],
    ['too large', () => this.#limitBatches()],
    ['false codes', () => this.#reportFalsely()],
    ['partitions added', () => this.#addPartitions()],
    ['recreated topic', () => this.#recreate()],
  ]

  #rule(dimension: string, match: FaultMatch, action: FaultAction, probability = 1): void {
    const trigger = probability === 1 ? 'always' : { probability }
    const rule = this.#cluster.faults.add({ match, trigger, action })
    this.#faults.note(dimension, () => rule.remove())
  }

  #loseResponses(): void {
    const random = this.#random
    const actions: FaultAction[] = [
      'closeAfterWork',
      'closeAfterWork',
      'dropResponse',
      { truncateTo: random.whole(1, 20) },
      { errorAfterWork: 'REQUEST_TIMED_OUT' },
      { errorAfterWork: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND' },
    ]
    if (this.#plan.transactionals > 0 && random.withProbability(0.6)) {
      const action = random.pick<FaultAction>(['closeAfterWork', 'close', 'dropResponse', { delay: 1_500 }])
      this.#rule('transaction response lost', { api: random.pick(transactionApis) }, action, random.between(0.2, 0.9))
      return
    }
    this.#rule('response lost', { api: 'Produce' }, random.pick(actions), random.between(0.1, 0.6))
  }

  #breakResponses(): void {
    const random = this.#random
    const actions: FaultAction[] = [
      'wrongCorrelationId',
      { garbage: random.whole(1, 60) },
      'respondTwice',
      { chunks: random.whole(1, 7) },
      { drip: random.whole(50, 1_500) },
      'corruptCrc',
    ]
    this.#rule('response broken', { api: 'Produce' }, random.pick(actions), random.between(0.05, 0.4))
  }

  #delay(): void {
    const random = this.#random
    if (random.withProbability(0.5)) {
      this.#rule('delay', { api: 'Produce' }, { delay: random.whole(20, 4_000) }, random.between(0.1, 0.7))
      return
    }
    const broker = random.pick(this.#cluster.brokers)
    broker.slow(random.whole(10, 1_500))
    this.#faults.note('slow broker', () => broker.slow(0))
  }

  #disturbMetadata(): void {
    const actions: FaultAction[] = ['staleMetadata', 'staleMetadata', 'hang', 'close', { delay: 3_000 }]
    const node = this.#random.withProbability(0.5) ? { node: this.#random.pick(this.#cluster.brokers).id } : {}
    this.#rule('metadata fault', { api: 'Metadata', ...node }, this.#random.pick(actions))
  }

  #disturbProducerIds(): void {
    const actions: FaultAction[] = ['hang', 'close', 'closeAfterWork', { delay: 2_500 }, { garbage: 9 }]
    this.#rule('producer id fault', { api: 'InitProducerId' }, this.#random.pick(actions))
  }

  /** Longer than its session: the metadata no longer has the broker, and later has it again. */
  async #missBroker(): Promise<void> {
    const broker = this.#random.pick(this.#cluster.brokers)
    if (!broker.isUp) return
    this.#faults.note('broker missing', () => start(broker))
    await broker.kill()
    await this.#cluster.clock.advance(this.#random.between(7_000, 12_000))
  }

  /** The leader of a partition is down while no other replica is in sync. */
  async #shrinkIsr(): Promise<void> {
    const at = this.#faults.place()
    if (at === undefined) return
    const status = () => this.#cluster.partition(at.topic.name, at.partition)
    const { leader, replicas } = status()
    if (leader < 0) return
    const followers = replicas.filter((id) => id !== leader).map((id) => this.#cluster.broker(id))
    for (const broker of followers) broker.pauseReplication()
    const resume = () => followers.forEach((broker) => void broker.resumeReplication())
    await this.#faults.until(() => status().isr.length === 1)
    const broker = this.#cluster.broker(leader)
    const heal = async () => {
      await start(broker)
      resume()
    }
    this.#faults.note('isr of one', heal)
    if (!broker.isUp || broker.isPaused) return
    await broker.kill()
    await this.#cluster.clock.advance(this.#random.between(1_000, 9_000))
  }

  #requireReplicas(): void {
    const at = this.#faults.place()
    if (at === undefined || at.topic.replicationFactor < 2) return
    const { name, replicationFactor } = at.topic
    this.#logs.setTopicConfig(name, 'min.insync.replicas', String(replicationFactor))
    const behind = this.#random.pick(this.#cluster.brokers)
    behind.pauseReplication()
    this.#faults.note('few replicas', () => {
      this.#logs.setTopicConfig(name, 'min.insync.replicas', undefined)
      behind.resumeReplication()
    })
  }

  #fillDisk(): void {
    const broker = this.#random.pick(this.#cluster.brokers)
    broker.fillDisk()
    this.#faults.note('disk full', () => broker.freeDisk())
  }

  #limitBatches(): void {
    const at = this.#faults.place()
    if (at === undefined) return
    this.#logs.setTopicConfig(at.topic.name, 'max.message.bytes', String(this.#random.whole(300, 1_500)))
    this.#faults.note('smaller limit', () => this.#logs.setTopicConfig(at.topic.name, 'max.message.bytes', undefined))
  }

  /** Only where no other copy of the batch can be stored: no broker reports this of a batch that it has. */
  #reportFalsely(): void {
    const error = this.#random.pick<ErrorName>([
      'OUT_OF_ORDER_SEQUENCE_NUMBER',
      'UNKNOWN_PRODUCER_ID',
      'INVALID_PRODUCER_EPOCH',
    ])
    const when = (request: unknown) => this.#hooks.isFirstAttempt(request)
    const match = { api: 'Produce', when } as FaultMatch
    this.#rule(`false ${error}`, match, { error }, this.#random.between(0.05, 0.4))
  }

  /** While records wait for the topic: with any number of partitions below the present one, with as many, or with one more. */
  async #recreate(): Promise<void> {
    const at = this.#faults.place()
    if (at === undefined) return
    const { name, replicationFactor } = at.topic
    const random = this.#random
    const before = this.#logs.partitionCount(name)
    const action = random.pick<FaultAction>([
      { error: 'NOT_ENOUGH_REPLICAS' },
      { errorAfterWork: 'REQUEST_TIMED_OUT' },
      'hang',
    ])
    const rule = this.#cluster.faults.add({ match: { api: 'Produce', topic: name }, trigger: 'always', action })
    await this.#cluster.clock.advance(random.between(100, 1_500))
    this.#logs.deleteTopic(name)
    rule.remove()
    const partitions = random.whole(1, before + 1)
    const change = partitions < before ? 'fewer' : partitions > before ? 'more' : 'as many'
    this.#hooks.count(`topic recreated with ${change} partitions`)
    this.#faults.note('topic recreated')
    if (random.withProbability(0.4)) await this.#cluster.clock.advance(random.between(0, 8_000))
    // Too few brokers may be up: it is created when all is healed.
    await this.#cluster.createTopic({ name, partitions, replicationFactor }).catch(() => {})
  }

  #addPartitions(): void {
    const at = this.#faults.place()
    if (at === undefined || this.#logs.partitionCount(at.topic.name) > 8) return
    if (this.#logs.addPartitions(at.topic.name, this.#random.whole(1, 2))) this.#faults.note('partitions added')
  }
}

async function start(broker: TestBroker): Promise<void> {
  if (!broker.isUp) await broker.restart()
}
