import type { Decoded, StreamsGroupHeartbeat } from '@ottla/codec'
import { GroupError } from '../coordinators/group-error.ts'
import { type OwnedPartitions, type Partitions, STATIC_LEAVING_EPOCH } from '../coordinators/member-partitions.ts'
import type { StreamsMember } from './streams-group-member.ts'
import type { ReportedTasks } from './streams-group-reconcile.ts'
import type { ConfiguredTopology } from './streams-group-topology.ts'

export type StreamsBody = Decoded<typeof StreamsGroupHeartbeat.request>

const isBlank = (text: string | null): boolean => text !== null && text.trim() === ''

function throwIf(isWrong: boolean, message: string): void {
  if (isWrong) throw new GroupError('INVALID_REQUEST', message)
}

/** Rejects a request that is invalid regardless of the group's state. */
export function throwIfStreamsInvalid(body: StreamsBody): void {
  throwIfUnsupported(body)
  const { memberEpoch, topology, activeTasks, standbyTasks, warmupTasks } = body
  throwIf(isBlank(body.memberId), "MemberId can't be empty.")
  throwIf(isBlank(body.groupId), "GroupId can't be empty.")
  throwIf(isBlank(body.instanceId), "InstanceId can't be empty.")
  throwIf(isBlank(body.rackId), "RackId can't be empty.")
  if (memberEpoch === 0) {
    throwIf(body.rebalanceTimeoutMs === -1, 'RebalanceTimeoutMs must be provided in first request.')
    throwIf(activeTasks?.length !== 0, 'ActiveTasks must be empty when (re-)joining.')
    throwIf(standbyTasks?.length !== 0, 'StandbyTasks must be empty when (re-)joining.')
    throwIf(warmupTasks?.length !== 0, 'WarmupTasks must be empty when (re-)joining.')
    throwIf(topology === null, 'Topology must be non-null when (re-)joining.')
    const changelogs = topology?.subtopologies.flatMap(({ stateChangelogTopics }) => stateChangelogTopics) ?? []
    const fixed = changelogs.find(({ partitions }) => partitions !== 0)
    if (fixed !== undefined) {
      const what = `Changelog topic ${fixed.name} must have an undefined partition count`
      throw new GroupError('STREAMS_INVALID_TOPOLOGY', `${what}, but it is set to ${fixed.partitions}.`)
    }
  }
  throwIf(memberEpoch === STATIC_LEAVING_EPOCH && body.instanceId === null, "InstanceId can't be null.")
  const tooLow = `MemberEpoch is ${memberEpoch}, but must be greater than or equal to -2.`
  throwIf(memberEpoch < STATIC_LEAVING_EPOCH, tooLow)
  const kinds = [activeTasks, standbyTasks, warmupTasks]
  const isMixed = kinds.some((each) => each === null) && kinds.some((each) => each !== null)
  throwIf(isMixed, 'If one task-type is non-null, all must be non-null.')
  throwIf(memberEpoch !== 0 && topology !== null, 'Topology can only be provided when (re-)joining.')
}

function throwIfUnsupported(body: StreamsBody): void {
  throwIf(body.instanceId !== null, 'Static membership is not yet supported.')
  throwIf(body.taskOffsets !== null, 'TaskOffsets are not supported yet.')
  throwIf(body.taskEndOffsets !== null, 'TaskEndOffsets are not supported yet.')
  throwIf((body.warmupTasks?.length ?? 0) > 0, 'WarmupTasks are not supported yet.')
  const regexes = body.topology?.subtopologies.flatMap(({ sourceTopicRegex }) => sourceTopicRegex) ?? []
  throwIf(regexes.length > 0, 'Regular expressions for source topics are not supported yet.')
}

/** Accepts the previous epoch too, since a response may have been lost, if the member reports only tasks it has. */
export function throwIfStreamsEpochInvalid(member: StreamsMember, body: StreamsBody): void {
  const known = member.memberEpoch
  const { memberEpoch } = body
  if (memberEpoch === 0 || memberEpoch === known) return
  const { active, standby } = member.tasks
  const isWithin = within(body.activeTasks, active) && within(body.standbyTasks, standby) && body.warmupTasks !== null
  if (memberEpoch < known && memberEpoch === member.previousMemberEpoch && isWithin) return
  throw new GroupError(
    'FENCED_MEMBER_EPOCH',
    `The streams group member has a ${memberEpoch > known ? 'greater' : 'smaller'} member epoch (${memberEpoch}) than the ` +
      `one known by the group coordinator (${known}). The member must abandon all its partitions and rejoin.`,
  )
}

function within(reported: ReportedTasks | null, owned: OwnedPartitions | Partitions): boolean {
  if (reported === null) return false
  return reported.every(({ subtopologyId, partitions }) => {
    const tasks = owned.get(subtopologyId)
    return tasks !== undefined && partitions.every((each) => tasks.has(each))
  })
}

/** Rejects tasks that the topology does not have. */
export function throwIfTasksInvalid({ subtopologies = [] }: ConfiguredTopology, reported: ReportedTasks | null): void {
  for (const { subtopologyId, partitions } of reported ?? []) {
    const subtopology = subtopologies.find((each) => each.subtopologyId === subtopologyId)
    throwIf(subtopology === undefined, `Subtopology ${subtopologyId} does not exist in the topology.`)
    const count = subtopology?.taskCount ?? 0
    const strange = partitions.find((each) => each < 0 || each >= count)
    throwIf(
      strange !== undefined,
      `Task ${strange} for subtopology ${subtopologyId} is invalid. Number of tasks for this subtopology: ${count}`,
    )
  }
}
