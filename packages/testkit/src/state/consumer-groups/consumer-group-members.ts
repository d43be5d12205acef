import { GroupError } from '../coordinators/group-error.ts'
import type { GroupRuntime } from '../coordinators/group-shard.ts'
import { noPartitions, type OwnedPartitions, STATIC_LEAVING_EPOCH } from '../coordinators/member-partitions.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import type { ConsumerMember } from './consumer-group-member.ts'
import type { SaidOwned } from './consumer-group-reconcile.ts'
import { currentChange, memberChange, memberGone, targetChange } from './consumer-group-records.ts'
import type { ConsumerGroupOperation } from './consumer-group-shard.ts'

/** Who sends a heartbeat, and what it says about itself. */
export interface Claim {
  readonly memberId: string
  readonly memberEpoch: number
  readonly instanceId: string | null
  readonly said: SaidOwned | null
  /** It is not a member yet, or not any more. */
  readonly isJoining: boolean
  readonly isClassic: boolean
}

/** The member that a request is from: the one that is there, a new one, or one that takes a static member's place. */
export function claimMember(group: ConsumerGroup, claim: Claim, operation: ConsumerGroupOperation): ConsumerMember {
  return claim.instanceId === null ? claimDynamic(group, claim) : claimStatic(group, claim, claim.instanceId, operation)
}

function claimDynamic(group: ConsumerGroup, claim: Claim): ConsumerMember {
  const member = claim.isJoining ? group.memberOrNew(claim.memberId) : group.member(claim.memberId)
  if (!claim.isClassic) refuseEpoch(member, claim)
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
    refuseFenced(holder, memberId, instanceId)
    if (!isClassic) refuseEpoch(holder, claim)
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
    ...memberGone(group.groupId, holder.memberId),
    memberChange(group.groupId, member),
    targetChange(group.groupId, memberId, group.targets.get(holder.memberId) ?? noPartitions),
    currentChange(group.groupId, member),
  )
  return member
}

export function refuseFenced(holder: ConsumerMember, memberId: string, instanceId: string): void {
  if (holder.memberId === memberId) return
  throw new GroupError(
    'FENCED_INSTANCE_ID',
    `Static member ${memberId} with instance id ${instanceId} was fenced by member ${holder.memberId}.`,
  )
}

/** An answer may have been lost: the epoch before is good as long as the member owns nothing but what it still has. */
function refuseEpoch(member: ConsumerMember, { memberEpoch, said }: Claim): void {
  const known = member.memberEpoch
  if (memberEpoch === 0 || memberEpoch === known) return
  const isRetry = memberEpoch === member.previousMemberEpoch && isWithin(said, member.assigned)
  if (memberEpoch < known && isRetry) return
  throw new GroupError(
    'FENCED_MEMBER_EPOCH',
    `The consumer group member has a ${memberEpoch > known ? 'greater' : 'smaller'} member epoch (${memberEpoch}) than ` +
      `the one known by the group coordinator (${known}). The member must abandon all its partitions and rejoin.`,
  )
}

function isWithin(said: SaidOwned | null, assigned: OwnedPartitions): boolean {
  if (said === null) return false
  return said.every(({ topicId, partitions }) => {
    const owned = assigned.get(topicId)
    return owned !== undefined && partitions.every((partition) => owned.has(partition))
  })
}

/** An id as Kafka generates it: base64url, never with a leading hyphen, which a command line would read as an option. */
export function newMemberId(runtime: Pick<GroupRuntime, 'secureRandom'>): string {
  for (;;) {
    const id = Buffer.from(runtime.secureRandom(16)).toString('base64url')
    if (!id.startsWith('-')) return id
  }
}
