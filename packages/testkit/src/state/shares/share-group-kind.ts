import type { CoordinatorRecord } from '../coordinators/coordinator-record.ts'
import type { GroupKind, ListedGroup } from '../coordinators/group-kind.ts'
import type { ShareGroups } from './share-group.ts'
import { applyShare, decodeShare, isShareRecord } from './share-group-records.ts'

/** The share groups of a shard. They commit no offsets: a share group's progress is kept by the share coordinator. */
export class ShareGroupKind implements GroupKind {
  readonly #shares: ShareGroups

  constructor(shares: ShareGroups) {
    this.#shares = shares
  }

  has(groupId: string): boolean {
    return this.#shares.groups.has(groupId)
  }

  replay(record: CoordinatorRecord): boolean {
    if (!isShareRecord(record)) return false
    applyShare(this.#shares, decodeShare(record))
    return true
  }

  /** Their session timeout is known to the share group service, which starts them (`startShareSessions`). */
  startSessions(): void {}

  /** A heartbeat computes the hash of the topics each time. */
  onTopicsChanged(): void {}

  list(): ListedGroup[] {
    return [...this.#shares.groups.values()].map(({ groupId, state }) => ({
      groupId,
      protocolType: 'share',
      groupState: state,
      groupType: 'share',
    }))
  }

  statuses(): [] {
    return []
  }

  unload(): void {
    this.#shares.unload()
  }
}
