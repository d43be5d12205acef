import { GroupError } from '../coordinators/group-error.ts'
import type { CommittedOffset } from '../offsets/committed-offsets.ts'
import type { OffsetGroup } from '../offsets/offset-shard.ts'
import { type KeyValue, noTasks, type StreamsMember, type TargetTasks } from './streams-group-member.ts'
import type { ConfiguredTopology, StreamsTopology, Subtopology } from './streams-group-topology.ts'

export type StreamsGroupState = 'Empty' | 'NotReady' | 'Assigning' | 'Reconciling' | 'Stable'
/**
 * A group of the streams protocol (KIP-1071): what its records in the log say; besides, only in memory, its topology as it
 * fits the topics that are there, and who asked for a shutdown.
 */
export class StreamsGroup implements OffsetGroup {
  readonly groupId: string
  readonly members = new Map<string, StreamsMember>()
  readonly targets = new Map<string, TargetTasks>()
  groupEpoch = 1
  assignmentEpoch = 1
  /** 0 when there was no assignment yet. */
  assignmentTimestampMs = 0
  metadataHash = 0n
  validatedTopologyEpoch = 0
  topology: StreamsTopology | undefined
  /** What the assignor was configured with for the last epoch. */
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

  readonly canDeleteOffsets = true
  readonly keepsOffsetsInTransactions = false

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

  /** Throws UNKNOWN_MEMBER_ID when it is none. */
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

  /** The process that has the task as an active one, or has not let go of it. */
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

  /** The one that reads the topic. */
  subtopologyOf(topic: string): Subtopology | undefined {
    return this.topology?.subtopologies.find(
      ({ sourceTopics, repartitionSourceTopics }) =>
        sourceTopics.includes(topic) || repartitionSourceTopics.some(({ name }) => name === topic),
    )
  }
}
