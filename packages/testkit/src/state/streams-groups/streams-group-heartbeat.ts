import type { Encodable, StreamsGroupHeartbeat } from '@ottla/codec'
import type { MemberClient } from '../coordinators/classic-protocol.ts'
import { writeErrorForMember } from '../coordinators/coordinator-log.ts'
import { catchGroupError, GroupError } from '../coordinators/group-error.ts'
import { metadataHash } from '../coordinators/group-topics.ts'
import { LEAVING_EPOCH, STATIC_LEAVING_EPOCH, sameOwned, samePartitions } from '../coordinators/member-partitions.ts'
import { StreamsGroup } from './streams-group.ts'
import { updateTaskTarget } from './streams-group-assign.ts'
import { endpointPartitions } from './streams-group-describe.ts'
import {
  cancelRevocationLimit,
  initialDelayKey,
  keepStreamsMemberAlive,
  limitTaskRevocation,
  removeStreamsMember,
} from './streams-group-fence.ts'
import { newStreamsMember, type StreamsMember, type Tasks } from './streams-group-member.ts'
import { type ReportedOwnedTasks, reconcileTasks } from './streams-group-reconcile.ts'
import {
  streamsCurrentChange,
  streamsEpochChange,
  streamsMemberChange,
  topologyChange,
} from './streams-group-records.ts'
import { type StreamsBody, throwIfStreamsEpochInvalid, throwIfTasksInvalid } from './streams-group-requests.ts'
import { newOperation, type StreamsGroupOperation, type StreamsGroupShard } from './streams-group-shard.ts'
import {
  type ConfiguredTopology,
  configureTopology,
  type InternalTopic,
  requiredTopics,
  type Status,
  type StreamsTopology,
  statusCodes,
} from './streams-group-topology.ts'

export type StreamsResponse = Encodable<typeof StreamsGroupHeartbeat.response>

/** The maximum age of the metadata hash: Integer.MAX_VALUE, as in Kafka. */
const METADATA_REFRESH_MS = 2_147_483_647

export interface StreamsOutcome {
  readonly response: StreamsResponse
  /** The internal topics that the broker has to create for the group. */
  readonly missingTopics: readonly InternalTopic[]
}

/** Handles a StreamsGroupHeartbeat. Responds once its changes are replicated. */
export function streamsGroupHeartbeat(
  shard: StreamsGroupShard,
  body: StreamsBody,
  client: MemberClient,
  respond: (outcome: StreamsOutcome) => void,
): void {
  const operation = newOperation(shard)
  const isLeaving = body.memberEpoch === LEAVING_EPOCH || body.memberEpoch === STATIC_LEAVING_EPOCH
  const outcome = catchGroupError<StreamsOutcome>(
    () => (isLeaving ? leave(shard, body, operation) : new StreamsHeartbeat(shard, body, client, operation).run()),
    (error) => ({ response: streamsErrorResponse(error), missingTopics: [] }),
  )
  if (outcome.response.errorCode !== 0) {
    respond(outcome)
    return
  }
  operation.write((error) => {
    if (error === undefined) respond(outcome)
    else respond({ response: streamsErrorResponse(new GroupError(writeErrorForMember(error))), missingTopics: [] })
  })
}

export const streamsErrorResponse = ({ code, detail }: GroupError): StreamsResponse => ({
  throttleTimeMs: 0,
  errorCode: code,
  errorMessage: detail,
  memberId: '',
  memberEpoch: 0,
  heartbeatIntervalMs: 0,
  acceptableRecoveryLag: 0,
  taskOffsetIntervalMs: 0,
  status: [],
  endpointInformationEpoch: 0,
})

/** The steps of one heartbeat. */
class StreamsHeartbeat {
  readonly #shard: StreamsGroupShard
  readonly #body: StreamsBody
  readonly #client: MemberClient
  readonly #operation: StreamsGroupOperation
  readonly #status: Status[] = []

  constructor(shard: StreamsGroupShard, body: StreamsBody, client: MemberClient, operation: StreamsGroupOperation) {
    this.#shard = shard
    this.#body = body
    this.#client = client
    this.#operation = operation
  }

