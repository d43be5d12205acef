import type { Runtime, Timer } from '@ottla/runtime'
import type { BrokerConfig } from '../configs/broker-config.ts'
import { currentBrokerConfig, type TopicSettings, topicSettings } from '../configs/topic-config.ts'
import type { MetadataDelta, MetadataView, PartitionImage, TopicImage } from '../metadata-view.ts'
import { CleaningSchedule } from './cleaning-schedule.ts'
import { type FollowerFetched, nextFetch } from './following.ts'
import type { IsrAuthority } from './isr-authority.ts'
import type { IsrChange } from './leader-state.ts'
import { LogDirs } from './log-dirs.ts'
import { StorageError } from './log-files.ts'
import type { LogStorage } from './log-storage.ts'
import { LogUpkeep } from './log-upkeep.ts'
import { Replica } from './replica.ts'
import type { ReplicaHost } from './replica-host.ts'
import type { ReplicaLog } from './replica-log.ts'

export interface ReplicaSetOptions {
  readonly brokerId: number
  readonly runtime: Runtime
  readonly config: BrokerConfig
  readonly controller: IsrAuthority
  /** Undefined: logs are in memory only. */
  readonly storage: LogStorage | undefined
  /** This broker's view of the cluster's metadata. */
  readonly view: MetadataView
  /** The replicas of another broker; undefined while it is down, hangs or is unreachable. */
  readonly peer: (brokerId: number) => ReplicaSet | undefined
  /** Whether responses from the node arrive here. */
  readonly hears: (nodeId: number | 'controller') => boolean
  /** Whether this broker's requests arrive at the controller. */
  readonly reachesController: () => boolean
  readonly onLeadershipGained: (replica: Replica) => void
  readonly onLeadershipLost: (replica: Replica) => void
}

interface HostedTopic {
  image: TopicImage
  settings: TopicSettings
  readonly replicas: (Replica | undefined)[]
  /** The controller's decisions applied since the broker started. */
  seen: (PartitionImage | undefined)[]
}

/**
 * All replicas of one broker: assigns their roles and copies records from leaders to followers. There is no polling: an append,
 * a new high watermark or a new role wakes the affected followers, and each fetch runs in its own turn of the event loop.
 */
export class ReplicaSet implements ReplicaHost<Replica> {
  readonly brokerId: number
  readonly runtime: Runtime
  readonly lagTimeMaxMs: number
  readonly producerExpirationMs: number
  readonly logDirs: LogDirs
  readonly storage: LogStorage | undefined
  readonly #options: ReplicaSetOptions
  readonly #fetchMaxBytes: number
  readonly #topics = new Map<string, HostedTopic>()
  readonly #cleaning: CleaningSchedule
  readonly #upkeep: LogUpkeep
  #behind = new Set<Replica>()
  #isScheduled = false
  #isRunning = false
  #isPaused = false
  #isDiskFull = false
  #pending: { readonly replica: Replica; readonly change: IsrChange }[] = []
  #isrTimer: Timer | undefined

