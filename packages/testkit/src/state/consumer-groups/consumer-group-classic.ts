import { type ErrorName, errorCode } from '@ottla/codec'
import {
  type ClassicHeartbeatBody,
  copyProtocols,
  type JoinGroupBody,
  type JoinGroupResponse,
  joinError,
  type LeaveResult,
  type LeavingMember,
  type MemberClient,
  NO_BYTES,
  type SyncGroupBody,
  type SyncGroupResponse,
  syncError,
} from '../coordinators/classic-protocol.ts'
import { writeErrorForMember } from '../coordinators/coordinator-log.ts'
import { catchGroupError, GroupError } from '../coordinators/group-error.ts'
import { withoutEpochs } from '../coordinators/member-partitions.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import { reconcileMember, updateGroupEpoch, updateTarget } from './consumer-group-assign.ts'
import { allowsDowngrade } from './consumer-group-config.ts'
import { fenceAfter, fenceMembers, keepMemberAlive, mayDowngradeWithout } from './consumer-group-fence.ts'
import { throwIfFull, updateMember } from './consumer-group-heartbeat.ts'
import type { ConsumerMember } from './consumer-group-member.ts'
import { claimMember, newMemberId, throwIfFenced } from './consumer-group-members.ts'
import type { ReportedPartitions } from './consumer-group-reconcile.ts'
import { updateRegexes } from './consumer-group-regex.ts'
import {
  type ConsumerGroupOperation,
  type ConsumerGroupShard,
  cancelMemberTimer,
  memberTimer,
  newOperation,
} from './consumer-group-shard.ts'
import { readSubscription, type Subscription, writeAssignment } from './consumer-protocol.ts'

/** Handles the JoinGroup of a classic member. Responds without waiting for others, since the coordinator assigns. */
export function joinConsumerGroup(
  shard: ConsumerGroupShard,
  group: ConsumerGroup,
  { body, client }: { readonly body: JoinGroupBody; readonly client: MemberClient },
  respond: (response: JoinGroupResponse) => void,
): void {
  const operation = newOperation(shard)
  const { groupId } = group
  const joined = catchGroupError<Joined | JoinGroupResponse>(
    () => {
      const memberId = body.memberId === '' ? newMemberId(shard.runtime) : body.memberId
      throwIfJoinInvalid(shard, group, body, memberId)
      // KIP-394: otherwise each attempt of a client that times out and retries would add another member.
      const needsId = client.apiVersion >= 4 && body.memberId === '' && body.groupInstanceId === null
      return needsId
        ? joinError('MEMBER_ID_REQUIRED', memberId)
        : joinAs(shard, group, { body, client, memberId }, operation)
    },
    ({ error }) => joinError(error, ''),
  )
  if (!('member' in joined)) {
    respond(joined)
    return
  }
  const { member, isDowngrade } = joined
  const { memberId } = member
  operation.write((error) => {
    if (error !== undefined) {
      respond(joinError(writeErrorForMember(error), ''))
      return
    }
    cancelMemberTimer(shard, 'join', groupId, memberId)
    if (!isDowngrade && shard.consumerGroups.get(groupId)?.members.has(memberId)) {
      keepMemberAlive(shard, groupId, member)
      fenceAfter(shard, { kind: 'sync', groupId, memberId }, body.rebalanceTimeoutMs)
    }
    respond({
      errorCode: 0,
      generationId: member.memberEpoch,
      protocolType: 'consumer',
      protocolName: member.classic?.protocols[0]?.name ?? null,
      leader: '',
      skipAssignment: false,
      memberId,
      members: [],
    })
  })
}

function throwIfJoinInvalid(
  shard: ConsumerGroupShard,
  group: ConsumerGroup,
  body: JoinGroupBody,
  memberId: string,
): void {
  if (shard.consumerConfig(group.groupId).migrationPolicy === 'disabled') {
    throw new GroupError('INCONSISTENT_GROUP_PROTOCOL')
  }
  throwIfFull(shard, group, memberId)
  const classic = [...group.members.values()].flatMap((member) => member.classic ?? [])
  const isSupported = body.protocols.some(({ name }) =>
    classic.every(({ protocols }) => protocols.some((protocol) => protocol.name === name)),
  )
  if (body.protocolType !== 'consumer' || !isSupported) throw new GroupError('INCONSISTENT_GROUP_PROTOCOL')
}

interface Join {
  readonly body: JoinGroupBody
  readonly client: MemberClient
  readonly memberId: string
}

