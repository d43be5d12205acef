import type { Acl } from './acl.ts'
import { AclImage } from './acl-image.ts'
import type { DelegationTokens } from './delegation-tokens.ts'
import type { ScramUsers } from './scram-users.ts'

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
  /** All of them, after a change of any. */
  readonly acls?: readonly Acl[]
  readonly scramUsers?: ScramUsers
  readonly delegationTokens?: DelegationTokens
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
  #brokerConfigs: ReadonlyMap<string, ReadonlyMap<string, string>> = new Map()
  #acls: AclImage | undefined
  #scramUsers: ScramUsers = new Map()
  #delegationTokens: DelegationTokens = new Map()

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
    if (delta.acls !== undefined) this.#acls = new AclImage(delta.acls)
    if (delta.scramUsers !== undefined) this.#scramUsers = delta.scramUsers
    if (delta.delegationTokens !== undefined) this.#delegationTokens = delta.delegationTokens
  }

  clear(): void {
    this.#topics.clear()
    this.#topicsById.clear()
    this.#brokers.clear()
    this.#brokerConfigs = new Map()
    this.#acls = undefined
    this.#scramUsers = new Map()
    this.#delegationTokens = new Map()
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

  /** Undefined until there was one. */
  get acls(): AclImage | undefined {
    return this.#acls
  }

  get scramUsers(): ScramUsers {
    return this.#scramUsers
  }

  get delegationTokens(): DelegationTokens {
    return this.#delegationTokens
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
      ...(this.#acls && { acls: [...this.#acls.all()] }),
      scramUsers: this.#scramUsers,
      delegationTokens: this.#delegationTokens,
    }
  }
}
