import type { TopicLayout } from '../membership.ts'
import type { AssignedContext, SubscriptionContext } from './assignor.ts'

/** A member as it is in the response to JoinGroup. */
export interface RawMember {
  readonly memberId: string
  readonly instanceId: string | null
  /** The bytes of its `metadata`, which any client may have written. */
  readonly metadata: Uint8Array
}

export interface RawAssignContext {
  readonly groupId: string
  readonly generation: number
  /** This member, which leads the group. */
  readonly leaderId: string
  /** In the order of the coordinator. */
  readonly members: readonly RawMember[]
  /** What this member subscribes to. */
  readonly subscribedTopics: readonly string[]
  /** The existing ones of them. */
  readonly topics: ReadonlyMap<string, TopicLayout>
  /** Looks up other topics, those of other members. Topics that do not exist are left out. */
  readonly lookUp: (topics: readonly string[]) => Promise<ReadonlyMap<string, TopicLayout>>
  /** Aborts when the result no longer matters: after `rebalanceTimeoutMs`, with a loss of the membership, and on close. */
  readonly signal: AbortSignal
}

export interface RawAssignedContext extends AssignedContext {
  /** The bytes that the leader assigned. */
  readonly assignment: Uint8Array
}

/**
 * An assignor that writes and reads the bytes of the group protocol itself, for members whose metadata this client does not know. What
 * it assigns must be in Kafka's format (ConsumerProtocolAssignment, any version): each member decodes its partitions from it.
 */
export interface RawAssignor {
  readonly raw: true
  /** The name in the group protocol. */
  readonly name: string
  /** As in `Assignor`. */
  readonly protocol: 'eager' | 'cooperative'
  /** The metadata of this member. */
  metadata(context: SubscriptionContext): Uint8Array | Promise<Uint8Array>
  /** Called in the leader of the group; returns the bytes for each member, by member id. A member that is left out receives nothing. */
  assign(context: RawAssignContext): ReadonlyMap<string, Uint8Array> | Promise<ReadonlyMap<string, Uint8Array>>
  /** Called in each member, before the hooks, with what it receives. */
  onAssigned?(context: RawAssignedContext): void | Promise<void>
}
