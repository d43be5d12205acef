import type { CoordinatorRecord } from '../coordinators/coordinator-record.ts'
import {
  byTopicAndPartition,
  type GroupKind,
  type ListedGroup,
  type MembershipStatus,
} from '../coordinators/group-kind.ts'
import {
  anyPartition,
  type Committer,
  type OffsetGroupKind,
  type OffsetReader,
  type PartitionCheck,
} from '../offsets/offset-shard.ts'
import type { StreamsGroup } from './streams-group.ts'
import { keepStreamsMemberAlive, limitTaskRevocation } from './streams-group-fence.ts'
import type { StreamsMember } from './streams-group-member.ts'
import { checkStreamsCommit, checkStreamsFetch } from './streams-group-offsets.ts'
import { readStreamsGroupChange, streamsGroupTombstones } from './streams-group-records.ts'
import { applyChange, type StreamsGroupShard } from './streams-group-shard.ts'
import { requiredTopics } from './streams-group-topology.ts'

/** The groups of a shard that use the streams protocol. */
export class StreamsGroupKind implements GroupKind, OffsetGroupKind {
  readonly #shard: StreamsGroupShard

  constructor(shard: StreamsGroupShard) {
    this.#shard = shard
  }

  has(groupId: string): boolean {
    return this.#shard.streamsGroups.has(groupId)
  }

  find(groupId: string): StreamsGroup | undefined {
    return this.#shard.streamsGroups.get(groupId)
  }

  groups(): Iterable<StreamsGroup> {
    return this.#shard.streamsGroups.values()
  }

  replay(record: CoordinatorRecord): boolean {
    const change = readStreamsGroupChange(record)
    if (change === undefined) return false
    applyChange(this.#shard, change)
    return true
  }

  startSessions(): void {
    for (const { groupId, members } of this.groups()) {
      for (const member of members.values()) {
        keepStreamsMemberAlive(this.#shard, groupId, member.memberId)
        if (member.state === 'UNREVOKED_TASKS') limitTaskRevocation(this.#shard, groupId, member)
      }
    }
  }

  /** Groups whose topology requires one of the topics configure it again with the next heartbeat. */
  onTopicsChanged(topics: readonly string[]): void {
    for (const group of this.groups()) {
      const required = group.topology === undefined ? new Set<string>() : requiredTopics(group.topology)
      if (topics.some((topic) => required.has(topic))) group.metadataDeadline = { ms: 0, epoch: 0 }
    }
  }

  list(): ListedGroup[] {
    return [...this.groups()].map(({ groupId, state }) => ({
      groupId,
      protocolType: 'streams',
      groupState: state,
      groupType: 'streams',
    }))
  }

  statuses(): MembershipStatus[] {
    return [...this.groups()].map((group) => ({
      groupId: group.groupId,
      state: group.state,
      generation: group.groupEpoch,
      protocol: 'sticky',
      members: [...group.members.values()].map((member) => ({
        memberId: member.memberId,
        groupInstanceId: null,
        clientId: member.clientId,
        isLeader: false,
        epoch: member.memberEpoch,
        partitions: this.#partitionsOf(group, member).sort(byTopicAndPartition),
      })),
    }))
  }

  admitCommit(groupId: string, committer: Committer): PartitionCheck {
    const group = this.find(groupId)
    if (group === undefined) return anyPartition
    return checkStreamsCommit(group, committer, (topicId) => this.#shard.topics.topicById(topicId)?.name)
  }

  admitFetch(groupId: string, { memberId, memberEpoch }: OffsetReader): void {
    const group = this.find(groupId)
    if (group !== undefined) checkStreamsFetch(group, memberId, memberEpoch)
  }

  tombstones(groupId: string): CoordinatorRecord[] {
    const group = this.find(groupId)
    return group === undefined ? [] : streamsGroupTombstones(group).map(({ record }) => record)
  }

  remove(groupId: string): void {
    this.#shard.streamsGroups.delete(groupId)
  }

  unload(): void {
    this.#shard.streamsGroups.clear()
  }

  /** The partitions that the member's active tasks read. */
  #partitionsOf({ topology }: StreamsGroup, { tasks }: StreamsMember) {
    return [...tasks.active].flatMap(([id, partitions]) => {
      const subtopology = topology?.subtopologies.find(({ subtopologyId }) => subtopologyId === id)
      const repartition = subtopology?.repartitionSourceTopics.map(({ name }) => name) ?? []
      return [...(subtopology?.sourceTopics ?? []), ...repartition].flatMap((topic) => {
        const count = this.#shard.topics.topic(topic)?.partitions.length ?? 0
        return [...partitions.keys()].filter((each) => each < count).map((partition) => ({ topic, partition }))
      })
    })
  }
}
