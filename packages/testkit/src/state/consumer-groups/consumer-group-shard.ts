import { GroupOperation } from '../coordinators/group-operation.ts'
import type { GroupShard } from '../coordinators/group-shard.ts'
import { ConsumerGroup } from './consumer-group.ts'
import type { ConsumerGroupConfig } from './consumer-group-config.ts'
import type { ConsumerMember } from './consumer-group-member.ts'
import type { ConsumerGroupChange } from './consumer-group-records.ts'

/** A shard with its groups of the consumer protocol. */
export interface ConsumerGroupShard extends GroupShard {
  readonly consumerGroups: Map<string, ConsumerGroup>
  /** The groups whose regular expressions are being resolved. */
  readonly resolvingGroups: Set<string>
  readonly consumerConfig: (groupId: string) => ConsumerGroupConfig
  readonly migration: ConsumerGroupMigration
}

export type ConsumerGroupOperation = GroupOperation<ConsumerGroupChange>

/** Online migration between the classic and the consumer protocol. It needs both kinds, so it is above them. */
export interface ConsumerGroupMigration {
  /**
   * Converts a classic group with members. Undefined when there is no such group; throws a GroupError when it may not
   * be converted.
   */
  upgrade(groupId: string, operation: ConsumerGroupOperation): ConsumerGroup | undefined
  /** Converts a consumer group all of whose remaining members use the classic protocol. */
  downgrade(group: ConsumerGroup, downgrade: Downgrade, operation: ConsumerGroupOperation): void
}

export interface Downgrade {
  readonly leaving: readonly ConsumerMember[]
  /** A static member that rejoins with the classic protocol and replaces the one with its instance id. */
  readonly joining?: ConsumerMember
  readonly rebalances: boolean
}

export function newOperation(shard: ConsumerGroupShard): ConsumerGroupOperation {
  return new GroupOperation(shard.log, (change) => applyChange(shard, change))
}

/** Applies a change that was written or read. */
export function applyChange(shard: ConsumerGroupShard, change: ConsumerGroupChange): void {
  const { groupId } = change
  if (change.endsGroup) {
    shard.consumerGroups.delete(groupId)
    return
  }
  const known = shard.consumerGroups.get(groupId)
  if (known === undefined && !change.makesGroup) return
  const group = known ?? new ConsumerGroup(groupId)
  if (known === undefined) {
    shard.consumerGroups.set(groupId, group)
    shard.removeOffsetsOnlyGroup(groupId)
  }
  change.apply(group)
}
