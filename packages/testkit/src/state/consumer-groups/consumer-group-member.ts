import type { MemberProtocol } from '../coordinators/classic-protocol.ts'
import { noPartitions, type OwnedPartitions, sameOwned, sameSet } from '../coordinators/member-partitions.ts'

/** The classic-protocol data of a member that still uses it. */
export interface ClassicMetadata {
  readonly sessionTimeoutMs: number
  readonly protocols: readonly MemberProtocol[]
}

export type ConsumerMemberState = 'STABLE' | 'UNREVOKED_PARTITIONS' | 'UNRELEASED_PARTITIONS' | 'UNKNOWN'

/** A member of a consumer group (KIP-848). Immutable: a change creates a new object. */
export interface ConsumerMember {
  readonly memberId: string
  readonly memberEpoch: number
  readonly previousMemberEpoch: number
  readonly state: ConsumerMemberState
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly rebalanceTimeoutMs: number
  readonly clientId: string
  readonly clientHost: string
  readonly subscribedTopicNames: ReadonlySet<string>
  /** Null or empty when it subscribes only by name. */
  readonly subscribedTopicRegex: string | null
  readonly serverAssignor: string | null
  readonly assigned: OwnedPartitions
  /** Revoked from it, which it has not confirmed yet. */
  readonly pendingRevocation: OwnedPartitions
  readonly classic: ClassicMetadata | null
}

export function newConsumerMember(memberId: string): ConsumerMember {
  return {
    memberId,
    memberEpoch: 0,
    previousMemberEpoch: -1,
    state: 'STABLE',
    instanceId: null,
    rackId: null,
    rebalanceTimeoutMs: -1,
    clientId: '',
    clientHost: '',
    subscribedTopicNames: new Set(),
    subscribedTopicRegex: '',
    serverAssignor: null,
    assigned: noPartitions,
    pendingRevocation: noPartitions,
    classic: null,
  }
}

/** It owns all partitions of its target, in the target's epoch. */
export function isReconciledTo({ state, memberEpoch }: ConsumerMember, epoch: number): boolean {
  return state === 'STABLE' && memberEpoch === epoch
}

export function regexOf(member: ConsumerMember | undefined): string | undefined {
  return member?.subscribedTopicRegex || undefined
}

function sameClassic(a: ClassicMetadata | null, b: ClassicMetadata | null): boolean {
  if (a === null || b === null) return a === b
  return (
    a.sessionTimeoutMs === b.sessionTimeoutMs &&
    a.protocols.length === b.protocols.length &&
    a.protocols.every(({ name, metadata }, i) => {
      const other = b.protocols[i]
      return other?.name === name && Buffer.compare(metadata, other.metadata) === 0
    })
  )
}

/** Compares what the client reports about itself. */
export function sameMetadata(a: ConsumerMember, b: ConsumerMember): boolean {
  return (
    a.instanceId === b.instanceId &&
    a.rackId === b.rackId &&
    a.rebalanceTimeoutMs === b.rebalanceTimeoutMs &&
    a.clientId === b.clientId &&
    a.clientHost === b.clientHost &&
    sameSet(a.subscribedTopicNames, b.subscribedTopicNames) &&
    a.subscribedTopicRegex === b.subscribedTopicRegex &&
    a.serverAssignor === b.serverAssignor &&
    sameClassic(a.classic, b.classic)
  )
}

/** Compares epochs, state and assigned partitions. */
export function sameAssignment(a: ConsumerMember, b: ConsumerMember): boolean {
  return (
    a.memberEpoch === b.memberEpoch &&
    a.previousMemberEpoch === b.previousMemberEpoch &&
    a.state === b.state &&
    sameOwned(a.assigned, b.assigned) &&
    sameOwned(a.pendingRevocation, b.pendingRevocation)
  )
}
