import type { CoordinatorConnection } from '../cluster/coordinator-connection.ts'
import type { TopicPartition } from '../cluster/topology.ts'
import type { ErrorCode, KafkaError } from '../errors.ts'

export type { TopicPartition } from '../cluster/topology.ts'

/** The member that a commit comes from. A consumer with assigned partitions is no member: its generation is -1, its id empty. */
export interface GroupIdentity {
  readonly groupId: string
  readonly memberId: string
  /** The generation of the classic protocol; the member epoch of the one of KIP-848. */
  readonly generation: number
  readonly instanceId: string | null
}

/** Whether a member is the same, in the same generation. */
export function sameMember(a: GroupIdentity, b: GroupIdentity): boolean {
  return a.memberId === b.memberId && a.generation === b.generation
}

/** A topic in the cached metadata; without partitions when the brokers report that it does not exist. */
export interface KnownTopic {
  readonly topicId: string
  readonly partitionCount: number
}

/** The connections of a member to its coordinator, which reads nothing else on a connection whose join it holds. */
export interface MemberConnections {
  /** Joins, and heartbeats between them. */
  readonly coordinator: CoordinatorConnection
  /** Heartbeats during joins that keep partitions. */
  readonly heartbeat: CoordinatorConnection
  /** The commits of the consumer, which owns it, and the last request of the member: it follows the commits in flight. */
  readonly offsets: CoordinatorConnection
}

export type MembershipState = 'unjoined' | 'joining' | 'stable' | 'left' | 'failed'

/**
 * A consumer as a member of its group, whatever the group protocol: `classic.ts` implements the one of join and sync, `next-gen.ts`
 * that of KIP-848.
 */
export interface Membership {
  readonly state: MembershipState
  readonly identity: GroupIdentity
  /** Whether the generation is a member epoch (KIP-848), which the coordinator also checks when it looks up commits. */
  readonly hasEpochs: boolean
  /** The member that assigns the partitions, as of the last join; undefined before it, and where the brokers assign (KIP-848). */
  readonly leaderId: string | undefined
  /** Starts to join; the listener is called from now on. */
  start(): void
  /** Joins again for a new assignment (classic), or reports all of its state to the coordinator (KIP-848). Calls made meanwhile share it. */
  rejoin(reason: string): void
  /** To call when topics or partitions may have changed: joins again if that concerns this member. */
  metadataChanged(): void
  /** The coordinator rejected this member's identity (heartbeat, commit): the partitions are lost, then it joins again. */
  fenced(code: ErrorCode, generation: number): void
  /** The response to another request of this generation says that the group is rebalancing. */
  rebalanceSeen(generation: number): void
  /**
   * Whether the session is still valid by the clock; if not, `lost` has been called. Costs one reading of the clock: to call before
   * each delivery, because the event loop may have been blocked.
   */
  checkSession(): boolean
  /** Leaves the group (a static member stays in it unless `always`) and stops every timer. Never rejects. */
  leave(options: { readonly timeoutMs: number; readonly reason: string; readonly always?: boolean }): Promise<void>
}

/**
 * What a membership calls in the consumer. The awaited calls get a signal and must end when it aborts: after a loss, when the
 * member leaves, and at their limit. A call that ignores its signal is abandoned after `revokeGraceMs`.
 *
 * `onAssigned`, `onRevoked`, `onLost` and `beforeJoin` are hooks: never two at a time, each bounded by the rebalance timeout. After
 * a loss no hook follows for the lost partitions but `onLost`.
 */
export interface MembershipListener {
  /** The topics that the subscription matches now. A permanent error is fatal, a transient one only before the first join. */
  subscribedTopics(signal: AbortSignal): Promise<readonly string[]>
  /**
   * How many partitions each topic has; unknown topics are left out. The leader needs it for the topics
   * of all members.
   */
  partitionCounts(topics: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, number>>
  /** The topic and the subscription from the cached metadata, to detect changes. */
  knownTopic(topic: string): KnownTopic | undefined
  knownSubscription(): readonly string[]
  /** Give these partitions up: stop delivery, finish what is being processed, commit. */
  onRevoked(partitions: readonly TopicPartition[], signal: AbortSignal): Promise<void>
  onAssigned(partitions: readonly TopicPartition[], signal: AbortSignal): Promise<void>
  /**
   * Another member may have them already: stop delivery and abort handlers, commit nothing. Called immediately and synchronously,
   * also while a hook runs, whose signal aborts first.
   */
  lost(partitions: readonly TopicPartition[]): void
  /** Follows `lost` when the running hook has ended. Awaited before the next join and by `leave`. */
  onLost(partitions: readonly TopicPartition[], signal: AbortSignal): Promise<void>
  /** Commits processed messages before a join that keeps its partitions. */
  beforeJoin(signal: AbortSignal): Promise<void>
  /**
   * Resolves when each partition has a position, or a known reason why it has none. `onRebalanced` follows. The wait ends early,
   * and the signal aborts, when the member has to join again, with a loss, and after the rebalance timeout.
   */
  positioned(partitions: readonly TopicPartition[], signal: AbortSignal): Promise<void>
  onRebalanced(info: RebalanceInfo): void
  /** The member has another epoch while it keeps its partitions (KIP-848). */
  onEpoch(): void
  /** The membership failed for good. Called immediately, after `lost`; only `onLost` may follow. */
  onFatal(error: KafkaError): void
}

export interface RebalanceInfo {
  readonly groupId: string
  readonly memberId: string
  readonly generation: number
  readonly protocol: string
  readonly isLeader: boolean
  readonly assigned: readonly TopicPartition[]
  /** Compared with the previous assignment: partitions that an eager member gives up to join and receives again are in neither list. */
  readonly added: readonly TopicPartition[]
  readonly revoked: readonly TopicPartition[]
  readonly durationMs: number
}

/** A set of partitions. Two levels instead of composed keys, because a topic name may contain any separator. */
export class PartitionSet {
  readonly #byTopic = new Map<string, Set<number>>()

  constructor(partitions: readonly TopicPartition[] = []) {
    for (const partition of partitions) this.add(partition)
  }

  add({ topic, partition }: TopicPartition): void {
    const set = this.#byTopic.get(topic)
    if (set === undefined) this.#byTopic.set(topic, new Set([partition]))
    else set.add(partition)
  }

  has({ topic, partition }: TopicPartition): boolean {
    return this.#byTopic.get(topic)?.has(partition) === true
  }
}

/** Whether two lists hold the same names, in any order. */
export function sameNames(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false
  const names = new Set(a)
  return b.every((name) => names.has(name))
}

/** The partitions that are not among the others. */
export function without(partitions: readonly TopicPartition[], others: readonly TopicPartition[]): TopicPartition[] {
  const known = new PartitionSet(others)
  return partitions.filter((partition) => !known.has(partition))
}
