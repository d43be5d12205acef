import type { MetadataView } from '../metadata-view.ts'
import { assignSimply } from './share-assignor.ts'
import {
  type Assignment,
  combined,
  isSameAssignment,
  noPartitions,
  noStateTopics,
  ShareGroup,
  type ShareMember,
  type StateTopic,
} from './share-group.ts'
import { newShareMember, type ShareRecord } from './share-group-records.ts'
import { isFailure, type ShareGroupService, type StateToBe } from './share-group-service.ts'
import type { ShareGroupShard } from './share-group-shard.ts'
import type { ShareFailure } from './share-state-shard.ts'

export interface ShareHeartbeat {
  readonly groupId: string
  readonly memberId: string
  readonly memberEpoch: number
  readonly rackId: string | null
  readonly topics: readonly string[] | null
  readonly clientId: string
  readonly clientHost: string
}

export interface ShareHeartbeatResponse {
  readonly memberId: string
  readonly memberEpoch: number
  readonly heartbeatIntervalMs: number
  /** Undefined: unchanged. */
  readonly assignment: Assignment | undefined
}

type Done = (response: ShareHeartbeatResponse | ShareFailure) => void

/** Handles a member that joins, stays, changes its subscription or leaves. */
export function shareHeartbeat(
  service: ShareGroupService,
  shard: ShareGroupShard,
  beat: ShareHeartbeat,
  done: Done,
): void {
  if (beat.memberEpoch === -1) leave(service, shard, beat, done)
  else stay(service, shard, beat, done)
}

/** Starts the session timeout of members that were loaded from the log. */
export function startShareSessions(service: ShareGroupService, shard: ShareGroupShard): void {
  for (const group of shard.shares.groups.values()) {
    for (const memberId of group.members.keys()) keepAlive(service, shard, group.groupId, memberId)
  }
}

function leave(service: ShareGroupService, shard: ShareGroupShard, beat: ShareHeartbeat, done: Done): void {
  const { groupId, memberId, memberEpoch } = beat
  const group = service.find(shard, groupId)
  const failure = isFailure(group) ? group : unknownMember(group, memberId)
  if (failure !== undefined) {
    done(failure)
    return
  }
  removeMember(service, shard, group as ShareGroup, memberId, (error) =>
    done(error ?? { memberId, memberEpoch, heartbeatIntervalMs: 0, assignment: undefined }),
  )
}

function removeMember(
  service: ShareGroupService,
  shard: ShareGroupShard,
  group: ShareGroup,
  memberId: string,
  done: (failure?: ShareFailure) => void,
): void {
  const { groupId } = group
  shard.timers.cancel(sessionKey(groupId, memberId))
  const others = new Set(
    [...group.members.values()].filter((each) => each.memberId !== memberId).flatMap(({ topics }) => [...topics]),
  )
  const value = { epoch: group.groupEpoch + 1, metadataHash: shareHash(service.view, others) }
  const records: ShareRecord[] = [
    { kind: 'current', groupId, memberId },
    { kind: 'target', groupId, memberId },
    { kind: 'member', groupId, memberId },
    { kind: 'group', groupId, value },
  ]
  service.write(shard, records, done)
}

function stay(service: ShareGroupService, shard: ShareGroupShard, beat: ShareHeartbeat, done: Done): void {
  const { groupId, memberId, memberEpoch, topics, rackId, clientId, clientHost } = beat
  const joined = groupOf(service, shard, beat)
  if (isFailure(joined)) {
    done(joined)
    return
  }
  const { group, member } = joined
  const next: ShareMember = {
    ...member,
    ...{ clientId, clientHost, rackId: rackId ?? member.rackId },
    topics: topics === null ? member.topics : new Set(topics),
  }
  const records: ShareRecord[] = []
  if (!isSameMember(member, next)) records.push({ kind: 'member', groupId, memberId, value: next })
  const metadata = nextEpoch(service, shard, group, { next, hasNewTopics: !isSameSet(member.topics, next.topics) })
  if (metadata.isBumped) {
    records.push({ kind: 'group', groupId, value: { epoch: metadata.epoch, metadataHash: metadata.hash } })
  }
  const target = nextTarget(service, shard, group, { next, epoch: metadata.epoch }, records)
  const reconciled = reconcile(service, next, target, metadata.isBumped)
  if (reconciled !== next) records.push({ kind: 'current', groupId, memberId, value: reconciled })
  keepAlive(service, shard, groupId, memberId)
  const states = newStates(service, shard, groupId, group.topicsWith(next), records)
  const isFull = memberEpoch === 0 || topics !== null
  const isNew = isFull || !isSameAssignment(member.assigned, reconciled.assigned)
  service.write(shard, records, (failure) => {
    if (failure !== undefined) {
      done(failure)
      return
    }
    if (states.length > 0) service.initialize(shard, { groupId, stateEpoch: metadata.epoch, states }, () => {})
    const assignment = isNew ? reconciled.assigned : undefined
    const { heartbeatIntervalMs } = service.configOf(groupId)
    done({ memberId, memberEpoch: reconciled.memberEpoch, heartbeatIntervalMs, assignment })
  })
}

