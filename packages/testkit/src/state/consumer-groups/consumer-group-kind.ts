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
import type { ConsumerGroup } from './consumer-group.ts'
import { fenceAfter, limitRevocation } from './consumer-group-fence.ts'
import type { ConsumerMember } from './consumer-group-member.ts'
import { checkCommit, checkFetch } from './consumer-group-offsets.ts'
import { groupTombstones, readConsumerGroupChange } from './consumer-group-records.ts'
import { applyChange, type ConsumerGroupShard } from './consumer-group-shard.ts'

/** The groups of a shard that use the consumer protocol. */
export class ConsumerGroupKind implements GroupKind, OffsetGroupKind {
  readonly #shard: ConsumerGroupShard

  constructor(shard: ConsumerGroupShard) {
    this.#shard = shard
  }

  has(groupId: string): boolean {
    return this.#shard.consumerGroups.has(groupId)
  }

  find(groupId: string): ConsumerGroup | undefined {
    return this.#shard.consumerGroups.get(groupId)
  }

  groups(): Iterable<ConsumerGroup> {
    return this.#shard.consumerGroups.values()
  }

  replay(record: CoordinatorRecord): boolean {
    const change = readConsumerGroupChange(record)
    if (change === undefined) return false
    applyChange(this.#shard, change)
    return true
  }

  startSessions(): void {
    const shard = this.#shard
    for (const { groupId, members } of this.groups()) {
      for (const member of members.values()) {
        const timer = { kind: 'session', groupId, memberId: member.memberId } as const
        fenceAfter(shard, timer, shard.consumerConfig(groupId).sessionTimeoutMs)
        if (member.state === 'UNREVOKED_PARTITIONS') limitRevocation(shard, groupId, member)
      }
    }
  }

  /** Subscribed groups compute their metadata hash again with the next heartbeat. */
  onTopicsChanged(topics: readonly string[]): void {
    for (const group of this.groups()) {
      if (topics.some((topic) => group.isSubscribedTo(topic))) group.metadataDeadline = { ms: 0, epoch: 0 }
    }
  }

  list(): ListedGroup[] {
    return [...this.groups()].map(({ groupId, state }) => ({
      groupId,
      protocolType: 'consumer',
      groupState: state,
      groupType: 'consumer',
    }))
  }

  statuses(): MembershipStatus[] {
    return [...this.groups()].map((group) => ({
      groupId: group.groupId,
      state: group.state,
      generation: group.groupEpoch,
      protocol: group.preferredAssignor() ?? this.#shard.consumerConfig(group.groupId).assignors[0] ?? null,
      members: [...group.members.values()].map((member) => ({
        memberId: member.memberId,
        groupInstanceId: member.instanceId,
        clientId: member.clientId,
        isLeader: false,
        epoch: member.memberEpoch,
        partitions: this.#partitionsOf(member),
      })),
    }))
  }

  admitCommit(groupId: string, committer: Committer): PartitionCheck {
    const group = this.find(groupId)
    return group === undefined ? anyPartition : checkCommit(group, committer)
  }

  admitFetch(groupId: string, { memberId, memberEpoch }: OffsetReader): void {
    const group = this.find(groupId)
    if (group !== undefined) checkFetch(group, memberId, memberEpoch)
  }

  tombstones(groupId: string): CoordinatorRecord[] {
    const group = this.find(groupId)
    return group === undefined ? [] : groupTombstones(group).map(({ record }) => record)
  }

  remove(groupId: string): void {
    this.#shard.consumerGroups.delete(groupId)
  }

  unload(): void {
    this.#shard.consumerGroups.clear()
  }

  #partitionsOf({ assigned }: ConsumerMember) {
    return [...assigned]
      .flatMap(([topicId, partitions]) => {
        const topic = this.#shard.topics.topicById(topicId)?.name
        return topic === undefined ? [] : [...partitions.keys()].map((partition) => ({ topic, partition }))
      })
      .sort(byTopicAndPartition)
  }
}
