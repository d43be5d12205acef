import { GroupError } from '../coordinators/group-error.ts'
import type { GroupRuntime } from '../coordinators/group-shard.ts'
import { noPartitions, type OwnedPartitions, STATIC_LEAVING_EPOCH } from '../coordinators/member-partitions.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import type { ConsumerMember } from './consumer-group-member.ts'
import type { ReportedPartitions } from './consumer-group-reconcile.ts'
import { currentChange, memberChange, memberTombstones, targetChange } from './consumer-group-records.ts'
import type { ConsumerGroupOperation } from './consumer-group-shard.ts'

/** The identity in a request and the partitions that it reports. */
export interface Claim {
  readonly memberId: string
  readonly memberEpoch: number
  readonly instanceId: string | null
  readonly reported: ReportedPartitions | null
  /** The client is not in the group: it joins or rejoins. */
  readonly isJoining: boolean
  readonly isClassic: boolean
}

/** The member that sends the request: an existing one, a new one, or the replacement of a static one. */
export function claimMember(group: ConsumerGroup, claim: Claim, operation: ConsumerGroupOperation): ConsumerMember {
  return claim.instanceId === null ? claimDynamic(group, claim) : claimStatic(group, claim, claim.instanceId, operation)
}

function claimDynamic(group: ConsumerGroup, claim: Claim): ConsumerMember {
  const member = claim.isJoining ? group.memberOrNew(claim.memberId) : group.member(claim.memberId)
  if (!claim.isClassic) throwIfEpochInvalid(member, claim)
  return member
}

function claimStatic(
  group: ConsumerGroup,
  claim: Claim,
  instanceId: string,
  operation: ConsumerGroupOperation,
): ConsumerMember {
  const { memberId, isJoining, isClassic } = claim
  const holder = group.staticMember(instanceId)
  if (!isJoining) {
    if (holder === undefined) throw new GroupError('UNKNOWN_MEMBER_ID', `Instance id ${instanceId} is unknown.`)
    throwIfFenced(holder, memberId, instanceId)
    if (!isClassic) throwIfEpochInvalid(holder, claim)
    return holder
  }
  if (holder === undefined) return group.memberOrNew(memberId)
  if (!isClassic && holder.classic === null && holder.memberEpoch !== STATIC_LEAVING_EPOCH) {
    throw new GroupError(
      'UNRELEASED_INSTANCE_ID',
      `Static member ${memberId} with instance id ${instanceId} cannot join the group because the instance id is ` +
        `owned by ${holder.memberId} member.`,
    )
  }
  const member: ConsumerMember = { ...holder, memberId, memberEpoch: 0, previousMemberEpoch: 0 }
  operation.add(
    ...memberTombstones(group.groupId, holder.memberId),
    memberChange(group.groupId, member),
    targetChange(group.groupId, memberId, group.targets.get(holder.memberId) ?? noPartitions),
    currentChange(group.groupId, member),
  )
  return member
}

export function throwIfFenced(holder: ConsumerMember, memberId: string, instanceId: string): void {
  if (holder.memberId === memberId) return
  throw new GroupError(
    'FENCED_INSTANCE_ID',
    `Static member ${memberId} with instance id ${instanceId} was fenced by member ${holder.memberId}.`,
  )
}

/** Accepts the previous epoch too, since a response may have been lost, if the member reports only partitions it owns. */
function throwIfEpochInvalid(member: ConsumerMember, { memberEpoch, reported }: Claim): void {
  const known = member.memberEpoch
  if (memberEpoch === 0 || memberEpoch === known) return
  const isRetry = memberEpoch === member.previousMemberEpoch && isWithin(reported, member.assigned)
  if (memberEpoch < known && isRetry) return
  throw new GroupError(
    'FENCED_MEMBER_EPOCH',
    `The consumer group member has a ${memberEpoch > known ? 'greater' : 'smaller'} member epoch (${memberEpoch}) than ` +
      `the one known by the group coordinator (${known}). The member must abandon all its partitions and rejoin.`,
  )
}

function isWithin(reported: ReportedPartitions | null, assigned: OwnedPartitions): boolean {
  if (reported === null) return false
  return reported.every(({ topicId, partitions }) => {
    const owned = assigned.get(topicId)
    return owned !== undefined && partitions.every((partition) => owned.has(partition))
  })
}

/** A random member id in Kafka's format: base64url without a leading hyphen. */
export function newMemberId(runtime: Pick<GroupRuntime, 'secureRandom'>): string {
  for (;;) {
    const id = Buffer.from(runtime.secureRandom(16)).toString('base64url')
    if (!id.startsWith('-')) return id
  }
}
