import { type Api, type Decoded, DeleteTopics, Fetch } from '@ottla/codec'
import {
  type ClusterOptions,
  createCluster,
  type Duration,
  type Fault,
  type FaultRule,
  type TestCluster,
} from '@ottla/testkit'
import type { RequestBody } from '../../src/cluster/broker.ts'
import { Cluster } from '../../src/cluster/cluster.ts'
import { noTopicId } from '../../src/cluster/topology.ts'
import { Kafka } from '../../src/kafka.ts'
import { silentLogger } from '../../src/logger.ts'
import { Metrics } from '../../src/metrics.ts'
import { type KafkaOptions, resolveKafkaOptions } from '../../src/options.ts'
import { type BatchContent, contentsOf } from './record-batches.ts'

/** The client id of the client under test: rules and the recorded traffic of a scenario concern it alone. */
const clientId = 'under-test'

/** A request of the client, as the brokers received it. */
export interface SeenRequest<A extends Api> {
  readonly sequence: number
  readonly node: number
  readonly version: number
  readonly connection: number
  readonly receivedAtMs: number
  readonly outcome: 'pending' | 'responded' | 'silent' | 'closed'
  readonly body: Decoded<A['request']>
}

export interface ScenarioOptions extends Omit<ClusterOptions, 'topics' | 'time' | 'leakCheck'> {
  /** Topics and how many partitions they have. Default: 't' with one. */
  readonly topics?: Readonly<Record<string, number>>
  readonly replicationFactor?: number
  readonly configs?: Readonly<Record<string, string | number | boolean>>
  readonly kafka?: Partial<KafkaOptions>
}

/** A testkit cluster in virtual time with the client under test. */
export class Scenario {
  readonly cluster: TestCluster
  readonly kafka: Kafka
  readonly #connected: Cluster[] = []
  #other: Cluster | undefined

  constructor(cluster: TestCluster, options: Partial<KafkaOptions> = {}) {
    this.cluster = cluster
    const { bootstrap: brokers, runtime } = cluster
    this.kafka = new Kafka({ brokers, runtime, clientId, logger: silentLogger, ...options })
  }

  get nowMs(): number {
    return this.cluster.virtual!.nowMs
  }

  readonly advance = (duration: Duration): Promise<void> => this.cluster.clock.advance(duration)

  /** Adds a fault rule that concerns the client under test. */
  readonly fault = <A extends NonNullable<FaultRule['match']['api']>>(
    api: A,
    action: FaultRule['action'],
    trigger: FaultRule['trigger'] = 'always',
    match: Omit<FaultRule<A>['match'], 'api' | 'client'> = {},
  ): Fault => this.cluster.faults.add({ match: { api, client: clientId, ...match }, action, trigger } as FaultRule<A>)

  /** The requests of one API that brokers have begun to serve, in their order. */
  seen<A extends Api>(api: A): SeenRequest<A>[] {
    const match = { api: api.name, client: clientId } as Parameters<TestCluster['saw']>[0]
    return this.cluster.saw(match).map(({ request, ...seen }) => ({ ...seen, body: request as Decoded<A['request']> }))
  }

  /** A request of another client, to what the client under test has no call for. */
  async request<A extends Api>(
    api: A,
    body: RequestBody<A>,
    { node, ...options }: { node?: number; maxVersion?: number } = {},
  ): Promise<Decoded<A['response']>> {
    const cluster = this.#otherCluster()
    if (cluster.brokers().length === 0) await cluster.refreshMetadata('a test')
    const broker = node === undefined ? await cluster.findController(1) : cluster.broker(node)
    if (broker === undefined) throw new Error(`the metadata has no broker ${node}`)
    return broker.request(api, body, options)
  }

  /** Deletes a topic as another client would. */
  async deleteTopic(name: string): Promise<void> {
    await this.request(DeleteTopics, { topics: [{ name, topicId: noTopicId }], topicNames: [name], timeoutMs: 5_000 })
  }

  /** Everything that the leader of a partition stores, uncommitted and aborted records included. */
  async stored(topic: string, partition = 0): Promise<BatchContent[]> {
    const found: BatchContent[] = []
    for (let offset = 0n; ; ) {
      const bytes = await this.#fetch(topic, partition, offset)
      const batches = contentsOf(bytes)
      if (batches.length === 0) return found
      found.push(...batches)
      offset = batches.at(-1)!.batch.lastOffset + 1n
    }
  }

  /** The values of all records that a partition stores. */
  async values(topic: string, partition = 0): Promise<(string | null)[]> {
    return (await this.stored(topic, partition)).flatMap(({ values }) => values)
  }

  /** The cluster layer of one more client, closed with the scenario. */
  connect(id = clientId): Cluster {
    const { bootstrap: brokers, runtime } = this.cluster
    const options = resolveKafkaOptions({ brokers, runtime, clientId: id, logger: silentLogger })
    const connected = new Cluster(options, new Metrics())
    this.#connected.push(connected)
    return connected
  }

  async close(): Promise<void> {
    await this.kafka.close()
    for (const connected of this.#connected) await connected.close()
  }

  async #fetch(topic: string, partition: number, fetchOffset: bigint): Promise<Uint8Array> {
    const { leader } = this.cluster.partition(topic, partition)
    const topics = [{ topic, partitions: [{ partition, fetchOffset, partitionMaxBytes: 64 << 20 }] }]
    const options = { maxWaitMs: 0, minBytes: 0, maxBytes: 64 << 20, sessionId: 0, sessionEpoch: -1 }
    const body = { ...options, topics, forgottenTopicsData: [] }
    const response = await this.request(Fetch, body, { node: leader, maxVersion: 12 })
    return response.responses[0]?.partitions[0]?.records ?? new Uint8Array(0)
  }

  #otherCluster(): Cluster {
    this.#other ??= this.connect('other')
    return this.#other
  }
}

/** Runs a scenario in virtual time, as long as it needs. The client must leave neither connections nor timers behind. */
export async function onTestkit<T>(
  { topics = { t: 1 }, replicationFactor = 1, configs = {}, kafka, ...options }: ScenarioOptions,
  play: (scenario: Scenario) => Promise<T>,
): Promise<T> {
  const cluster = await createCluster({
    brokers: 1,
    traffic: { limit: 100_000 },
    ...options,
    time: 'virtual',
    leakCheck: true,
    topics: Object.entries(topics).map(([name, partitions]) => ({
      name,
      partitions,
      replicationFactor,
      // Records of tests have timestamps of long ago.
      configs: { 'retention.ms': -1, ...configs },
    })),
  })
  const scenario = new Scenario(cluster, kafka)
  try {
    const result = await cluster.run(async () => {
      const played = await play(scenario)
      await scenario.close()
      return played
    })
    await cluster.close()
    return result
  } catch (error) {
    // After a failure the connections that are left behind are a consequence.
    await cluster.close().catch(() => {})
    throw error
  }
}
