import { type ErrorName, errorCode } from '@ottla/codec'
import type { Runtime } from '@ottla/runtime'
import type { ConsumerGroup } from '../consumer-groups/consumer-group.ts'
import { type ConsumerGroupConfig, defaultConsumerGroupConfig } from '../consumer-groups/consumer-group-config.ts'
import type { GroupRecord } from '../coordinators/coordinator-record.ts'
import { ShareGroups } from '../shares/share-group.ts'
import type { StreamsGroup } from '../streams-groups/streams-group.ts'
import { defaultStreamsGroupConfig, type StreamsGroupConfig } from '../streams-groups/streams-group-config.ts'
import { ClassicGroup, joinError } from './group.ts'
import { NO_BYTES } from './group-member.ts'
import { KeyedTimers } from './group-timers.ts'
import { type GroupTopics, noTopics } from './group-topics.ts'
import { CommittedOffsets } from './offsets.ts'

/** Kafka's broker configurations of the same names, in camelCase. */
export interface GroupConfig {
  /** `group.initial.rebalance.delay.ms`: 3000 in Kafka; the testkit's default is 0, so that tests do not wait. */
  readonly initialRebalanceDelayMs: number
  readonly minSessionTimeoutMs: number
  readonly maxSessionTimeoutMs: number
  readonly maxSize: number
  /** How long a join of a member without an id may be held: Kafka's five minutes, not configurable there. */
  readonly newMemberJoinTimeoutMs: number
  readonly offsetMetadataMaxBytes: number
  readonly offsetsCommitTimeoutMs: number
  readonly offsetsRetentionMs: number
  readonly offsetsRetentionCheckIntervalMs: number
}

export const defaultGroupConfig: GroupConfig = Object.freeze({
  initialRebalanceDelayMs: 0,
  minSessionTimeoutMs: 6_000,
  maxSessionTimeoutMs: 1_800_000,
  maxSize: 2_147_483_647,
  newMemberJoinTimeoutMs: 300_000,
  offsetMetadataMaxBytes: 4_096,
  offsetsCommitTimeoutMs: 5_000,
  offsetsRetentionMs: 10_080 * 60_000,
  offsetsRetentionCheckIntervalMs: 600_000,
})

/** Where a shard writes: one partition of __consumer_offsets, with acks=all. */
export interface GroupLog {
  /**
   * Appends the records as one batch. `appended` runs at once when the log took them, `committed` when the in-sync
   * replicas have them, in the order of the log and even if that is after `done`. `done` runs once: with an error when
   * the log refused, when it took too long, or when the leadership went. Without records it waits for earlier writes.
   * With a producer they are part of its transaction.
   */
  write(records: readonly GroupRecord[], handlers: GroupWrite, producer?: TransactionalProducer): void
  /** Runs the `committed` of writes that have been replicated since. */
  catchUp(): void
}

/** Who writes offsets in a transaction. */
export interface TransactionalProducer {
  readonly producerId: bigint
  readonly producerEpoch: number
}

export interface GroupWrite {
  readonly appended?: () => void
  readonly committed?: () => void
  readonly done: (error: ErrorName | undefined) => void
}

export type GroupRuntime = Pick<Runtime, 'wallNow' | 'setTimer' | 'clearTimer' | 'secureRandom'>

export interface GroupShardOptions {
  readonly runtime: GroupRuntime
  readonly log: GroupLog
  readonly config: GroupConfig
  /** The topics that consumer groups read. */
  readonly topics?: GroupTopics
  /** What holds for a group of the consumer protocol. */
  readonly consumerConfig?: (groupId: string) => ConsumerGroupConfig
  readonly streamsConfig?: (groupId: string) => StreamsGroupConfig
}

/** The groups of one partition of __consumer_offsets, on the broker that leads it. */
export class GroupShard {
  /** Of the classic protocol. A group id is in one of these maps. */
  readonly groups = new Map<string, ClassicGroup>()
  readonly consumerGroups = new Map<string, ConsumerGroup>()
  readonly streamsGroups = new Map<string, StreamsGroup>()
  /** Their regular expressions are being resolved. */
  readonly resolvingGroups = new Set<string>()
  readonly offsets = new CommittedOffsets()
  readonly shares = new ShareGroups()
  readonly timers: KeyedTimers
  readonly runtime: GroupRuntime
  readonly log: GroupLog
  readonly config: GroupConfig
  readonly topics: GroupTopics
  readonly consumerConfig: (groupId: string) => ConsumerGroupConfig
  readonly streamsConfig: (groupId: string) => StreamsGroupConfig
  #isUnloaded = false