  constructor(options: ReplicaSetOptions) {
    this.#options = options
    this.brokerId = options.brokerId
    this.runtime = options.runtime
    this.storage = options.storage
    this.lagTimeMaxMs = options.config.number('replica.lag.time.max.ms')
    this.producerExpirationMs = options.config.number('producer.id.expiration.ms')
    this.logDirs = new LogDirs(options.config.text('log.dirs'))
    this.#fetchMaxBytes = options.config.number('replica.fetch.max.bytes')
    const { config, view, brokerId: id, runtime } = options
    this.#cleaning = new CleaningSchedule({
      runtime,
      isEnabled: config.boolean('log.cleaner.enable'),
      backoffMs: () => Number(currentBrokerConfig('log.cleaner.backoff.ms', { id, view, config })),
      replicas: () => this.replicas(),
    })
    this.#upkeep = new LogUpkeep({ brokerId: id, runtime, config, view, replicas: () => this.replicas() })
  }

  /** While it is full, producers receive KAFKA_STORAGE_ERROR and followers do not advance. */
  get isDiskFull(): boolean {
    return this.#isDiskFull
  }

  set isDiskFull(isFull: boolean) {
    this.#isDiskFull = isFull
    if (!isFull) this.wakeAll()
  }

  /** The logs with the topics they belong to. */
  *logs(): Generator<{ readonly topic: TopicImage; readonly partition: number; readonly log: ReplicaLog }> {
    for (const { image, replicas } of this.#topics.values()) {
      for (const replica of replicas) {
        if (replica !== undefined) yield { topic: image, partition: replica.partition, log: replica.log }
      }
    }
  }

  replica(topic: string, partition: number): Replica | undefined {
    return this.#topics.get(topic)?.replicas[partition]
  }

  *replicas(): Generator<Replica> {
    for (const { replicas } of this.#topics.values()) {
      for (const replica of replicas) if (replica !== undefined) yield replica
    }
  }

  // ---- life ----------------------------------------------------------------------------------------------------------

  /** The broker starts with its existing logs; the metadata assigns the roles. */
  start(): void {
    this.#isRunning = true
    this.#isPaused = false
    for (const hosted of this.#topics.values()) hosted.seen = []
    for (const replica of this.replicas()) replica.forgetRole()
    this.#upkeep.start()
    this.#cleaning.start()
  }

  /** The disk was replaced: every log restarts empty. */
  wipe(): void {
    this.#topics.clear()
    this.logDirs.clear()
    this.storage?.wipe()
  }

  /** Replaces all logs by copies of these; the metadata assigns their roles. */
  load(logs: Iterable<{ readonly topic: TopicImage; readonly partition: number; readonly log: ReplicaLog }>): void {
    this.wipe()
    for (const { topic, partition, log } of logs) {
      const hosted = this.#hosted(topic)
      const replica = new Replica(this, { topic: topic.name, topicId: topic.id, partition }, hosted.settings)
      this.logDirs.place(replica)
      replica.log.copyFrom(log)
      hosted.replicas[partition] = replica
      this.#cleaning.watch(replica)
      this.logDirs.place(replica)
    }
  }

  /** The broker died: replication stops, and waiting requests get no response. */
  halt(): void {
    this.#isRunning = false
    this.#behind.clear()
    this.#pending = []
    this.#cleaning.halt()
    this.#upkeep.halt()
    if (this.#isrTimer !== undefined) this.runtime.clearTimer(this.#isrTimer)
    this.#isrTimer = undefined
    for (const replica of this.replicas()) replica.stepDown()
  }

  get isFetchingPaused(): boolean {
    return this.#isPaused
  }

  /** This broker's followers stop fetching: they lag, and leave the ISR after replica.lag.time.max.ms. */
  pauseFetching(): void {
    this.#isPaused = true
  }

  resumeFetching(): void {
    this.#isPaused = false
    this.wakeAll()
  }

  /** This broker's followers fetch again, for example after a partition between brokers healed. */
  wakeAll(): void {
    for (const replica of this.replicas()) if (!replica.isLeader) this.#wake(replica)
  }

  // ---- upkeep --------------------------------------------------------------------------------------------------------

  /** Deletes old segments now; the broker also does this every log.retention.check.interval.ms. */
  applyRetention(): void {
    this.#upkeep.applyRetention()
  }

  /** Compacts every log whose topic is compacted. */
  compact(): Promise<void> {
    return this.#cleaning.compactAll()
  }

  // ---- roles ---------------------------------------------------------------------------------------------------------

  /** Deletes the logs of topics that were deleted while the broker was down. */
  dropUnknown(view: MetadataView): void {
    for (const { image } of [...this.#topics.values()]) {
      if (view.topic(image.name)?.id !== image.id) this.#drop(image)
    }
  }

  /** Applies the roles of a controller decision, which the view contains already. */
  apply(delta: MetadataDelta): void {
    for (const topic of delta.deletedTopics ?? []) this.#drop(topic)
    if (delta.brokerConfigs !== undefined) {
      for (const hosted of this.#topics.values()) this.#configure(hosted)
    }
    for (const topic of delta.topics ?? []) this.#applyTopic(topic)
    this.#cleaning.review()
    // The live brokers decide which replicas may join an ISR.
    if (delta.brokers !== undefined) for (const replica of this.replicas()) replica.reviewIsr()
  }

  #applyTopic(image: TopicImage): void {
    const hosted = this.#hosted(image)
    const before = hosted.image
    hosted.image = image
    if (before.configs !== image.configs) this.#configure(hosted)
    for (const partition of image.partitions) {
      if (hosted.seen[partition.partition] === partition) continue
      hosted.seen[partition.partition] = partition
      if (partition.replicas.includes(this.brokerId)) this.#assume(hosted, partition)
      else this.#leave(hosted, partition.partition)
    }
  }

  #hosted(image: TopicImage): HostedTopic {
    const known = this.#topics.get(image.name)
    if (known?.image.id === image.id) return known
    if (known !== undefined) this.#drop(known.image)
    const hosted: HostedTopic = { image, settings: this.#settingsOf(image), replicas: [], seen: [] }
    this.#topics.set(image.name, hosted)
    return hosted
  }

  #assume({ image, settings, replicas }: HostedTopic, partition: PartitionImage): void {
    const at = { topic: image.name, topicId: image.id, partition: partition.partition }
    let replica = replicas[partition.partition]
    if (replica === undefined) {
      replica = new Replica(this, at, settings)
      replicas[partition.partition] = replica
      this.#cleaning.watch(replica)
      this.logDirs.place(replica)
    }
    const change = replica.become(partition)
    if (change === 'gained') this.#options.onLeadershipGained(replica)
    if (change === 'lost') this.#options.onLeadershipLost(replica)
    if (!replica.isLeader) this.#wake(replica)
  }

  /** The partition moved to other brokers: deletes its log here. */
  #leave({ replicas }: HostedTopic, partition: number): void {
    const replica = replicas[partition]
    if (replica === undefined) return
    replicas[partition] = undefined
    this.#behind.delete(replica)
    this.logDirs.remove(replica)
    const led = replica.isLeader
    replica.stepDown()
    this.storage?.remove(replica)
    if (led) this.#options.onLeadershipLost(replica)
  }

  #drop(image: TopicImage): void {
    const hosted = this.#topics.get(image.name)
    if (hosted === undefined || hosted.image.id !== image.id) return
    this.#topics.delete(image.name)
    for (const replica of hosted.replicas) {
      if (replica === undefined) continue
      this.#behind.delete(replica)
      this.logDirs.remove(replica)
      const led = replica.isLeader
      replica.delete()
      if (led) this.#options.onLeadershipLost(replica)
    }
  }

  #configure(hosted: HostedTopic): void {
    hosted.settings = this.#settingsOf(hosted.image)
    for (const replica of hosted.replicas) replica?.configure(hosted.settings)
    this.#cleaning.rulesChanged()
  }

  #settingsOf(image: TopicImage): TopicSettings {
    const { view, config } = this.#options
    return topicSettings(image, { id: this.brokerId, view, config })
  }

  // ---- for the replicas ---------------------------------------------------------------------------------------------

  isAlive(brokerId: number): boolean {
    return this.#options.view.isAlive(brokerId)
  }

  wakeFollowers(leader: Replica): void {
    for (const { id } of leader.leadership?.followers ?? []) this.#options.peer(id)?.wake(leader)
  }

  /** This broker's follower of the partition has something to fetch. */
  wake(leader: Replica): void {
    const own = this.replica(leader.topic, leader.partition)
    if (own !== undefined && own.topicId === leader.topicId) this.#wake(own)
  }

  proposeIsr(replica: Replica, change: IsrChange): void {
    const { leaderEpoch, topicId, partition } = replica
    const { isr, partitionEpoch } = change
    this.runtime.defer(() => {
      if (!this.#isRunning) return
      const request = { brokerId: this.brokerId, topicId, partition, leaderEpoch, partitionEpoch, isr }
      const { controller, reachesController, hears } = this.#options
      const isSent = reachesController()
      const response = isSent ? controller.alterIsr(request) : undefined
      // Without a response the outcome is unknown: the change stays pending and is sent again.
      if (response === undefined || !hears('controller')) return void this.#pending.push({ replica, change })
      // After a refusal the controller's newer metadata is on the way; applying it triggers the next proposal.
      if (response.error !== undefined) replica.refuseIsr(change)
      else if (replica.leaderEpoch === leaderEpoch) replica.acceptIsr(response.image.isr, response.image.partitionEpoch)
    })
  }

  /** The controller is reachable again, and its metadata was applied. */
  retryProposals(): void {
    const open = this.#pending
    this.#pending = []
    for (const { replica, change } of open) {
      if (replica.leadership?.pending === change) this.proposeIsr(replica, change)
    }
  }

  watchIsr(): void {
    if (this.#isrTimer !== undefined || !this.#isRunning) return
    this.#isrTimer = this.runtime.setTimer(() => {
      this.#isrTimer = undefined
      let isAnybodyBehind = false
      for (const replica of this.replicas()) isAnybodyBehind = replica.shrinkIsr() || isAnybodyBehind
      if (isAnybodyBehind) this.watchIsr()
    }, this.lagTimeMaxMs / 2)
  }

  // ---- fetching from leaders -----------------------------------------------------------------------------------------

  #wake(replica: Replica): void {
    if (!this.#isRunning || replica.isLeader) return
    this.#behind.add(replica)
    if (this.#isScheduled || this.#isPaused || this.#isDiskFull) return
    this.#isScheduled = true
    this.runtime.defer(() => this.#step())
  }

  /** A follower whose disk write fails does not advance, and leaves the ISR after replica.lag.time.max.ms. */
  #followed(replica: Replica, fetched: FollowerFetched): boolean {
    try {
      return replica.follow(fetched)
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      return false
    }
  }

  /** Sends one fetch to the leader for each partition that is behind. */
  #step(): void {
    this.#isScheduled = false
    if (!this.#isRunning || this.#isPaused || this.#isDiskFull) return
    const behind = this.#behind
    this.#behind = new Set()
    for (const replica of behind) {
      const leader = this.#options.peer(replica.leaderId)?.replica(replica.topic, replica.partition)
      // No leader, or a broker that has not applied its leadership yet: the leader's next update wakes this follower.
      if (leader === undefined || leader.topicId !== replica.topicId || replica.isLeader) continue
      const fetched = leader.fetchForFollower(nextFetch(replica, this.brokerId, this.#fetchMaxBytes))
      // The response is lost, but the leader processed the request.
      if (!this.#options.hears(replica.leaderId)) continue
      if (this.#followed(replica, fetched)) this.#wake(replica)
    }
  }
}
