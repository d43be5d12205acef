import { type ErrorName, errorCode } from '@ottla/codec'
import {
  copyProtocols,
  type HeartbeatBody,
  type JoinGroupBody,
  type JoinGroupResponse,
  joinError,
  type LeaveResult,
  type LeavingMember,
  type MemberClient,
  NO_BYTES,
  type SyncGroupBody,
  type SyncGroupResponse,
} from '../coordinators/classic-protocol.ts'
import { writeErrorForMember } from '../coordinators/coordinator-log.ts'
import { GroupError, orRefused } from '../coordinators/group-error.ts'
import { withoutEpochs } from '../coordinators/member-partitions.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import { reconcileMember, updateGroupEpoch, updateTarget } from './consumer-group-assign.ts'
import { fenceAfter, fenceMembers, keepMemberAlive, mayDowngradeWithout } from './consumer-group-fence.ts'
import { refuseFull, updateMember } from './consumer-group-heartbeat.ts'
import type { ConsumerMember } from './consumer-group-member.ts'
import { claimMember, newMemberId, refuseFenced } from './consumer-group-members.ts'
import type { SaidOwned } from './consumer-group-reconcile.ts'
import { updateRegexes } from './consumer-group-regex.ts'
import { type ConsumerGroupOperation, type ConsumerGroupShard, newOperation } from './consumer-group-shard.ts'
import { cancelMemberTimer, memberTimer } from './consumer-group-timers.ts'
import { readSubscription, type Subscription, writeAssignment } from './consumer-protocol.ts'

