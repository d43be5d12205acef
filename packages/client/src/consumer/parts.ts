import type { Runtime } from '@ottla/runtime'
import type { ConnectionPurpose } from '../cluster/broker.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { OwnConnections } from '../cluster/own-connections.ts'
import type { KafkaError } from '../errors.ts'
import type { GroupIdentity, MemberConnections } from '../group/membership.ts'
import type { Assignment } from './assignment.ts'
import type { BadRecords } from './decoding/bad-records.ts'
import type { ConsumerEvents } from './events.ts'
import type { DeadLetterWriter } from './failures/dead-letter-writer.ts'
import type { FailureSender } from './failures/failure-sender.ts'
import type { UnreadableBatches } from './failures/unreadable.ts'
import type { Prefetch } from './fetching/prefetch.ts'
import type { Source } from './fetching/source.ts'
import type { GroupMember } from './group-member.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { ManualAssignment } from './manual-assignment.ts'
import type { MissingTopics } from './missing-topics.ts'
import type { CommitHealth } from './offsets/commit-health.ts'
import type { Committer } from './offsets/committer.ts'
import type { OffsetRequests } from './offsets/offset-requests.ts'
import type { Positions } from './offsets/positions.ts'
import type { ProgressFlush } from './offsets/progress-flush.ts'
import type { ReadEnds } from './offsets/read-ends.ts'
import type { ResolvedConsumerOptions } from './options.ts'
import type { AssignedPartition } from './partition/assigned-partition.ts'
import type { HandOut } from './reading/hand-out.ts'
import type { Marks } from './reading/marks.ts'
import type { Poll } from './reading/poll.ts'
import type { Watchdog } from './reading/watchdog.ts'
import type { Subscription } from './subscription.ts'
import type { Turns } from './turns.ts'
import type { Ungrouped } from './ungrouped.ts'

/** The connections of one consumer. */
export interface ConsumerConnections {
  readonly own: OwnConnections
  readonly fetch: ConnectionPurpose
  /** For partitions that become ready while a long poll without them is in flight. */
  readonly late: ConnectionPurpose
  /** A consumer that is no member uses the one for offsets alone. */
  readonly member: MemberConnections
}

/** The parts of one consumer, as `assemble.ts` connects them. A part that is created later must not be read in a constructor. */
export interface ConsumerParts {
  readonly cluster: Cluster
  readonly runtime: Runtime
  readonly turns: Turns
  readonly options: ResolvedConsumerOptions
  readonly connections: ConsumerConnections
  readonly events: ConsumerEvents
  readonly lifecycle: Lifecycle
  readonly subscription: Subscription
  readonly missing: MissingTopics
  readonly prefetch: Prefetch
  readonly handOut: HandOut
  readonly badRecords: BadRecords
  readonly marks: Marks
  readonly poll: Poll
  readonly assignment: Assignment
  readonly source: Source
  readonly lookups: OffsetRequests
  readonly positions: Positions
  /** Undefined: reading never ends by itself. */
  readonly ends: ReadEnds | undefined
  /** For commits that the application makes. */
  readonly committer: Committer
  /** Stores the progress: the committer, unless transactions do it. */
  readonly flush: ProgressFlush
  readonly commitHealth: CommitHealth
  readonly manual: ManualAssignment
  /** Undefined for a consumer that is no member of a group: with assigned partitions it only commits to it. */
  readonly member: GroupMember | undefined
  /** Starts a consumer without a member. */
  readonly ungrouped: Ungrouped
  readonly watchdog: Watchdog
  /** For retry topics and dead letters. */
  readonly failureSender: FailureSender
  readonly unreadable: UnreadableBatches
  /** For records that never reach a handler; undefined without the option `deadLetter`. */
  readonly deadLetters: DeadLetterWriter | undefined
  /** The member's, or an anonymous one for manually assigned partitions. */
  readonly identity: GroupIdentity
  /** Time for running handlers; when closing, half of the time is left for the commit. */
  readonly graceMs: number
  start(): void
  /** The partition may be fetched and delivered again. */
  ready(partition: AssignedPartition): void
  /** A fatal error: the reader and every later call reject with it, and other members get the partitions. */
  fail(error: KafkaError): void
  /** An item is in hand for too long: the same, because the application makes no progress. */
  evict(error: KafkaError): void
  /** The member leaves because nothing reads; the next reader joins again. */
  leaveUnread(elapsedMs: number): void
}
