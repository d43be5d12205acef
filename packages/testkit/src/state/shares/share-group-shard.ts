import type { GroupShard } from '../coordinators/group-shard.ts'
import type { ShareGroups } from './share-group.ts'

/** A shard with its share groups. */
export interface ShareGroupShard extends Pick<GroupShard, 'log' | 'timers' | 'hasGroup'> {
  readonly shares: ShareGroups
}