/** A JoinGroup of a classic member of a consumer group: it is answered at once, the coordinator assigns. */
export function joinConsumerGroup(
  shard: ConsumerGroupShard,
  group: ConsumerGroup,
  { body, client }: { readonly body: JoinGroupBody; readonly client: MemberClient },
  respond: (response: JoinGroupResponse) => void,
): void {
  const operation = newOperation(shard)
  const { groupId } = group
  const joined = orRefused<Joined | JoinGroupResponse>(
    () => {
      const memberId = body.memberId === '' ? newMemberId(shard.runtime) : body.memberId
      refuseJoin(shard, group, body, memberId)
      // KIP-394: a client that gives up and retries would leave a dead member behind with every attempt.
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

function refuseJoin(shard: ConsumerGroupShard, group: ConsumerGroup, body: JoinGroupBody, memberId: string): void {
  if (shard.consumerConfig(group.groupId).migrationPolicy === 'disabled') {
    throw new GroupError('INCONSISTENT_GROUP_PROTOCOL')
  }
  refuseFull(shard, group, memberId)
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
  /** It was the last of the consumer protocol that it replaces: the group is a classic one now. */
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
  const claim = { memberId, memberEpoch: -1, instanceId, said: [], isJoining, isClassic: true }
  const member = claimMember(group, claim, operation)
  const replaced = group.staticMember(instanceId)
  const isDowngrade = replaced !== undefined && replaced.classic === null && staysClassicWithout(shard, group, replaced)
  const subscription = readSubscription(body.protocols[0]?.metadata ?? NO_BYTES)
  if (subscription === undefined) throw new GroupError('UNKNOWN_SERVER_ERROR')
  const update = { member, updated: asSaid(member, join, subscription) }
  const hasNames = updateMember(group, update, operation)
  const hasSubscriptionChanged = updateRegexes(shard, group, update, operation) !== 'no change' || hasNames
  const epoch = updateGroupEpoch(shard, group, update, hasSubscriptionChanged, operation)
  const said = saidIn(shard, subscription)
  const reconcileTo = (target: Pick<ReturnType<typeof updateTarget>, 'targetEpoch' | 'target'>): ConsumerMember =>
    reconcileMember(shard, group, update.updated, { ...target, hasSubscriptionChanged, said }, operation)
  if (!isDowngrade) return { member: reconcileTo(updateTarget(shard, group, update, epoch, operation)), isDowngrade }
  const rebalances = group.assignmentEpoch < epoch.groupEpoch
  const last = { targetEpoch: group.assignmentEpoch, target: group.targetOf(update.updated) }
  const joining = rebalances ? update.updated : reconcileTo(last)
  shard.migration.downgrade(group, { leaving: [], joining, rebalances }, operation)
  return { member: joining, isDowngrade }
}

/** As if the member had left, but that it comes back as a classic one. */
function staysClassicWithout(shard: ConsumerGroupShard, group: ConsumerGroup, replaced: ConsumerMember): boolean {
  if (group.members.size === 1) return mayDowngradeAlone(shard, group)
  return group.members.size <= shard.config.maxSize && mayDowngradeWithout(shard, group, [replaced])
}

function mayDowngradeAlone(shard: ConsumerGroupShard, group: ConsumerGroup): boolean {
  const policy = shard.consumerConfig(group.groupId).migrationPolicy
  return policy === 'bidirectional' || policy === 'downgrade'
}

function asSaid(member: ConsumerMember, { body, client }: Join, subscription: Subscription): ConsumerMember {
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

function saidIn(shard: ConsumerGroupShard, { ownedPartitions }: Subscription): SaidOwned {
  return ownedPartitions.flatMap(({ topic, partitions }) => {
    const topicId = shard.topics.topic(topic)?.id
    return topicId === undefined ? [] : { topicId, partitions: [...partitions] }
  })
}

/** A SyncGroup of a classic member: what it owns now. */
export function syncWithConsumerGroup(
  shard: ConsumerGroupShard,
  group: ConsumerGroup,
  body: SyncGroupBody,
  respond: (response: SyncGroupResponse) => void,
): void {
  const { groupId } = group
  const member = orRefused<ConsumerMember | ErrorName>(
    () => {
      const found = classicMemberOf(group, body)
      const { protocolType, protocolName } = body
      const isOther =
        (protocolType !== null && protocolType !== 'consumer') ||
        (protocolName !== null && protocolName !== found.classic?.protocols[0]?.name)
      if (isOther) throw new GroupError('INCONSISTENT_GROUP_PROTOCOL')
      if (group.assignmentEpoch > found.memberEpoch && found.state !== 'UNREVOKED_PARTITIONS') {
        limitJoin(shard, groupId, found)
        throw new GroupError('REBALANCE_IN_PROGRESS')
      }
      return found
    },
    ({ error }) => error,
  )
  if (typeof member === 'string') {
    respond({ errorCode: errorCode(member), assignment: NO_BYTES })
    return
  }
  newOperation(shard).write((error) => {
    if (error !== undefined) {
      respond({ errorCode: errorCode(writeErrorForMember(error)), assignment: NO_BYTES })
      return
    }
    cancelMemberTimer(shard, 'sync', groupId, member.memberId)
    keepMemberAlive(shard, groupId, member)
    const metadata = member.classic?.protocols[0]?.metadata ?? NO_BYTES
    const assignment = writeAssignment(shard.topics, withoutEpochs(member.assigned), metadata)
    respond({ errorCode: 0, protocolType: body.protocolType, protocolName: body.protocolName, assignment })
  })
}

/** A Heartbeat of a classic member: REBALANCE_IN_PROGRESS when there is something to let go of or to get. */
export function heartbeatToConsumerGroup(
  shard: ConsumerGroupShard,
  group: ConsumerGroup,
  body: HeartbeatBody,
): ErrorName | undefined {
  return orRefused<ErrorName | undefined>(
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
  if (groupInstanceId !== null) refuseFenced(member, memberId, groupInstanceId)
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

/** What the target gives it is still with somebody else. */
function waitsForOthers(group: ConsumerGroup, member: ConsumerMember): boolean {
  for (const [topicId, partitions] of group.targets.get(member.memberId) ?? []) {
    for (const partition of partitions) {
      const isOwn = member.assigned.get(topicId)?.has(partition) ?? false
      if (!isOwn && group.ownerEpoch(topicId, partition) !== -1) return true
    }
  }
  return false
}

/** It was told to join again: it has its rebalance timeout for that, however often it is told. */
function limitJoin(shard: ConsumerGroupShard, groupId: string, { memberId, rebalanceTimeoutMs }: ConsumerMember): void {
  if (shard.timers.has(memberTimer('join', groupId, memberId))) return
  fenceAfter(shard, { kind: 'join', groupId, memberId }, rebalanceTimeoutMs)
}

/** Takes members of either protocol out, at their own wish or an administrator's. */
export function leaveConsumerGroup(
  shard: ConsumerGroupShard,
  group: ConsumerGroup,
  leaving: readonly LeavingMember[],
): LeaveResult[] {
  const found = new Map<string, ConsumerMember>()
  const results = leaving.map(({ memberId, groupInstanceId }) => {
    const error = orRefused<ErrorName | undefined>(
      () => {
        const member = memberOf(group, memberId, groupInstanceId)
        if (groupInstanceId !== null && memberId !== '') refuseFenced(member, memberId, groupInstanceId)
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