interface Joined {
  readonly member: ConsumerMember
  /** It replaces the last member of the consumer protocol, so the group is downgraded. */
  readonly isDowngrade: boolean
}

function joinAs(
  shard: ConsumerGroupShard,
  group: ConsumerGroup,
  join: Join,
  operation: ConsumerGroupOperation,
): Joined {
  const { body, memberId } = join
  const instanceId = body.groupInstanceId
  const isJoining = instanceId === null || body.memberId === ''
  const claim = { memberId, memberEpoch: -1, instanceId, reported: [], isJoining, isClassic: true }
  const member = claimMember(group, claim, operation)
  const replaced = group.staticMember(instanceId)
  const isDowngrade = replaced !== undefined && replaced.classic === null && allowsDowngradeBy(shard, group, replaced)
  const subscription = readSubscription(body.protocols[0]?.metadata ?? NO_BYTES)
  if (subscription === undefined) throw new GroupError('UNKNOWN_SERVER_ERROR')
  const update = { member, updated: withRequest(member, join, subscription) }
  const hasNames = updateMember(group, update, operation)
  const hasSubscriptionChanged = updateRegexes(shard, group, update, operation) !== 'no change' || hasNames
  const epoch = updateGroupEpoch(shard, group, update, hasSubscriptionChanged, operation)
  const reported = reportedIn(shard, subscription)
  const reconcileTo = (target: Pick<ReturnType<typeof updateTarget>, 'targetEpoch' | 'target'>): ConsumerMember =>
    reconcileMember(shard, group, update.updated, { ...target, hasSubscriptionChanged, reported }, operation)
  if (!isDowngrade) return { member: reconcileTo(updateTarget(shard, group, update, epoch, operation)), isDowngrade }
  const rebalances = group.assignmentEpoch < epoch.groupEpoch
  const last = { targetEpoch: group.assignmentEpoch, target: group.targetOf(update.updated) }
  const joining = rebalances ? update.updated : reconcileTo(last)
  shard.migration.downgrade(group, { leaving: [], joining, rebalances }, operation)
  return { member: joining, isDowngrade }
}

/** True when only classic members remain once the static member is replaced by a classic one. */
function allowsDowngradeBy(shard: ConsumerGroupShard, group: ConsumerGroup, replaced: ConsumerMember): boolean {
  if (group.members.size === 1) return allowsDowngrade(shard.consumerConfig(group.groupId).migrationPolicy)
  return group.members.size <= shard.config.maxSize && mayDowngradeWithout(shard, group, [replaced])
}

function withRequest(member: ConsumerMember, { body, client }: Join, subscription: Subscription): ConsumerMember {
  return {
    ...member,
    instanceId: body.groupInstanceId ?? member.instanceId,
    rackId: subscription.rackId || member.rackId,
    rebalanceTimeoutMs: body.rebalanceTimeoutMs === -1 ? member.rebalanceTimeoutMs : body.rebalanceTimeoutMs,
    subscribedTopicNames: new Set(subscription.topics),
    subscribedTopicRegex: '',
    clientId: client.clientId,
    clientHost: client.clientHost,
    classic: { sessionTimeoutMs: body.sessionTimeoutMs, protocols: copyProtocols(body) },
  }
}

function reportedIn(shard: ConsumerGroupShard, { ownedPartitions }: Subscription): ReportedPartitions {
  return ownedPartitions.flatMap(({ topic, partitions }) => {
    const topicId = shard.topics.topic(topic)?.id
    return topicId === undefined ? [] : { topicId, partitions: [...partitions] }
  })
}