function groupOf(
  service: ShareGroupService,
  shard: ShareGroupShard,
  { groupId, memberId, memberEpoch }: ShareHeartbeat,
): { readonly group: ShareGroup; readonly member: ShareMember } | ShareFailure {
  const isJoining = memberEpoch === 0
  const known = shard.shares.groups.get(groupId)
  if (known === undefined && shard.hasGroup(groupId)) {
    return { error: 'GROUP_ID_NOT_FOUND', message: `Group ${groupId} is not a share group.` }
  }
  if (known === undefined && !isJoining) {
    return { error: 'GROUP_ID_NOT_FOUND', message: `Share group ${groupId} not found.` }
  }
  const group = known ?? new ShareGroup(groupId)
  const { maxSize } = service.limits
  if (group.members.size >= maxSize && !group.members.has(memberId)) {
    const message = `The share group has reached its maximum capacity of ${maxSize} members.`
    return { error: 'GROUP_MAX_SIZE_REACHED', message }
  }
  if (!isJoining) {
    const failure = unknownMember(group, memberId)
    if (failure !== undefined) return failure
  }
  const member = group.members.get(memberId) ?? newShareMember(memberId)
  return fenced(member, memberEpoch) ?? { group, member }
}

function unknownMember(group: ShareGroup, memberId: string): ShareFailure | undefined {
  if (group.members.has(memberId)) return undefined
  return { error: 'UNKNOWN_MEMBER_ID', message: `Member ${memberId} is not a member of group ${group.groupId}.` }
}

function fenced({ memberEpoch, previousMemberEpoch }: ShareMember, received: number): ShareFailure | undefined {
  if (received === 0 || received === memberEpoch) return undefined
  const rejoin = 'The member must abandon all its partitions and rejoin.'
  const known = `than the one known by the group coordinator (${memberEpoch})`
  if (received > memberEpoch) {
    const message = `The share group member has a greater member epoch (${received}) ${known}. ${rejoin}`
    return { error: 'FENCED_MEMBER_EPOCH', message }
  }
  if (received === previousMemberEpoch) return undefined
  const previous = `and it does not match the previous member epoch (${previousMemberEpoch})`
  const message = `The share group member has a smaller member epoch (${received}) ${known}, ${previous}. ${rejoin}`
  return { error: 'FENCED_MEMBER_EPOCH', message }
}

/** The group epoch: +1 when the subscriptions or the subscribed topics changed. */
function nextEpoch(
  service: ShareGroupService,
  shard: ShareGroupShard,
  group: ShareGroup,
  { next, hasNewTopics }: { readonly next: ShareMember; readonly hasNewTopics: boolean },
): { readonly epoch: number; readonly hash: bigint; readonly isBumped: boolean } {
  const { groupEpoch, assignmentEpoch, metadataHash } = group
  const hash = shareHash(service.view, group.topicsWith(next))
  const isPending = assignmentEpoch >= groupEpoch && isAssignmentPending(shard, group)
  const isBumped = hasNewTopics || isPending || hash !== metadataHash
  return { epoch: isBumped ? groupEpoch + 1 : groupEpoch, hash, isBumped }
}

/** Partitions that are initialized now, but not assigned yet. */
function isAssignmentPending(shard: ShareGroupShard, group: ShareGroup): boolean {
  const initialized = shard.shares.stateTopicsOf(group.groupId)?.initialized
  if (initialized === undefined || group.members.size === 0) return false
  const topics = group.topicsWith()
  const assigned = new Map<string, Set<number>>()
  for (const target of group.targets.values()) {
    for (const [topicId, partitions] of target) {
      assigned.set(topicId, new Set([...(assigned.get(topicId) ?? []), ...partitions]))
    }
  }
  return [...initialized].some(
    ([topicId, { name, partitions }]) => topics.has(name) && !isSameSet(partitions, assigned.get(topicId)),
  )
}

interface Target {
  readonly epoch: number
  readonly assignment: Assignment
}

