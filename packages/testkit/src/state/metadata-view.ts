import { type Features, newFeatures } from './features.ts'

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
  /** While the partition moves: replicas that are not there yet. They are among `replicas`. Absent: none. */
  readonly adding?: readonly number[]
  /** While the partition moves: replicas that go when the others are there. They are among `replicas` too. */
  readonly removing?: readonly number[]
  /** Eligible leaders beside the ISR (KIP-966): they have all that is committed. Absent: none. */
  readonly elr?: readonly number[]
  /** While nobody may lead: who led last. */
  readonly lastKnownElr?: readonly number[]
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
  /** Ids of brokers that are registered no more. */
  readonly removedBrokers?: readonly number[]
  /** Levels of features. */
  readonly features?: Features
  /** Where the metadata log ends with this decision; the controller says so. */
  readonly metadataOffset?: number
}

/** What one broker knows of the cluster; it lags behind the controller. */
export class MetadataView {
  readonly #topics = new Map<string, TopicImage>()
  readonly #topicsById = new Map<string, TopicImage>()
  readonly #brokers = new Map<number, BrokerImage>()
  #brokerConfigs: ReadonlyMap<string, ReadonlyMap<string, string>> = new Map()
  #features = newFeatures
  #metadataOffset = 0

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
    for (const id of delta.removedBrokers ?? []) this.#brokers.delete(id)
    this.#features = delta.features ?? this.#features
    this.#metadataOffset = delta.metadataOffset ?? this.#metadataOffset
  }

  clear(): void {
    this.#topics.clear()
    this.#topicsById.clear()
    this.#brokers.clear()
    this.#brokerConfigs = new Map()
    this.#features = newFeatures
    this.#metadataOffset = 0
  }

  /** Levels of features as they are finalized. */
  get features(): Features {
    return this.#features
  }

  /** Where the metadata log ends as far as it was read. */
  get metadataOffset(): number {
    return this.#metadataOffset
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

  /** Dynamic configs of a broker over those of all brokers. */
  brokerConfig(id: number, name: string): { readonly value: string; readonly perBroker: boolean } | undefined {
    const own = this.#brokerConfigs.get(String(id))?.get(name)
    if (own !== undefined) return { value: own, perBroker: true }
    const shared = this.#brokerConfigs.get('')?.get(name)
    return shared === undefined ? undefined : { value: shared, perBroker: false }
  }

  /** The state as one delta: what a broker that starts reads. */
  snapshot(): MetadataDelta {
    return {
      topics: [...this.#topics.values()],
      brokers: [...this.#brokers.values()],
      brokerConfigs: this.#brokerConfigs,
      features: this.#features,
      metadataOffset: this.#metadataOffset,
    }
  }
}
