import { setTimeout as sleep } from 'node:timers/promises'
import { Metadata } from '@ottla/codec'
import { Cluster } from '../../../src/cluster/cluster.ts'
import { noTopicId } from '../../../src/cluster/topology.ts'
import { Kafka, silentLogger } from '../../../src/index.ts'
import { Metrics } from '../../../src/metrics.ts'
import { resolveKafkaOptions } from '../../../src/options.ts'
import { uniqueName } from '../../support/names.ts'
import { until } from '../../support/until.ts'
import type { Failure } from '../../virtual/producing/testkit-failover.ts'
import type { BrokerControl } from '../chaos/brokers.ts'

/** The processes of the cluster, which may also hang. */
export interface HangControl extends BrokerControl {
  pause(id: number): void
  resume(id: number): void
}

const sendEveryMs = 10
const observeEveryMs = 5
/** Only ends what hangs: brokers on a busy machine are slow. */
const settledWithinMs = 600_000

interface Leadership {
  readonly leader: number
  readonly inSync: number
}

/** A topic with one partition on three brokers, whose leader fails again and again. */
export class RealFailover {
  readonly #bootstrap: readonly string[]
  readonly #brokers: HangControl
  readonly #topic = uniqueName('failover')
  #observer: Cluster

  constructor(bootstrap: readonly string[], brokers: HangControl) {
    this.#bootstrap = bootstrap
    this.#brokers = brokers
    this.#observer = this.#newObserver()
  }

  #newObserver(): Cluster {
    const options = resolveKafkaOptions({ brokers: this.#bootstrap, logger: silentLogger, clientId: 'failover' })
    return new Cluster(options, new Metrics())
  }

  async prepare(): Promise<void> {
    const kafka = new Kafka({ brokers: this.#bootstrap, logger: silentLogger })
    await kafka.admin().createTopics([{ name: this.#topic, partitions: 1, replicationFactor: 3 }])
    await kafka.close()
  }

  async close(): Promise<void> {
    await this.#observer.close()
  }

  /** From the election of another leader, as one of the other brokers reports it, to the first record through, in ms. */
  async run(failure: Failure): Promise<number> {
    const leader = await this.#settled()
    const kafka = new Kafka({ brokers: this.#bootstrap, logger: silentLogger })
    const producer = kafka.producer()
    let electedMs = Number.POSITIVE_INFINITY
    let throughMs: number | undefined
    const send = async () => {
      await producer.send({ topic: this.#topic, value: 'next' })
      if (performance.now() >= electedMs) throughMs ??= performance.now()
    }
    try {
      await producer.send({ topic: this.#topic, value: 'first' })
      if (failure === 'kill') await this.#brokers.stop(leader)
      else this.#brokers.pause(leader)
      const elected = this.#elected(leader).then((atMs) => {
        electedMs = atMs
      })
      while (throughMs === undefined) {
        void send()
        await sleep(sendEveryMs)
      }
      await elected
      return throughMs - electedMs
    } finally {
      if (failure === 'kill') await this.#brokers.start(leader)
      else this.#brokers.resume(leader)
      await producer.flush()
      await kafka.close()
    }
  }

  /** All replicas are in sync. Returns the leader. */
  async #settled(): Promise<number> {
    await this.#observer.close()
    this.#observer = this.#newObserver()
    await this.#observer.refreshMetadata('a test', [this.#topic])
    const leader = await until(
      'all replicas are in sync',
      async () => {
        const all = await Promise.all([1, 2, 3].map((id) => this.#leadership(id).catch(() => undefined)))
        const first = all[0]?.leader ?? -1
        return all.every((one) => one?.inSync === 3 && one.leader === first) && first
      },
      settledWithinMs,
    )
    await sleep(1_000)
    return leader
  }

  /** When another broker than `before` is the leader, in the metadata of one of the others. */
  async #elected(before: number): Promise<number> {
    const others = [1, 2, 3].filter((id) => id !== before)
    return Promise.race(others.map((id) => this.#electedAt(id, before)))
  }

  async #electedAt(id: number, before: number): Promise<number> {
    for (;;) {
      const { leader } = await this.#leadership(id).catch(() => ({ leader: -1 }))
      if (leader >= 0 && leader !== before) return performance.now()
      await sleep(observeEveryMs)
    }
  }

  async #leadership(id: number): Promise<Leadership> {
    const broker = this.#observer.broker(id)
    if (broker === undefined) throw new Error(`broker ${id} is not in the metadata`)
    const topics = [{ topicId: noTopicId, name: this.#topic }]
    const options = { allowAutoTopicCreation: false, includeClusterAuthorizedOperations: false }
    const body = { topics, ...options, includeTopicAuthorizedOperations: false }
    const response = await broker.request(Metadata, body, { timeoutMs: 2_000 })
    const [partition] = response.topics[0]?.partitions ?? []
    return { leader: partition?.leaderId ?? -1, inSync: partition?.isrNodes.length ?? 0 }
  }
}