  run(): StreamsOutcome {
    const { memberId } = this.#body
    const isJoining = this.#body.memberEpoch === 0
    const group = groupFor(this.#shard, this.#body, this.#operation)
    const member = isJoining ? (group.members.get(memberId) ?? newStreamsMember(memberId)) : group.member(memberId)
    throwIfStreamsEpochInvalid(member, this.#body)
    const updated = this.#withRequest(member)
    const isChanged = !sameMetadata(member, updated)
    if (isChanged) this.#operation.add(streamsMemberChange(group.groupId, updated))
    const topology = this.#topology(group)
    if (group.topology !== undefined && updated.topologyEpoch < group.topology.epoch) {
      const epochs = `topology epoch ${updated.topologyEpoch} is behind the group's topology epoch ${group.topology.epoch}`
      this.#status.push({ statusCode: statusCodes.STALE_TOPOLOGY, statusDetail: `The member's ${epochs}.` })
    }
    const { configured, groupEpoch } = this.#updateEpoch(group, topology, isChanged)
    this.#delayFirst(group)
    const target = updateTaskTarget(this.#shard, group, { updated, configured, groupEpoch }, this.#operation)
    if (target.status !== undefined) this.#status.push(target.status)
    const now = this.#reconcile(group, updated, target)
    keepStreamsMemberAlive(this.#shard, group.groupId, memberId)
    if (this.#body.shutdownApplication) group.shutdownRequestedBy = memberId
    if (configured.problem !== undefined) this.#status.push(configured.problem)
    return { response: this.#response(group, member, now, configured), missingTopics: configured.missingTopics }
  }

  #withRequest(member: StreamsMember): StreamsMember {
    const body = this.#body
    return {
      ...member,
      rackId: body.rackId ?? member.rackId,
      rebalanceTimeoutMs: body.rebalanceTimeoutMs === -1 ? member.rebalanceTimeoutMs : body.rebalanceTimeoutMs,
      topologyEpoch: body.topology?.epoch ?? member.topologyEpoch,
      clientId: this.#client.clientId,
      clientHost: this.#client.clientHost,
      processId: body.processId ?? member.processId,
      userEndpoint: body.userEndpoint ?? member.userEndpoint,
      clientTags: body.clientTags ?? member.clientTags,
    }
  }

  /** The first member defines the topology; later ones must send the same. */
  #topology(group: StreamsGroup): StreamsTopology {
    const sent = this.#body.topology
    const known = group.topology
    if (known === undefined) {
      if (sent === null) throw new GroupError('UNKNOWN_SERVER_ERROR')
      const topology = sorted(sent)
      this.#operation.add(topologyChange(group.groupId, topology))
      return topology
    }
    if (sent === null || known.epoch > sent.epoch) return known
    if (JSON.stringify(sorted(sent)) === JSON.stringify(known)) return known
    throw new GroupError('INVALID_REQUEST', 'Topology updates are not supported yet.')
  }

  #updateEpoch(group: StreamsGroup, topology: StreamsTopology, isChanged: boolean) {
    const { groupId } = group
    const nowMs = this.#shard.nowMs()
    const isExpired = nowMs >= group.metadataDeadline.ms || group.groupEpoch < group.metadataDeadline.epoch
    let isBumped = isChanged
    let hash = group.metadataHash
    let { configured } = group
    if (configured === undefined || group.topology === undefined || isExpired) {
      hash = metadataHash(this.#shard.topics, requiredTopics(topology))
      if (hash !== group.metadataHash) isBumped = true
      if (configured === undefined || group.topology === undefined || hash !== group.metadataHash) {
        configured = configureTopology(topology, this.#shard.topics)
        group.configured = configured
      }
    }
    const validatedTopologyEpoch = configured.problem === undefined ? topology.epoch : -1
    if (configured.problem === undefined) {
      throwIfTasksInvalid(configured, this.#body.activeTasks)
      throwIfTasksInvalid(configured, this.#body.standbyTasks)
    }
    if (validatedTopologyEpoch !== group.validatedTopologyEpoch) isBumped = true
    const standby = String(this.#shard.streamsConfig(groupId).standbyReplicas)
    const assignmentConfigs = [{ key: 'num.standby.replicas', value: standby }]
    if (JSON.stringify(assignmentConfigs) !== JSON.stringify(group.assignmentConfigs)) isBumped = true
    let { groupEpoch } = group
    if (isBumped) {
      groupEpoch++
      const epoch = { epoch: groupEpoch, metadataHash: hash, validatedTopologyEpoch, assignmentConfigs }
      this.#operation.add(streamsEpochChange(groupId, epoch))
      group.metadataDeadline = { ms: nowMs + METADATA_REFRESH_MS, epoch: groupEpoch }
    }
    return { configured, groupEpoch }
  }

  /** Delays the first assignment of a group, so that more members can join. */
  #delayFirst(group: StreamsGroup): void {
    const { groupId } = group
    const delayMs = this.#shard.streamsConfig(groupId).initialRebalanceDelayMs
    const key = initialDelayKey(groupId)
    if (!group.isEmpty || delayMs === 0 || this.#shard.timers.has(key)) return
    this.#shard.timers.schedule(key, delayMs, () => assignAfterDelay(this.#shard, groupId))
  }

  #reconcile(group: StreamsGroup, member: StreamsMember, target: Parameters<typeof reconcileTasks>[2]): StreamsMember {
    const { activeTasks, standbyTasks } = this.#body
    const reported: ReportedOwnedTasks | null =
      activeTasks === null || standbyTasks === null ? null : { active: activeTasks, standby: standbyTasks }
    const now = reconcileTasks(group, member, target, reported)
    if (now === member || sameAssignment(now, member)) return now
    this.#operation.add(streamsCurrentChange(group.groupId, now))
    if (now.state === 'UNREVOKED_TASKS') limitTaskRevocation(this.#shard, group.groupId, now)
    else cancelRevocationLimit(this.#shard, group.groupId, now.memberId)
    return now
  }

  #response(
    group: StreamsGroup,
    before: StreamsMember,
    now: StreamsMember,
    configured: ConfiguredTopology,
  ): StreamsResponse {
    const sendsAssignment = this.#body.memberEpoch === 0 || !sameTasks(before.tasks, now.tasks)
    if (sendsAssignment && now.userEndpoint !== null) group.endpointEpoch++
    const isOther = group.endpointEpoch !== this.#body.endpointInformationEpoch
    const others = [...group.members.values()].filter(({ memberId }) => memberId !== now.memberId)
    const requester = group.shutdownRequestedBy
    if (requester !== undefined) {
      const what = `Streams group member ${requester} encountered a fatal error and requested a shutdown`
      const statusDetail = `${what} for the entire application.`
      this.#status.push({ statusCode: statusCodes.SHUTDOWN_APPLICATION, statusDetail })
    }
    return {
      ...streamsErrorResponse(new GroupError('NONE')),
      memberId: now.memberId,
      memberEpoch: now.memberEpoch,
      heartbeatIntervalMs: this.#shard.streamsConfig(group.groupId).heartbeatIntervalMs,
      status: this.#status,
      activeTasks: sendsAssignment ? listed([...now.tasks.active].map(([id, each]) => [id, each.keys()])) : null,
      standbyTasks: sendsAssignment ? listed([...now.tasks.standby]) : null,
      warmupTasks: sendsAssignment ? [] : null,
      endpointInformationEpoch: this.#shard.streamsGroups.has(group.groupId) ? group.endpointEpoch : 0,
      partitionsByUserEndpoint: isOther ? endpointPartitions(this.#shard.topics, configured, [...others, now]) : null,
    }
  }
}

const listed = (tasks: readonly (readonly [string, Iterable<number>])[]) =>
  tasks.map(([subtopologyId, each]) => ({ subtopologyId, partitions: [...each].sort((a, b) => a - b) }))

function groupFor(
  shard: StreamsGroupShard,
  { groupId, memberEpoch }: StreamsBody,
  operation: StreamsGroupOperation,
): StreamsGroup {
  const known = shard.streamsGroups.get(groupId)
  const isJoining = memberEpoch === 0
  if (known === undefined && isJoining && shard.deleteEmptyClassicGroup(groupId, operation)) {
    return new StreamsGroup(groupId)
  }
  if (known === undefined && shard.hasGroup(groupId)) throw notStreams(groupId)
  if (known === undefined && !isJoining) {
    throw new GroupError('GROUP_ID_NOT_FOUND', `Streams group ${groupId} not found.`)
  }
  const group = known ?? new StreamsGroup(groupId)
  const { maxSize } = shard.streamsConfig(groupId)
  if (isJoining && group.members.size >= maxSize) {
    const message = `The streams group has reached its maximum capacity of ${maxSize} members.`
    throw new GroupError('GROUP_MAX_SIZE_REACHED', message)
  }
  return group
}

const notStreams = (groupId: string): GroupError =>
  new GroupError('GROUP_ID_NOT_FOUND', `Group ${groupId} is not a streams group.`)

function leave(shard: StreamsGroupShard, body: StreamsBody, operation: StreamsGroupOperation): StreamsOutcome {
  const { groupId, memberId, memberEpoch } = body
  const group = shard.streamsGroups.get(groupId)
  if (group === undefined) {
    if (shard.hasGroup(groupId)) throw notStreams(groupId)
    throw new GroupError('GROUP_ID_NOT_FOUND', `Group ${groupId} not found.`)
  }
  if (body.shutdownApplication) group.shutdownRequestedBy = memberId
  group.member(memberId)
  removeStreamsMember(shard, group, memberId, operation)
  const response = { ...streamsErrorResponse(new GroupError('NONE')), memberId, memberEpoch, status: [] }
  return { response, missingTopics: [] }
}

function assignAfterDelay(shard: StreamsGroupShard, groupId: string): void {
  const group = shard.streamsGroups.get(groupId)
  const configured = group?.configured
  if (group === undefined || group.isEmpty || configured === undefined) return
  if (group.groupEpoch <= group.assignmentEpoch) return
  const operation = newOperation(shard)
  updateTaskTarget(shard, group, { configured, groupEpoch: group.groupEpoch }, operation)
  operation.write(() => {})
}

/** The topology in the order of its record: subtopologies by id, topics by name. */
function sorted(topology: NonNullable<StreamsBody['topology']>): StreamsTopology {
  const byName = (a: { readonly name: string }, b: { readonly name: string }): number => (a.name < b.name ? -1 : 1)
  return {
    epoch: topology.epoch,
    subtopologies: topology.subtopologies
      .map((each) => ({
        ...each,
        stateChangelogTopics: [...each.stateChangelogTopics].sort(byName),
        repartitionSourceTopics: [...each.repartitionSourceTopics],
      }))
      .sort((a, b) => (a.subtopologyId < b.subtopologyId ? -1 : 1)),
  }
}

function sameMetadata(a: StreamsMember, b: StreamsMember): boolean {
  const metadataOf = ({
    rackId,
    clientId,
    clientHost,
    rebalanceTimeoutMs,
    topologyEpoch,
    processId,
    ...rest
  }: StreamsMember) =>
    JSON.stringify([
      rackId,
      clientId,
      clientHost,
      rebalanceTimeoutMs,
      topologyEpoch,
      processId,
      rest.userEndpoint,
      rest.clientTags,
    ])
  return metadataOf(a) === metadataOf(b)
}

const sameTasks = (a: Tasks, b: Tasks): boolean => sameOwned(a.active, b.active) && samePartitions(a.standby, b.standby)

function sameAssignment(a: StreamsMember, b: StreamsMember): boolean {
  return (
    a.memberEpoch === b.memberEpoch &&
    a.previousMemberEpoch === b.previousMemberEpoch &&
    a.state === b.state &&
    sameTasks(a.tasks, b.tasks) &&
    sameTasks(a.pendingRevocation, b.pendingRevocation)
  )
}