  constructor(options: GroupShardOptions) {
    this.runtime = options.runtime
    this.log = options.log
    this.config = options.config
    this.topics = options.topics ?? noTopics
    this.consumerConfig = options.consumerConfig ?? (() => defaultConsumerGroupConfig)
    this.streamsConfig = options.streamsConfig ?? (() => defaultStreamsGroupConfig)
    this.timers = new KeyedTimers(options.runtime)
  }

  /** Wall time as records carry it: a simulated clock may stand between two milliseconds. */
  nowMs(): number {
    return Math.floor(this.runtime.wallNow())
  }

  /** It is led elsewhere now: nothing may be scheduled any more. */
  get isUnloaded(): boolean {
    return this.#isUnloaded
  }

  /** An id as Kafka makes them: it may not look like an option. */
  newUuid(): string {
    for (;;) {
      const id = Buffer.from(this.runtime.secureRandom(16)).toString('base64url')
      if (!id.startsWith('-')) return id
    }
  }

  /** Of any protocol. */
  hasGroup(groupId: string): boolean {
    const isKnown = this.groups.has(groupId) || this.consumerGroups.has(groupId) || this.streamsGroups.has(groupId)
    return isKnown || this.shares.groups.has(groupId)
  }

  createGroup(groupId: string): ClassicGroup {
    const group = new ClassicGroup(groupId, this.nowMs())
    this.groups.set(groupId, group)
    return group
  }

  /** Forgets the group; what is held in it must have been answered. */
  removeGroup(group: ClassicGroup): void {
    if (this.groups.get(group.groupId) === group) this.groups.delete(group.groupId)
    for (const memberId of [...group.members.keys(), ...group.pendingJoinMembers]) {
      this.timers.cancel(sessionKey(group, memberId))
    }
    this.timers.cancel(joinKey(group))
    this.timers.cancel(syncKey(group))
  }

  /** The partition is led elsewhere now: everything held is answered NOT_COORDINATOR, and nothing is left behind. */
  unload(): void {
    this.#isUnloaded = true
    this.timers.cancelAll()
    for (const group of this.groups.values()) {
      group.transitionTo('Dead', this.nowMs())
      for (const member of group.members.values()) {
        group.completeJoin(member, joinError('NOT_COORDINATOR', member.memberId))
        group.completeSync(member, { errorCode: errorCode('NOT_COORDINATOR'), assignment: NO_BYTES })
      }
    }
    this.groups.clear()
    this.shares.unload()
    this.consumerGroups.clear()
    this.streamsGroups.clear()
  }
}

// Group and member ids may hold any character: a length in front keeps two different pairs apart.
export const sessionKey = (group: ClassicGroup, memberId: string): string =>
  `session ${group.groupId.length} ${group.groupId} ${memberId}`
export const joinKey = (group: ClassicGroup): string => `join ${group.groupId}`
export const syncKey = (group: ClassicGroup): string => `sync ${group.groupId}`

/** What a member is told when the log did not take its group's state. */
export function writeErrorForMember(error: ErrorName): ErrorName {
  switch (error) {
    case 'UNKNOWN_TOPIC_OR_PARTITION':
    case 'NOT_ENOUGH_REPLICAS':
    case 'NOT_ENOUGH_REPLICAS_AFTER_APPEND':
    case 'REQUEST_TIMED_OUT':
      return 'COORDINATOR_NOT_AVAILABLE'
    case 'NOT_LEADER_OR_FOLLOWER':
    case 'KAFKA_STORAGE_ERROR':
      return 'NOT_COORDINATOR'
    case 'MESSAGE_TOO_LARGE':
    case 'RECORD_LIST_TOO_LARGE':
    case 'INVALID_FETCH_SIZE':
      return 'UNKNOWN_SERVER_ERROR'
    default:
      return error
  }
}