function nextTarget(
  service: ShareGroupService,
  shard: ShareGroupShard,
  group: ShareGroup,
  { next, epoch }: { readonly next: ShareMember; readonly epoch: number },
  records: ShareRecord[],
): Target {
  const { groupId } = group
  const nowMs = service.nowMs()
  const isSoon = nowMs - group.assignmentMs < service.configOf(groupId).assignmentIntervalMs
  if (group.assignmentEpoch >= epoch || isSoon) {
    return { epoch: group.assignmentEpoch, assignment: group.targets.get(next.memberId) ?? noPartitions }
  }
  const initialized = shard.shares.stateTopicsOf(groupId)?.initialized ?? new Map<string, StateTopic>()
  const assignable = new Map(Array.from(initialized, ([topicId, { partitions }]) => [topicId, partitions]))
  const topicIdsOf = ({ topics }: ShareMember) => [...topics].flatMap((name) => service.view.topic(name)?.id ?? [])
  const targets = assignSimply(group.membersWith(next), topicIdsOf, assignable, group.targets)
  for (const [memberId, value] of targets) {
    const before = group.targets.get(memberId)
    if (before !== undefined && isSameAssignment(before, value)) continue
    records.push({ kind: 'target', groupId, memberId, value })
  }
  records.push({ kind: 'targetEpoch', groupId, value: { epoch, timeMs: nowMs } })
  return { epoch, assignment: targets.get(next.memberId) ?? noPartitions }
}

/** A member gets its target assignment immediately: share partitions need no revocation first. */
function reconcile(service: ShareGroupService, member: ShareMember, target: Target, isBumped: boolean): ShareMember {
  const isReached = member.memberEpoch === target.epoch
  if (isReached && !isBumped) return member
  const assigned = new Map(
    [...target.assignment].filter(([topicId]) => member.topics.has(service.view.topicById(topicId)?.name ?? '')),
  )
  if (!isReached) {
    return { ...member, assigned, memberEpoch: target.epoch, previousMemberEpoch: member.memberEpoch }
  }
  return isSameAssignment(assigned, member.assigned) ? member : { ...member, assigned }
}

/** Share partitions that are not initialized at a coordinator yet; adds the record for their initialization. */
function newStates(
  service: ShareGroupService,
  shard: ShareGroupShard,
  groupId: string,
  topics: ReadonlySet<string>,
  records: ShareRecord[],
): StateToBe[] {
  const { initializing, initialized } = shard.shares.stateTopicsOf(groupId) ?? noStateTopics
  const nowMs = service.nowMs()
  const isRecent = ({ timestampMs }: StateTopic) => nowMs - timestampMs < service.limits.initializeRetryIntervalMs
  const begun = combined(initialized, new Map([...initializing].filter(([, topic]) => isRecent(topic))))
  const missing = new Map<string, StateTopic>()
  for (const name of topics) {
    const topic = service.view.topic(name)
    if (topic === undefined) continue
    const known = begun.get(topic.id)?.partitions
    const partitions = topic.partitions.map(({ partition }) => partition).filter((each) => !known?.has(each))
    if (partitions.length > 0) missing.set(topic.id, { name, partitions: new Set(partitions), timestampMs: nowMs })
  }
  if (missing.size === 0) return []
  records.push(service.beginInitializing(shard, groupId, missing))
  return [...missing].flatMap(([topicId, { partitions }]) =>
    Array.from(partitions, (partition) => ({ groupId, topicId, partition, startOffset: -1 })),
  )
}

function keepAlive(service: ShareGroupService, shard: ShareGroupShard, groupId: string, memberId: string): void {
  shard.timers.schedule(sessionKey(groupId, memberId), service.configOf(groupId).sessionTimeoutMs, () => {
    const group = shard.shares.groups.get(groupId)
    if (group?.members.has(memberId)) removeMember(service, shard, group, memberId, () => {})
  })
}

// Group and member ids may contain any character: the length prefix makes the key unambiguous.
const sessionKey = (groupId: string, memberId: string): string => `share ${groupId.length} ${groupId} ${memberId}`

function isSameMember(a: ShareMember, b: ShareMember): boolean {
  const isSameClient = a.clientId === b.clientId && a.clientHost === b.clientHost && a.rackId === b.rackId
  return isSameClient && isSameSet(a.topics, b.topics)
}

function isSameSet<T>(a: ReadonlySet<T>, b: ReadonlySet<T> | undefined): boolean {
  return b !== undefined && a.size === b.size && [...a].every((each) => b.has(each))
}

/** Changes when a topic is created, deleted or gets partitions, which requires a new assignment. 0: no topic exists. */
function shareHash(view: MetadataView, topics: ReadonlySet<string>): bigint {
  const text = [...topics]
    .sort()
    .flatMap((name) => view.topic(name) ?? [])
    .map(({ id, name, partitions }) => `${name}:${id}:${partitions.length}`)
    .join(' ')
  if (text === '') return 0n
  // FNV-1a; 63 bits of it are a positive int64 on the wire.
  let hash = 0xcbf29ce484222325n
  for (const byte of Buffer.from(text)) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn
  return hash >> 1n
}
