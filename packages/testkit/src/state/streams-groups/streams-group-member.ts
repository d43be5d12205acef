import type { OwnedPartitions, Partitions } from '../coordinators/member-partitions.ts'

/** Tasks by subtopology; active ones with the member epoch in which they were assigned. */
export interface Tasks {
  readonly active: OwnedPartitions
  readonly standby: Partitions
}

/** The target of a member, computed by the assignor. */
export interface TargetTasks {
  readonly active: Partitions
  readonly standby: Partitions
}

export const noTasks: Tasks & TargetTasks = { active: new Map(), standby: new Map() }

export type StreamsMemberState = 'STABLE' | 'UNREVOKED_TASKS' | 'UNRELEASED_TASKS' | 'UNKNOWN'

export interface KeyValue {
  readonly key: string
  readonly value: string
}

export interface UserEndpoint {
  readonly host: string
  readonly port: number
}

/** A member of a streams group (KIP-1071). Immutable: a change creates a new object. */
export interface StreamsMember {
  readonly memberId: string
  readonly memberEpoch: number
  readonly previousMemberEpoch: number
  readonly state: StreamsMemberState
  readonly rackId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly rebalanceTimeoutMs: number
  readonly topologyEpoch: number
  /** Members of one process share their state, so a task runs at most once in it. */
  readonly processId: string
  readonly userEndpoint: UserEndpoint | null
  readonly clientTags: readonly KeyValue[]
  readonly tasks: Tasks
  /** Revoked from it, which it has not confirmed yet. */
  readonly pendingRevocation: Tasks
}

export function newStreamsMember(memberId: string): StreamsMember {
  return {
    memberId,
    memberEpoch: 0,
    previousMemberEpoch: 0,
    state: 'STABLE',
    rackId: null,
    clientId: '',
    clientHost: '',
    rebalanceTimeoutMs: -1,
    topologyEpoch: -1,
    processId: '',
    userEndpoint: null,
    clientTags: [],
    tasks: noTasks,
    pendingRevocation: noTasks,
  }
}

export const hasTasks = ({ active, standby }: Tasks): boolean => active.size > 0 || standby.size > 0