/** Handles the SyncGroup of a classic member: responds with its current assignment. */
export function syncWithConsumerGroup(
  shard: ConsumerGroupShard,
  group: ConsumerGroup,
  body: SyncGroupBody,
  respond: (response: SyncGroupResponse) => void,
): void {
  const { groupId } = group
  const member = catchGroupError<ConsumerMember | ErrorName>(
    () => {
      const found = classicMemberOf(group, body)
      const { protocolType, protocolName } = body
      const isInconsistent =
        (protocolType !== null && protocolType !== 'consumer') ||
        (protocolName !== null && protocolName !== found.classic?.protocols[0]?.name)
      if (isInconsistent) throw new GroupError('INCONSISTENT_GROUP_PROTOCOL')
      if (group.assignmentEpoch > found.memberEpoch && found.state !== 'UNREVOKED_PARTITIONS') {
        limitJoin(shard, groupId, found)
        throw new GroupError('REBALANCE_IN_PROGRESS')
      }
      return found
    },
    ({ error }) => error,
  )
  if (typeof member === 'string') {
    respond(syncError(member))
    return
  }
  newOperation(shard).write((error) => {
    if (error !== undefined) {
      respond(syncError(writeErrorForMember(error)))
      return
    }
    cancelMemberTimer(shard, 'sync', groupId, member.memberId)
    keepMemberAlive(shard, groupId, member)
    const metadata = member.classic?.protocols[0]?.metadata ?? NO_BYTES
    const assignment = writeAssignment(shard.topics, withoutEpochs(member.assigned), metadata)
    respond({ errorCode: 0, protocolType: body.protocolType, protocolName: body.protocolName, assignment })
  })
}

/** Handles the Heartbeat of a classic member: REBALANCE_IN_PROGRESS when it has partitions to revoke or to receive. */
export function heartbeatToConsumerGroup(
  shard: ConsumerGroupShard,
  group: ConsumerGroup,
  body: ClassicHeartbeatBody,
): ErrorName | undefined {
  return catchGroupError<ErrorName | undefined>(
    () => {
      const member = classicMemberOf(group, body)
      keepMemberAlive(shard, group.groupId, member)
      const isUpToDate =
        member.memberEpoch >= group.assignmentEpoch &&
        member.state !== 'UNREVOKED_PARTITIONS' &&
        (member.state !== 'UNRELEASED_PARTITIONS' || waitsForOthers(group, member))
      if (isUpToDate) return undefined
      limitJoin(shard, group.groupId, member)
      return 'REBALANCE_IN_PROGRESS'
    },
    ({ error }) => error,
  )
}

interface ClassicRequest {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly generationId: number
}

function classicMemberOf(group: ConsumerGroup, request: ClassicRequest): ConsumerMember {
  const { memberId, groupInstanceId, generationId } = request
  const member = memberOf(group, memberId, groupInstanceId)
  if (groupInstanceId !== null) throwIfFenced(member, memberId, groupInstanceId)
  if (member.classic === null) throw new GroupError('UNKNOWN_MEMBER_ID')
  if (member.memberEpoch !== generationId) throw new GroupError('ILLEGAL_GENERATION')
  return member
}

function memberOf(group: ConsumerGroup, memberId: string, instanceId: string | null): ConsumerMember {
  if (instanceId === null) return group.member(memberId)
  const member = group.staticMember(instanceId)
  if (member === undefined) throw new GroupError('UNKNOWN_MEMBER_ID')
  return member
}

/** True while another member owns a partition of its target. */
function waitsForOthers(group: ConsumerGroup, member: ConsumerMember): boolean {
  for (const [topicId, partitions] of group.targets.get(member.memberId) ?? []) {
    for (const partition of partitions) {
      const isOwn = member.assigned.get(topicId)?.has(partition) ?? false
      if (!isOwn && group.ownerEpoch(topicId, partition) !== -1) return true
    }
  }
  return false
}

/** Fences the member unless it rejoins within its rebalance timeout, counted from the first request to rejoin. */
function limitJoin(shard: ConsumerGroupShard, groupId: string, { memberId, rebalanceTimeoutMs }: ConsumerMember): void {
  if (shard.timers.has(memberTimer('join', groupId, memberId))) return
  fenceAfter(shard, { kind: 'join', groupId, memberId }, rebalanceTimeoutMs)
}

/** Handles a LeaveGroup for members of either protocol. */
export function leaveConsumerGroup(
  shard: ConsumerGroupShard,
  group: ConsumerGroup,
  leaving: readonly LeavingMember[],
): LeaveResult[] {
  const found = new Map<string, ConsumerMember>()
  const results = leaving.map(({ memberId, groupInstanceId }) => {
    const error = catchGroupError<ErrorName | undefined>(
      () => {
        const member = memberOf(group, memberId, groupInstanceId)
        if (groupInstanceId !== null && memberId !== '') throwIfFenced(member, memberId, groupInstanceId)
        found.set(member.memberId, member)
        return undefined
      },
      ({ error: name }) => name,
    )
    return { memberId, groupInstanceId, errorCode: error ? errorCode(error) : 0 }
  })
  const operation = newOperation(shard)
  fenceMembers(shard, group, [...found.values()], operation)
  operation.write(() => {})
  return results
}
