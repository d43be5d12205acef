import { GroupOperation } from '../coordinators/group-operation.ts'
import type { GroupShard } from '../coordinators/group-shard.ts'
import { StreamsGroup } from './streams-group.ts'
import type { StreamsGroupConfig } from './streams-group-config.ts'
import type { StreamsGroupChange } from './streams-group-records.ts'

/** A shard with the groups that use the streams protocol. */
export interface StreamsGroupShard extends GroupShard {
  readonly streamsGroups: Map<string, StreamsGroup>
  readonly streamsConfig: (groupId: string) => StreamsGroupConfig
}

export type StreamsGroupOperation = GroupOperation<StreamsGroupChange>

export function newOperation(shard: StreamsGroupShard): StreamsGroupOperation {
  return new GroupOperation(shard.log, (change) => applyChange(shard, change))
}

/** Applies a change that has been appended to the log or read from it. */
export function applyChange(shard: StreamsGroupShard, change: StreamsGroupChange): void {
  const { groupId, record, deletesGroup, apply } = change
  if (deletesGroup) {
    shard.streamsGroups.delete(groupId)
    return
  }
  const known = shard.streamsGroups.get(groupId)
  if (known === undefined && record.value === null) return
  const group = known ?? new StreamsGroup(groupId)
  if (known === undefined) {
    shard.streamsGroups.set(groupId, group)
    shard.removeOffsetsOnlyGroup(groupId)
  }
  apply(group)
}
