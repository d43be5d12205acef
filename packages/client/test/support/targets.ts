import { afterAll, afterEach, beforeAll, describe } from 'vitest'
import { skipReason } from '../../../../tools/skip-reason.ts'
import { Cluster } from '../../src/cluster/cluster.ts'
import { Kafka, type KafkaOptions, nodeRuntime } from '../../src/index.ts'
import { Metrics } from '../../src/metrics.ts'
import { resolveKafkaOptions } from '../../src/options.ts'
import { crashable } from './crash.ts'
import { type Ground, type GroundKind, groundsFor } from './grounds.ts'
import { configureGroup, type GroupConfigs } from './group-configs.ts'
import { uniqueName } from './names.ts'
import { kafkaMissing, kafkaStartTimeoutMs } from './real-kafka.ts'
import { until } from './until.ts'

export interface TopicOptions {
  readonly partitions?: number
  readonly replicationFactor?: number
  readonly configs?: Readonly<Record<string, string | number>>
}

/**
 * The cluster of a scenario: the testkit, or three brokers of Apache Kafka. At the end of a test its clients are closed and
 * killed brokers are restarted.
 */
export class Target {
  readonly #ground: Ground
  readonly #clients = new Set<Kafka>()
  readonly #killed = new Set<number>()

  constructor(ground: Ground) {
    this.#ground = ground
  }

  get bootstrap(): readonly string[] {
    return this.#ground.bootstrap
  }

  /** The addresses that the brokers advertise. */
  get advertised(): readonly string[] {
    return this.#ground.advertised ?? this.bootstrap
  }

  /** Metadata has the ids of topics. */
  get hasTopicIds(): boolean {
    return this.#ground.hasTopicIds ?? true
  }

  /** A client of this cluster, closed when the test ends. */
  newKafka(options: Partial<KafkaOptions> = {}): Kafka {
    const { bootstrap: brokers, runtime, kafka: given, producer: defaults } = this.#ground
    const kafka = new Kafka({ brokers, runtime, ...given, ...options })
    this.#clients.add(kafka)
    if (defaults !== undefined) {
      const producer = kafka.producer.bind(kafka)
      kafka.producer = (own) => producer({ ...defaults, ...own })
    }
    return kafka
  }

  /** A client that can crash without leaving its groups. */
  newCrashable(options: Partial<KafkaOptions> = {}): { kafka: Kafka; crash: () => void } {
    const { runtime, logger, crash } = crashable(this.#ground.runtime ?? nodeRuntime)
    return { kafka: this.newKafka({ logger, ...options, runtime }), crash }
  }

  uniqueName(base: string): string {
    return uniqueName(base)
  }

  /** Creates a topic with a unique name, and waits until each partition has a leader. */
  async createTopic(base: string, options: TopicOptions = {}): Promise<string> {
    const name = uniqueName(base)
    await this.createTopicNamed(name, options)
    return name
  }

  async createTopicNamed(name: string, { partitions = 1, replicationFactor = 3, configs = {} }: TopicOptions = {}) {
    const admin = this.newKafka().admin()
    // Tests write old timestamps, which the retention check of a broker would delete.
    const kept = { 'retention.ms': -1, ...configs }
    await admin.createTopics([{ name, partitions, replicationFactor, configs: kept }])
    await until(`all partitions of ${name} have leaders`, async () => {
      const [topic] = await admin.describeTopics([name]).catch(() => [])
      return topic?.partitions.length === partitions && topic.partitions.every(({ leader }) => leader >= 0)
    })
  }

  /** Creates a topic with one partition whose leader is `leader`. */
  async createTopicLedBy(leader: number): Promise<string> {
    const name = uniqueName(`led-by-${leader}`)
    await this.newKafka()
      .admin()
      .createTopics([{ name, assignments: [[leader]] }])
    await until(`${leader} leads ${name}`, async () => (await this.leaderOf(name, 0)) === leader)
    return name
  }

  async leaderOf(topic: string, partition: number): Promise<number> {
    const [described] = await this.newKafka()
      .admin()
      .describeTopics([topic])
      .catch(() => [])
    return described?.partitions[partition]?.leader ?? -1
  }

  /** Sets configs of a group, as another client would. */
  async configureGroup(groupId: string, configs: GroupConfigs): Promise<void> {
    const { bootstrap: brokers, runtime, kafka } = this.#ground
    const options = resolveKafkaOptions({ brokers, runtime, ...kafka })
    const cluster = new Cluster(options, new Metrics())
    try {
      await cluster.refreshMetadata('a test')
      await configureGroup(await cluster.findController(1), groupId, configs)
    } finally {
      await cluster.close()
    }
  }

  async kill(id: number): Promise<void> {
    this.#killed.add(id)
    await this.#ground.kill(id)
  }

  /** Kills the leader of a partition as `kill -9` does, and returns its id. */
  async killLeader(topic: string, partition: number): Promise<number> {
    const leader = await this.leaderOf(topic, partition)
    await this.kill(leader)
    return leader
  }

  async restart(id: number): Promise<void> {
    await this.#ground.restart(id)
    this.#killed.delete(id)
  }

  /** Closes the clients of a test, and restarts killed brokers. */
  async tidy(): Promise<void> {
    const clients = [...this.#clients]
    this.#clients.clear()
    await Promise.all(clients.map((kafka) => kafka.close({ timeoutMs: 2000 })))
    for (const id of this.#killed) await this.restart(id)
  }

  close(): Promise<void> {
    return this.#ground.close()
  }
}

type Define = (target: () => Target) => void

/** Defines the same tests for the embedded cluster and for a real Kafka. */
export function onTargets(title: string, define: Define): void {
  on(groundsFor({ quirks: false }), title, define)
}

/** Also for clusters that differ from Apache Kafka. `npm run scenarios` runs all scenarios on them, and on older releases. */
export function onTargetsWithQuirks(title: string, define: Define): void {
  on(groundsFor({ quirks: true }), title, define)
}

function on(grounds: readonly GroundKind[], title: string, define: Define): void {
  for (const { name, open, skipped } of grounds) {
    describe.skipIf(skipped)(`${title} (${name})`, skipReason(kafkaMissing), () => {
      let target: Target | undefined
      beforeAll(async () => {
        target = new Target(await open())
      }, kafkaStartTimeoutMs)
      afterEach(() => target?.tidy(), 60_000)
      afterAll(() => target?.close())
      define(() => {
        if (!target) throw new Error('the cluster exists only while tests run')
        return target
      })
    })
  }
}
