import { GroupError } from '../coordinators/group-error.ts'
import type { CommittedOffset } from '../offsets/committed-offsets.ts'
import type { OffsetGroup } from '../offsets/offset-shard.ts'
import { type KeyValue, noTasks, type StreamsMember, type TargetTasks } from './streams-group-member.ts'
import type { ConfiguredTopology, StreamsTopology, Subtopology } from './streams-group-topology.ts'

export type StreamsGroupState = 'Empty' | 'NotReady' | 'Assigning' | 'Reconciling' | 'Stable'
/**
 * The state of a group that uses the streams protocol (KIP-1071), as in its records. Only in memory: the configured
 * topology, the metadata deadline, the endpoint epoch and the member that requested a shutdown.
 */
export class StreamsGroup implements OffsetGroup {
  readonly groupId: string
  readonly canDeleteOffsets = true
  readonly keepsOffsetsInTransactions = false
  readonly members = new Map<string, StreamsMember>()
  readonly targets = new Map<string, TargetTasks>()
  groupEpoch = 1
  assignmentEpoch = 1
  /** 0 before the first assignment. */
  assignmentTimestampMs = 0
  metadataHash = 0n
  validatedTopologyEpoch = 0
  topology: StreamsTopology | undefined
  /** The assignor's configuration in the last group epoch. */
  assignmentConfigs: readonly KeyValue[] = []
  configured: ConfiguredTopology | undefined
  metadataDeadline = { ms: 0, epoch: 0 }
  shutdownRequestedBy: string | undefined
  endpointEpoch = 0

  constructor(groupId: string) {
    this.groupId = groupId
  }

  get isEmpty(): boolean {
    return this.members.size === 0
  }

  get isUnused(): boolean {
    return this.isEmpty
  }

  offsetExpiryMs({ commitTimestampMs, expireTimestampMs }: CommittedOffset, retentionMs: number): number {
    return expireTimestampMs ?? commitTimestampMs + retentionMs
  }

  get state(): StreamsGroupState {
    if (this.isEmpty) return 'Empty'
    if (this.topology?.epoch !== this.validatedTopologyEpoch) return 'NotReady'
    if (this.groupEpoch > this.assignmentEpoch) return 'Assigning'
    for (const { state, memberEpoch } of this.members.values()) {
      if (state !== 'STABLE' || memberEpoch !== this.assignmentEpoch) return 'Reconciling'
    }
    return 'Stable'
  }

  /** Throws UNKNOWN_MEMBER_ID when there is no such member. */
  member(memberId: string): StreamsMember {
    const member = this.members.get(memberId)
    if (member !== undefined) return member
    throw new GroupError('UNKNOWN_MEMBER_ID', `Member ${memberId} is not a member of group ${this.groupId}.`)
  }

  targetOf(memberId: string): TargetTasks {
    return this.targets.get(memberId) ?? noTasks
  }

  remove(memberId: string): void {
    this.members.delete(memberId)
    if (this.isEmpty) this.shutdownRequestedBy = undefined
  }

  /** The process that has the task as an active one or has not revoked it yet. */
  activeProcess(subtopologyId: string, partition: number): string | undefined {
    for (const { tasks, pendingRevocation, processId } of this.members.values()) {
      const has = [tasks, pendingRevocation].some(({ active }) => active.get(subtopologyId)?.has(partition))
      if (has) return processId
    }
    return undefined
  }

  hasStandby(processId: string, subtopologyId: string, partition: number): boolean {
    return [...this.members.values()].some(
      (member) =>
        member.processId === processId &&
        [member.tasks, member.pendingRevocation].some(({ standby }) => standby.get(subtopologyId)?.has(partition)),
    )
  }

  isSubscribedTo(topic: string): boolean {
    return !this.isEmpty && this.subtopologyOf(topic) !== undefined
  }

  /** The subtopology that reads the topic. */
  subtopologyOf(topic: string): Subtopology | undefined {
    return this.topology?.subtopologies.find(
      ({ sourceTopics, repartitionSourceTopics }) =>
        sourceTopics.includes(topic) || repartitionSourceTopics.some(({ name }) => name === topic),
    )
  }
}
