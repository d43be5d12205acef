import type { ErrorName } from '@ottla/codec'
import type { Runtime, Timer } from '@ottla/runtime'
import { assignReplicas } from '../state/assignment.ts'
import type { BrokerConfig } from '../state/configs/broker-config.ts'
import { topicSettings } from '../state/configs/topic-config.ts'
import { placeableBrokers } from '../state/cordoned.ts'
import { recordsOf, returnable, withPartition } from '../state/decisions.ts'
import { asNextVersion, changed, type ElectionRules, type PartitionChange } from '../state/election.ts'
import { ELR_FEATURE } from '../state/features.ts'
import { isInternalTopic } from '../state/internal-topics.ts'
import {
  type BrokerImage,
  type MetadataDelta,
  MetadataView,
  type PartitionImage,
  type TopicImage,
} from '../state/metadata-view.ts'
import { Quorum } from '../state/quorum.ts'
import type { IsrAuthority, IsrOutcome, IsrRequest } from '../state/replicas/isr-authority.ts'

const minIsrConfig = 'min.insync.replicas'

export interface ControllerOptions {
  readonly runtime: Runtime
  readonly config: BrokerConfig
  /** Sends a decision to all brokers, which apply it in a later turn. */
  readonly publish: (delta: MetadataDelta) => void
  /** The metadata of an earlier run; brokers receive it when they register. */
  readonly before?: MetadataDelta | undefined
  /** The next producer id, and a callback before each allocation. */
  readonly producerIds?: { readonly from: bigint; readonly onGiven: (id: bigint) => void } | undefined
}

export interface NewTopic {
  readonly name: string
  /** The replicas of each partition, the first preferred. */
  readonly assignment: readonly (readonly number[])[]
  readonly configs: ReadonlyMap<string, string>
}

export interface ControllerState {
  readonly metadata: MetadataDelta
  readonly nextProducerId: bigint
  readonly stopped: readonly number[]
}

export type ElectionOutcome = ErrorName

/** The single authority on metadata: brokers, topics, leaders. Brokers receive its decisions one turn later. */
export class Controller implements IsrAuthority {
  readonly #runtime: Runtime
  readonly #config: BrokerConfig
  readonly #publish: (delta: MetadataDelta) => void
  readonly #state = new MetadataView()
  readonly #sessions = new Map<number, Timer>()
  readonly #stopping = new Set<number>()
  /** Brokers that shut down cleanly: their logs are complete at the next start. */
  #stopped = new Set<number>()
  /** The nodes that replicate the metadata log. Its end is in `state`. */
  readonly quorum = new Quorum()
  #nextProducerId: bigint
  readonly #onProducerId: ((id: bigint) => void) | undefined
  /** The names of deleted topics, by their ids. */
  readonly #deleted = new Map<string, string>()
  #rebalance: Timer | undefined

  constructor({ runtime, config, publish, before, producerIds }: ControllerOptions) {
    this.#runtime = runtime
    this.#config = config
    this.#publish = publish
    if (before !== undefined) this.#state.apply(before)
    // The data directory has already recovered their logs, so they count as cleanly shut down.
    for (const { id } of before?.brokers ?? []) this.#stopped.add(id)
    this.#nextProducerId = producerIds?.from ?? 0n
    this.#onProducerId = producerIds?.onGiven
  }

  /** The current metadata; brokers receive it later. */
  get state(): MetadataView {
    return this.#state
  }

  /** The name of an existing or deleted topic; undefined for an unknown id. */
  nameOfTopic(id: string): string | undefined {
    return this.#state.topicById(id)?.name ?? this.#deleted.get(id)
  }

