import { GroupError } from '../coordinators/group-error.ts'
import type { OwnedPartitions, Partitions } from '../coordinators/member-partitions.ts'
import { type ConsumerMember, type ConsumerMemberState, isReconciledTo } from './consumer-group-member.ts'

/** The partitions that a member reports as its own. */
export type ReportedPartitions = readonly { readonly topicId: string; readonly partitions: readonly number[] }[]

export interface ReconcileOptions {
  readonly targetEpoch: number
  readonly target: Partitions
  /** The existing topics that the member subscribes to. */
  readonly subscribedTopicIds: ReadonlySet<string>
  readonly hasSubscriptionChanged: boolean
  /** The epoch of a partition's owner; -1 when it is free. */
  readonly ownerEpoch: (topicId: string, partition: number) => number
  /** Null when the request reports no partitions: they are unchanged. */
  readonly reported: ReportedPartitions | null
}

/** The member's next step towards its target: it first revokes partitions, then receives those that others released. */
export function reconcile(member: ConsumerMember, options: ReconcileOptions): ConsumerMember {
  const { hasSubscriptionChanged, targetEpoch, reported } = options
  if (!hasSubscriptionChanged && isReconciledTo(member, targetEpoch)) return member
  switch (member.state) {
    case 'STABLE':
      if (member.memberEpoch !== targetEpoch) return next(member, member.memberEpoch, options)
      return hasSubscriptionChanged ? withoutUnsubscribed(member, options) : member
    case 'UNREVOKED_PARTITIONS':
      if (!owns(reported, member.pendingRevocation)) return next(member, member.memberEpoch, options)
      return hasSubscriptionChanged ? withoutUnsubscribed(member, options) : member
    case 'UNRELEASED_PARTITIONS':
      return next(member, member.memberEpoch, options)
    case 'UNKNOWN':
      if (reported?.length === 0) return next(member, targetEpoch, options)
      throw new GroupError(
        'FENCED_MEMBER_EPOCH',
        'The consumer group member is in a unknown state. The member must abandon all its partitions and rejoin.',
      )
  }
}

/** True when the member reports one of the partitions, or reports nothing. */
function owns(reported: ReportedPartitions | null, partitions: OwnedPartitions): boolean {
  if (reported === null) return true
  return reported.some((topic) => topic.partitions.some((partition) => partitions.get(topic.topicId)?.has(partition)))
}

function moved(
  member: ConsumerMember,
  memberEpoch: number,
  change: Partial<Pick<ConsumerMember, 'state' | 'assigned' | 'pendingRevocation'>>,
): ConsumerMember {
  return { ...member, previousMemberEpoch: member.memberEpoch, memberEpoch, ...change }
}

/** Revokes the partitions of topics that it no longer subscribes to, before there is a new target. */
function withoutUnsubscribed(member: ConsumerMember, options: ReconcileOptions): ConsumerMember {
  const { subscribedTopicIds, reported } = options
  const assigned = new Map(member.assigned)
  const pendingRevocation = new Map(member.pendingRevocation)
  for (const [topicId, partitions] of member.assigned) {
    if (subscribedTopicIds.has(topicId)) continue
    assigned.delete(topicId)
    pendingRevocation.set(topicId, new Map([...(pendingRevocation.get(topicId) ?? []), ...partitions]))
  }
  if (assigned.size === member.assigned.size) return member
  if (pendingRevocation.size > 0 && owns(reported, pendingRevocation)) {
    return moved(member, member.memberEpoch, { state: 'UNREVOKED_PARTITIONS', assigned, pendingRevocation })
  }
  return moved(member, member.memberEpoch, { assigned })
}

function next(member: ConsumerMember, memberEpoch: number, options: ReconcileOptions): ConsumerMember {
  const { target, targetEpoch, subscribedTopicIds, ownerEpoch, reported } = options
  const assigned = new Map<string, Map<number, number>>()
  const revoked = new Map<string, Map<number, number>>()
  let isWaiting = false
  const isFree = (topicId: string, partition: number): boolean =>
    ownerEpoch(topicId, partition) === -1 || (member.pendingRevocation.get(topicId)?.has(partition) ?? false)
  const added: [topicId: string, partition: number][] = []
  for (const topicId of new Set([...target.keys(), ...member.assigned.keys()])) {
    const wanted = subscribedTopicIds.has(topicId) ? (target.get(topicId) ?? new Set<number>()) : new Set<number>()
    const owned = member.assigned.get(topicId) ?? new Map<number, number>()
    const kept = new Map([...owned].filter(([partition]) => wanted.has(partition)))
    const lost = new Map([...owned].filter(([partition]) => !wanted.has(partition)))
    if (kept.size > 0) assigned.set(topicId, kept)
    if (lost.size > 0) revoked.set(topicId, lost)
    for (const partition of wanted) {
      if (kept.has(partition)) continue
      if (isFree(topicId, partition)) added.push([topicId, partition])
      else isWaiting = true
    }
  }
  if (revoked.size > 0 && owns(reported, revoked)) {
    return moved(member, memberEpoch, { state: 'UNREVOKED_PARTITIONS', assigned, pendingRevocation: revoked })
  }
  for (const [topicId, partition] of added) {
    const topic = assigned.get(topicId) ?? new Map<number, number>()
    assigned.set(topicId, topic.set(partition, targetEpoch))
  }
  const state: ConsumerMemberState = isWaiting ? 'UNRELEASED_PARTITIONS' : 'STABLE'
  return moved(member, targetEpoch, { state, assigned, pendingRevocation: new Map() })
}
