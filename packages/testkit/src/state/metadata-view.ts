import { type MetadataAreas, noAreas, withAreas } from './metadata-areas.ts'
import { AclImage } from './rights/acl-image.ts'

/** A node as it is registered with the controller. */
export interface BrokerImage {
  readonly id: number
  /** Of its first listener. */
  readonly host: string
  readonly port: number
  /** By the names of its listeners; left out, there is one address for all. */
  readonly listeners?: readonly { readonly name: string; readonly host: string; readonly port: number }[]
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
export interface MetadataDelta extends Partial<MetadataAreas> {
  readonly topics?: readonly TopicImage[]
  readonly deletedTopics?: readonly TopicImage[]
  readonly brokers?: readonly BrokerImage[]
  /** Ids of brokers that are registered no more. */
  readonly removedBrokers?: readonly number[]
}

/** A broker as clients of a listener reach it: metadata answers with the addresses of the listener that was asked. */
export function onListener(broker: BrokerImage, listener: string): BrokerImage {
  const address = broker.listeners?.find(({ name }) => name === listener)
  return address === undefined ? broker : { ...broker, host: address.host, port: address.port }
}

/** What one broker knows of the cluster; it lags behind the controller. */
export class MetadataView {
  readonly #topics = new Map<string, TopicImage>()
  readonly #topicsById = new Map<string, TopicImage>()
  readonly #brokers = new Map<number, BrokerImage>()
  #areas = noAreas
  #acls: AclImage | undefined

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
    for (const id of delta.removedBrokers ?? []) this.#brokers.delete(id)
    this.#areas = withAreas(this.#areas, delta)
    if (delta.acls !== undefined) this.#acls = delta.acls.length === 0 ? undefined : new AclImage(delta.acls)
  }

  clear(): void {
    this.#topics.clear()
    this.#topicsById.clear()
    this.#brokers.clear()
    this.#areas = noAreas
    this.#acls = undefined
  }

  /** The ACLs as they are looked up; undefined when there is none. */
  get acls(): AclImage | undefined {
    return this.#acls
  }

  get areas(): MetadataAreas {
    return this.#areas
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

  /** A dynamic config of a broker, else that of all brokers; undefined when neither is set. */
  brokerConfig(id: number, name: string): string | undefined {
    const { brokerConfigs } = this.#areas
    return brokerConfigs.get(String(id))?.get(name) ?? brokerConfigs.get('')?.get(name)
  }

  /** The state as one delta: what a broker that starts reads. */
  snapshot(): MetadataDelta {
    return { ...this.#areas, topics: [...this.#topics.values()], brokers: [...this.#brokers.values()] }
  }
}
