import { type ClientQuotas, noQuotas } from './client-quotas.ts'
import { noResourceConfigs, type ResourceConfigs } from './resource-configs.ts'

/** A node as it is registered with the controller. */
export interface BrokerImage {
  readonly id: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
  /** Registered but not serving: dead, or not caught up after its start. */
  readonly isFenced: boolean
}

/** Immutable: a change is a new one, so that what changed is seen by identity. */
export interface PartitionImage {
  readonly partition: number
  /** In the order of preference. */
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
  /** -1: there is none. */
  readonly leader: number
  /** +1 with each change of the leader. */
  readonly leaderEpoch: number
  /** +1 with each change. */
  readonly partitionEpoch: number
}

export interface TopicImage {
  readonly name: string
  readonly id: string
  readonly isInternal: boolean
  readonly partitions: readonly PartitionImage[]
  /** What was set for the topic, by Kafka's config names. */
  readonly configs: ReadonlyMap<string, string>
}

/** One decision of the controller, as it travels to the brokers. */
export interface MetadataDelta {
  readonly topics?: readonly TopicImage[]
  readonly deletedTopics?: readonly TopicImage[]
  readonly brokers?: readonly BrokerImage[]
  /** Dynamic broker configs: by broker id, '' for the default of all. */
  readonly brokerConfigs?: ReadonlyMap<string, ReadonlyMap<string, string>>
  /** Configs of groups and of client metrics: all of them. */
  readonly resourceConfigs?: ResourceConfigs
  /** All of them. */
  readonly clientQuotas?: ClientQuotas
}

/** What one broker knows of the cluster; it lags behind the controller. */
export class MetadataView {
  readonly #topics = new Map<string, TopicImage>()
  readonly #topicsById = new Map<string, TopicImage>()
  readonly #brokers = new Map<number, BrokerImage>()
  #brokerConfigs: ReadonlyMap<string, ReadonlyMap<string, string>> = new Map()
  #resourceConfigs = noResourceConfigs
  #clientQuotas = noQuotas

  apply(delta: MetadataDelta): void {
    for (const broker of delta.brokers ?? []) this.#brokers.set(broker.id, broker)
    for (const topic of delta.deletedTopics ?? []) {
      this.#topicsById.delete(topic.id)
      if (this.#topics.get(topic.name)?.id === topic.id) this.#topics.delete(topic.name)
    }
    for (const topic of delta.topics ?? []) {
      this.#topics.set(topic.name, topic)
      this.#topicsById.set(topic.id, topic)
    }
    if (delta.brokerConfigs !== undefined) this.#brokerConfigs = delta.brokerConfigs
    if (delta.resourceConfigs !== undefined) this.#resourceConfigs = delta.resourceConfigs
    if (delta.clientQuotas !== undefined) this.#clientQuotas = delta.clientQuotas
  }

  clear(): void {
    this.#topics.clear()
    this.#topicsById.clear()
    this.#brokers.clear()
    this.#brokerConfigs = new Map()
    this.#resourceConfigs = noResourceConfigs
    this.#clientQuotas = noQuotas
  }

  get clientQuotas(): ClientQuotas {
    return this.#clientQuotas
  }

  get resourceConfigs(): ResourceConfigs {
    return this.#resourceConfigs
  }

  topic(name: string): TopicImage | undefined {
    return this.#topics.get(name)
  }

  topicById(id: string): TopicImage | undefined {
    return this.#topicsById.get(id)
  }

  /** In the order of their creation. */
  topics(): IterableIterator<TopicImage> {
    return this.#topics.values()
  }

  broker(id: number): BrokerImage | undefined {
    return this.#brokers.get(id)
  }

  isAlive(id: number): boolean {
    return this.#brokers.get(id)?.isFenced === false
  }

  aliveBrokers(): BrokerImage[] {
    return [...this.#brokers.values()].filter((broker) => !broker.isFenced)
  }

  allBrokers(): BrokerImage[] {
    return [...this.#brokers.values()]
  }

  /** Dynamic broker configs: by broker id, '' for the default of all. */
  get brokerConfigs(): ReadonlyMap<string, ReadonlyMap<string, string>> {
    return this.#brokerConfigs
  }

  /** The state as one delta: what a broker that starts reads. */
  snapshot(): MetadataDelta {
    return {
      topics: [...this.#topics.values()],
      brokers: [...this.#brokers.values()],
      brokerConfigs: this.#brokerConfigs,
      resourceConfigs: this.#resourceConfigs,
      clientQuotas: this.#clientQuotas,
    }
  }
}