  /** Applies a decision: to `state` immediately, to brokers a turn later. */
  decide(delta: MetadataDelta): void {
    const decided = { ...delta, metadataOffset: this.#state.areas.metadataOffset + recordsOf(delta) }
    this.#state.apply(decided)
    for (const { id, name } of delta.deletedTopics ?? []) this.#deleted.set(id, name)
    this.#publish(decided)
  }

  /** Producer ids increase by 1 across the cluster. */
  allocateProducerId(): bigint {
    this.#onProducerId?.(this.#nextProducerId)
    return this.#nextProducerId++
  }

  /** The state for `restore`, which does not publish it to brokers. */
  save(): ControllerState {
    return { metadata: this.#state.snapshot(), nextProducerId: this.#nextProducerId, stopped: [...this.#stopped] }
  }

  restore({ metadata, nextProducerId, stopped }: ControllerState): void {
    this.close()
    this.#stopping.clear()
    this.#stopped.clear()
    for (const id of stopped) this.#stopped.add(id)
    this.#state.clear()
    this.#state.apply(metadata)
    this.#nextProducerId = nextProducerId
    this.#watchPreferredLeaders()
  }

  // ---- brokers -------------------------------------------------------------------------------------------------------

  /** A broker starts. It is fenced until it has caught up with the metadata, and has lost its leaderships. */
  register(broker: Omit<BrokerImage, 'isFenced'>): MetadataDelta {
    const { id } = broker
    this.#endSession(id)
    this.#stopping.delete(id)
    if (this.#state.isAlive(id)) this.#fence(id)
    // After an unclean shutdown its logs may lack records.
    if (!this.#stopped.delete(id) && this.#state.broker(id) !== undefined) this.#drop(id, { uncleanShutdown: id })
    this.quorum.found(id)
    this.decide({ brokers: [{ ...broker, isFenced: true }] })
    return this.#state.snapshot()
  }

  /** The broker serves: partitions without a leader may get one. */
  unfence(brokerId: number): void {
    const broker = this.#state.broker(brokerId)
    if (broker === undefined || !broker.isFenced) return
    const brokers = [{ ...broker, isFenced: false }]
    this.decide({ brokers })
    this.#electLeaderless()
    this.#watchPreferredLeaders()
  }

  /** The broker's heartbeats stopped: it is fenced when its session expires. */
  brokerLost(brokerId: number): void {
    this.#endSession(brokerId)
    this.#lost(brokerId)
    const fence = () => {
      this.#sessions.delete(brokerId)
      this.#fence(brokerId)
    }
    this.#sessions.set(brokerId, this.#runtime.setTimer(fence, this.#config.number('broker.session.timeout.ms')))
  }

  /** Its heartbeats arrive again. If its session has expired, `unfence` follows once it has caught up. */
  brokerHeard(brokerId: number): void {
    this.#endSession(brokerId)
    this.quorum.found(brokerId)
  }

  /** Controlled shutdown: the broker leaves all ISRs, and other brokers take over its leaderships. */
  beginShutdown(brokerId: number): void {
    this.#stopping.add(brokerId)
    this.#drop(brokerId)
  }

  /** The broker has stopped: it is fenced immediately, not after its session. */
  endShutdown(brokerId: number): void {
    this.#endSession(brokerId)
    this.#lost(brokerId)
    this.#fence(brokerId)
    this.#stopping.delete(brokerId)
    this.#stopped.add(brokerId)
  }

  // ---- topics --------------------------------------------------------------------------------------------------------

  createTopic({ name, assignment, configs }: NewTopic): TopicImage {
    const partitions = assignment.map((replicas, partition) => this.#newPartition(partition, replicas))
    const topic = { name, id: this.newTopicId(), isInternal: isInternalTopic(name), partitions, configs }
    this.decide({ topics: [topic] })
    return topic
  }

  deleteTopic(topic: TopicImage): void {
    this.decide({ deletedTopics: [topic] })
  }

  addPartitions(topic: TopicImage, assignment: readonly (readonly number[])[]): void {
    const added = assignment.map((replicas, index) => this.#newPartition(topic.partitions.length + index, replicas))
    this.decide({ topics: [{ ...topic, partitions: [...topic.partitions, ...added] }] })
  }

  /** Replicas are eligible by the minimum of the time when they left the ISR: another one ends that (KIP-966). */
  setTopicConfigs(topic: TopicImage, configs: ReadonlyMap<string, string>): void {
    const isSameMinimum = topic.configs.get(minIsrConfig) === configs.get(minIsrConfig)
    this.decide({ topics: [{ ...(isSameMinimum ? topic : withoutEligible(topic)), configs }] })
    this.#electLeaderless()
  }

  /** Dynamic broker configs; `brokerId` '' is the cluster-wide default. */
  setBrokerConfigs(brokerId: string, configs: ReadonlyMap<string, string>): void {
    const all = new Map(this.#state.areas.brokerConfigs)
    const isSameMinimum = all.get(brokerId)?.get(minIsrConfig) === configs.get(minIsrConfig)
    const topics = isSameMinimum ? [] : Array.from(this.#state.topics(), withoutEligible)
    this.decide({ brokerConfigs: all.set(brokerId, configs), ...(topics.length > 0 && { topics }) })
    this.#electLeaderless()
  }

  /** Brokers that may get new replicas without a manual assignment. */
  placeableBrokers(): BrokerImage[] {
    return placeableBrokers(this.#state, this.#config)
  }

  /** Assigns replicas of new partitions round-robin; the number of existing partitions decides where it starts. */
  assign(count: number, replicationFactor: number): number[][] {
    let start = 0
    for (const { partitions, isInternal } of this.#state.topics()) if (!isInternal) start += partitions.length
    return assignReplicas(this.placeableBrokers(), count, replicationFactor, start)
  }

  // ---- partitions ----------------------------------------------------------------------------------------------------

  /** A leader proposes another ISR (AlterPartition). */
  alterIsr(request: IsrRequest): IsrOutcome {
    const topic = this.#state.topicById(request.topicId)
    const image = topic?.partitions[request.partition]
    if (topic === undefined || image === undefined) return { error: 'UNKNOWN_TOPIC_ID' }
    if (request.leaderEpoch < image.leaderEpoch || request.brokerId !== image.leader)
      return { error: 'FENCED_LEADER_EPOCH' }
    if (request.partitionEpoch !== image.partitionEpoch) return { error: 'INVALID_UPDATE_VERSION' }
    const { isr } = request
    if (!isr.includes(image.leader) || !isr.every((id) => image.replicas.includes(id)))
      return { error: 'INVALID_REQUEST' }
    if (!isr.every((id) => this.#canServe(id))) return { error: 'INELIGIBLE_REPLICA' }
    // Kafka's leaders send the ISR in the order of a hash set of ids.
    const inOrder = [...isr].sort((a, b) => a - b)
    const next = this.changePartition(topic, image.partition, { isr: inOrder })
    this.#watchPreferredLeaders()
    // The change may complete a reassignment that removes this leader.
    if (next.leader !== request.brokerId) return { error: 'NEW_LEADER_ELECTED' }
    return { error: undefined, image: next }
  }

  /** ElectLeaders: elects the preferred replica, or any live replica of a partition without a leader. */
  electLeader(topicName: string, partition: number, kind: 'preferred' | 'unclean'): ElectionOutcome {
    const topic = this.#state.topic(topicName)
    const image = topic?.partitions[partition]
    if (topic === undefined || image === undefined) return 'UNKNOWN_TOPIC_OR_PARTITION'
    const isPreferred = kind === 'preferred'
    if (isPreferred ? image.leader === image.replicas[0] : image.leader !== -1) return 'ELECTION_NOT_NEEDED'
    const rules = { ...this.#rules(topic), preferred: isPreferred, ...(!isPreferred && { unclean: true }) }
    const elected = asNextVersion(image, changed(image, {}, rules))
    if (isPreferred && elected.leader !== image.replicas[0]) return 'PREFERRED_LEADER_NOT_AVAILABLE'
    if (!isPreferred && elected.leader === -1) return 'ELIGIBLE_LEADERS_NOT_AVAILABLE'
    this.decide({ topics: [withPartition(topic, elected)] })
    return 'NONE'
  }

  /** Changes a partition; returns its next version. */
  changePartition(topic: TopicImage, partition: number, change: PartitionChange): PartitionImage {
    const image = topic.partitions[partition] as PartitionImage
    const next = asNextVersion(image, changed(image, change, this.#rules(topic)))
    const current = this.#state.topicById(topic.id) ?? topic
    if (next !== image) this.decide({ topics: [withPartition(current, next)] })
    return next
  }

  /** Removes a broker: from the registered brokers, all ISRs and all eligible replicas. */
  unregister(brokerId: number): void {
    this.#endSession(brokerId)
    this.#fence(brokerId)
    this.#drop(brokerId, { uncleanShutdown: brokerId })
    this.#stopped.delete(brokerId)
    this.decide({ removedBrokers: [brokerId] })
  }

  close(): void {
    for (const timer of this.#sessions.values()) this.#runtime.clearTimer(timer)
    this.#sessions.clear()
    if (this.#rebalance !== undefined) this.#runtime.clearTimer(this.#rebalance)
    this.#rebalance = undefined
  }

  // ---- internals --------------------------------------------------------------------------------------------------------

  /** Removes the broker from all ISRs; other brokers take over its leaderships. */
  #fence(brokerId: number): void {
    const broker = this.#state.broker(brokerId)
    if (broker === undefined || broker.isFenced) return
    const brokers = [{ ...broker, isFenced: true }]
    this.#state.apply({ brokers })
    this.decide({ brokers, topics: this.#withoutBroker(brokerId, {}) })
  }

  #drop(brokerId: number, change: PartitionChange = {}): void {
    const topics = this.#withoutBroker(brokerId, change)
    if (topics.length > 0) this.decide({ topics })
  }

  #withoutBroker(brokerId: number, change: PartitionChange): TopicImage[] {
    return this.#changePartitions((image, topic) => {
      const { isr, leader, elr } = image
      if (!isr.includes(brokerId) && leader !== brokerId && !elr?.includes(brokerId)) return image
      const rules = this.#rules(topic)
      const isAlive = (id: number) => id !== brokerId && rules.isAlive(id)
      return changed(image, { ...change, isr: isr.filter((id) => id !== brokerId) }, { ...rules, isAlive })
    })
  }

  /** Elects leaders after a change that may allow it, such as unclean.leader.election.enable. */
  #electLeaderless(): void {
    const topics = this.#changePartitions((image, topic) =>
      image.leader === -1 ? changed(image, {}, this.#rules(topic)) : image,
    )
    if (topics.length > 0) this.decide({ topics })
  }

  #canServe(brokerId: number): boolean {
    return this.#state.isAlive(brokerId) && !this.#stopping.has(brokerId)
  }

  #changePartitions(change: (image: PartitionImage, topic: TopicImage) => PartitionImage): TopicImage[] {
    const changed: TopicImage[] = []
    for (const topic of this.#state.topics()) {
      const partitions = topic.partitions.map((image) => asNextVersion(image, change(image, topic)))
      if (partitions.some((image, index) => image !== topic.partitions[index])) changed.push({ ...topic, partitions })
    }
    return changed
  }

  #rules(topic: TopicImage): ElectionRules {
    const { uncleanLeaderElection, minInsyncReplicas } = topicSettings(topic, {
      id: -1,
      view: this.#state,
      config: this.#config,
    })
    return {
      isAlive: (id) => this.#canServe(id),
      unclean: uncleanLeaderElection,
      minIsr: minInsyncReplicas,
      isElrOn: (this.#state.areas.features.get(ELR_FEATURE) ?? 0) > 0,
    }
  }

  #newPartition(partition: number, replicas: readonly number[]): PartitionImage {
    const isr = replicas.filter((id) => this.#state.isAlive(id))
    return { partition, replicas, isr, leader: isr[0] ?? -1, leaderEpoch: 0, partitionEpoch: 0 }
  }

  /** A random topic id. */
  newTopicId(): string {
    const bytes = Buffer.from(this.#runtime.secureRandom(16))
    // Kafka excludes ids that start with '-', which command lines would take for an option.
    bytes[0] = (bytes[0] as number) & 0x7f
    return bytes.toString('base64url')
  }

  #lost(brokerId: number): void {
    this.quorum.lost(brokerId, { atMs: this.#runtime.wallNow(), offset: this.#state.areas.metadataOffset })
  }

  #endSession(brokerId: number): void {
    const timer = this.#sessions.get(brokerId)
    if (timer !== undefined) this.#runtime.clearTimer(timer)
    this.#sessions.delete(brokerId)
  }

  /** Periodically returns leadership to in-sync preferred replicas. The timer runs only while one of them does not lead. */
  #watchPreferredLeaders(): void {
    if (this.#rebalance !== undefined || !this.#config.boolean('auto.leader.rebalance.enable')) return
    if (returnable(this.#state).length === 0) return
    const intervalMs = this.#config.number('leader.imbalance.check.interval.seconds') * 1000
    this.#rebalance = this.#runtime.setTimer(() => {
      this.#rebalance = undefined
      for (const [topic, partition] of returnable(this.#state)) this.electLeader(topic, partition, 'preferred')
      this.#watchPreferredLeaders()
    }, intervalMs)
  }
}

function withoutEligible(topic: TopicImage): TopicImage {
  return { ...topic, partitions: topic.partitions.map(({ elr: _, ...partition }) => partition) }
}
