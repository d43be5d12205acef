import { type MetadataAreas, noAreas, withAreas } from './metadata-areas.ts'
import { AclImage } from './rights/acl-image.ts'

/** A broker as registered with the controller. */
export interface BrokerImage {
  readonly id: number
  /** The host of its first listener. */
  readonly host: string
  readonly port: number
  /** The address of each listener; absent: one address for all. */
  readonly listeners?: readonly { readonly name: string; readonly host: string; readonly port: number }[]
  readonly rack: string | null
  /** Registered but not serving: dead, or not caught up after a start. */
  readonly isFenced: boolean
}

/** Immutable: a change creates a new image, so that changes are detected by identity. */
export interface PartitionImage {
  readonly partition: number
  /** In order of preference. */
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
  /** -1: no leader. */
  readonly leader: number
  /** +1 with each change of the leader. */
  readonly leaderEpoch: number
  /** +1 with each change. */
  readonly partitionEpoch: number
  /** During a reassignment: replicas to be added, included in `replicas`. Absent: none. */
  readonly adding?: readonly number[]
  /** During a reassignment: replicas to be removed when the added ones are in sync, included in `replicas`. */
  readonly removing?: readonly number[]
  /** Eligible leader replicas outside the ISR (KIP-966): they have all committed records. Absent: none. */
  readonly elr?: readonly number[]
  /** While no replica may be the leader: the last leader. */
  readonly lastKnownElr?: readonly number[]
}

export interface TopicImage {
  readonly name: string
  readonly id: string
  readonly isInternal: boolean
  readonly partitions: readonly PartitionImage[]
  /** The topic's configs, by Kafka's names. */
  readonly configs: ReadonlyMap<string, string>
}

/** One decision of the controller, as sent to the brokers. */
export interface MetadataDelta extends Partial<MetadataAreas> {
  readonly topics?: readonly TopicImage[]
  readonly deletedTopics?: readonly TopicImage[]
  readonly brokers?: readonly BrokerImage[]
  /** Ids of unregistered brokers. */
  readonly removedBrokers?: readonly number[]
}

/** A broker with its address on one listener: a metadata response has the addresses of the listener it is sent on. */
export function onListener(broker: BrokerImage, listener: string): BrokerImage {
  const address = broker.listeners?.find(({ name }) => name === listener)
  return address === undefined ? broker : { ...broker, host: address.host, port: address.port }
}

/** One broker's view of the cluster metadata; it lags behind the controller. */
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

  /** The ACLs, indexed for lookup; undefined when there are none. */
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

  /** In order of creation. */
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

  /** A broker's dynamic config, else the cluster default; undefined when neither is set. */
  brokerConfig(id: number, name: string): string | undefined {
    const { brokerConfigs } = this.#areas
    return brokerConfigs.get(String(id))?.get(name) ?? brokerConfigs.get('')?.get(name)
  }

  /** The whole state as one delta, which a starting broker reads. */
  snapshot(): MetadataDelta {
    return { ...this.#areas, topics: [...this.#topics.values()], brokers: [...this.#brokers.values()] }
  }
}
