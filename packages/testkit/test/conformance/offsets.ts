import { type Encodable, OffsetCommit, OffsetFetch } from '@ottla/codec'
import type { AnyStage, GroupBed } from './groups.ts'

export const noId = 'AAAAAAAAAAAAAAAAAAAAAA'

export interface Commit {
  readonly offset?: bigint
  readonly partitions?: readonly number[]
  readonly metadata?: string | null
  readonly memberId?: string
  readonly epoch?: number
  readonly instanceId?: string
  readonly topic?: string
  readonly topicId?: string
  readonly group?: string
}

/** An OffsetCommit request of a version. */
export function commitBody(
  bed: Pick<GroupBed, 'group' | 'topic' | 'topicId'>,
  version: number,
  commit: Commit = {},
): Encodable<typeof OffsetCommit.request> {
  const { offset = 5n, partitions = [0], metadata = 'm', memberId = '', epoch = -1, instanceId } = commit
  return {
    groupId: commit.group ?? bed.group,
    generationIdOrMemberEpoch: epoch,
    memberId,
    groupInstanceId: version >= 7 ? (instanceId ?? null) : null,
    retentionTimeMs: -1n,
    topics: [
      {
        name: version >= 10 ? '' : (commit.topic ?? bed.topic),
        topicId: version >= 10 ? (commit.topicId ?? bed.topicId) : noId,
        partitions: partitions.map((partitionIndex) => ({
          partitionIndex,
          committedOffset: offset,
          committedLeaderEpoch: version >= 6 ? 3 : -1,
          committedMetadata: metadata,
        })),
      },
    ],
  }
}

export interface Wanted {
  readonly partitions?: readonly number[]
  readonly memberId?: string | null
  readonly epoch?: number
  readonly topic?: string
  readonly topicId?: string
  readonly group?: string
  readonly requireStable?: boolean
  /** All topics of the group. */
  readonly all?: boolean
}

/** An OffsetFetch request of a version. */
export function fetchBody(
  bed: Pick<GroupBed, 'group' | 'topic' | 'topicId'>,
  version: number,
  wanted: Wanted = {},
): Encodable<typeof OffsetFetch.request> {
  const { partitions: partitionIndexes = [0], memberId = null, epoch = -1, all = false } = wanted
  const groupId = wanted.group ?? bed.group
  const name = wanted.topic ?? bed.topic
  const requireStable = version >= 7 && (wanted.requireStable ?? false)
  if (version < 8) return { groupId, topics: all ? null : [{ name, partitionIndexes }], groups: [], requireStable }
  const topic =
    version >= 10
      ? { name: '', topicId: wanted.topicId ?? bed.topicId, partitionIndexes }
      : { name, topicId: noId, partitionIndexes }
  const member = version >= 9 ? { memberId, memberEpoch: epoch } : { memberId: null, memberEpoch: -1 }
  return { groupId: '', topics: [], groups: [{ groupId, ...member, topics: all ? null : [topic] }], requireStable }
}

/** Fetches the committed offsets of some partitions and records the response. */
export async function noteOffsets(stage: AnyStage, bed: GroupBed, label: string, partitions: readonly number[] = [0]) {
  await stage.note(label, OffsetFetch, 9, fetchBody(bed, 9, { partitions }), { on: bed.on })
}

/** Commits without recording the response. */
export async function commit(stage: AnyStage, bed: GroupBed, what: Commit = {}): Promise<void> {
  await stage.do(OffsetCommit, 9, commitBody(bed, 9, what), { on: bed.on })
}
