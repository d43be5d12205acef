import type { GroupShard } from '../coordinators/group-shard.ts'
import { ClassicGroup } from './classic-group.ts'

/** A shard with its classic groups. */
export interface ClassicGroupShard extends GroupShard {
  readonly classicGroups: Map<string, ClassicGroup>
}

export function createGroup(shard: ClassicGroupShard, groupId: string): ClassicGroup {
  const group = new ClassicGroup(groupId, shard.nowMs())
  shard.classicGroups.set(groupId, group)
  return group
}

/** Removes the group and its timers; no request may be held in it. */
export function removeGroup(shard: ClassicGroupShard, group: ClassicGroup): void {
  if (shard.classicGroups.get(group.groupId) === group) shard.classicGroups.delete(group.groupId)
  for (const memberId of [...group.members.keys(), ...group.pendingJoinMembers]) {
    shard.timers.cancel(sessionKey(group, memberId))
  }
  shard.timers.cancel(joinKey(group))
  shard.timers.cancel(syncKey(group))
}

// Group and member ids may contain any character: the length in front keeps the keys of two pairs distinct.
export const sessionKey = (group: ClassicGroup, memberId: string): string =>
  `session ${group.groupId.length} ${group.groupId} ${memberId}`
export const joinKey = (group: ClassicGroup): string => `join ${group.groupId}`
export const syncKey = (group: ClassicGroup): string => `sync ${group.groupId}`
