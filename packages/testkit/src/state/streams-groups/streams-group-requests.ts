import type { Decoded, StreamsGroupHeartbeat } from '@ottla/codec'
import { GroupError } from '../coordinators/group-error.ts'
import { type OwnedPartitions, type Partitions, STATIC_LEAVING_EPOCH } from '../coordinators/member-partitions.ts'
import type { StreamsMember } from './streams-group-member.ts'
import type { SaidTasks } from './streams-group-reconcile.ts'
import type { ConfiguredTopology } from './streams-group-topology.ts'

export type StreamsBody = Decoded<typeof StreamsGroupHeartbeat.request>

const isBlank = (text: string | null): boolean => text !== null && text.trim() === ''

function refuseIf(isWrong: boolean, message: string): void {
  if (isWrong) throw new GroupError('INVALID_REQUEST', message)
}

/** Refuses what is wrong in itself, whoever coordinates the group. */
export function refuseInvalidStreams(body: StreamsBody): void {
  refuseUnsupported(body)
  const { memberEpoch, topology, activeTasks, standbyTasks, warmupTasks } = body
  refuseIf(isBlank(body.memberId), "MemberId can't be empty.")
  refuseIf(isBlank(body.groupId), "GroupId can't be empty.")
  refuseIf(isBlank(body.instanceId), "InstanceId can't be empty.")
  refuseIf(isBlank(body.rackId), "RackId can't be empty.")
  if (memberEpoch === 0) {
    refuseIf(body.rebalanceTimeoutMs === -1, 'RebalanceTimeoutMs must be provided in first request.')
    refuseIf(activeTasks?.length !== 0, 'ActiveTasks must be empty when (re-)joining.')
    refuseIf(standbyTasks?.length !== 0, 'StandbyTasks must be empty when (re-)joining.')
    refuseIf(warmupTasks?.length !== 0, 'WarmupTasks must be empty when (re-)joining.')
    refuseIf(topology === null, 'Topology must be non-null when (re-)joining.')
    const changelogs = topology?.subtopologies.flatMap(({ stateChangelogTopics }) => stateChangelogTopics) ?? []
    const fixed = changelogs.find(({ partitions }) => partitions !== 0)
    if (fixed !== undefined) {
      const what = `Changelog topic ${fixed.name} must have an undefined partition count`
      throw new GroupError('STREAMS_INVALID_TOPOLOGY', `${what}, but it is set to ${fixed.partitions}.`)
    }
  }
  refuseIf(memberEpoch === STATIC_LEAVING_EPOCH && body.instanceId === null, "InstanceId can't be null.")
  const tooLow = `MemberEpoch is ${memberEpoch}, but must be greater than or equal to -2.`
  refuseIf(memberEpoch < STATIC_LEAVING_EPOCH, tooLow)
  const kinds = [activeTasks, standbyTasks, warmupTasks]
  const isMixed = kinds.some((each) => each === null) && kinds.some((each) => each !== null)
  refuseIf(isMixed, 'If one task-type is non-null, all must be non-null.')
  refuseIf(memberEpoch !== 0 && topology !== null, 'Topology can only be provided when (re-)joining.')
}

function refuseUnsupported(body: StreamsBody): void {
  refuseIf(body.instanceId !== null, 'Static membership is not yet supported.')
  refuseIf(body.taskOffsets !== null, 'TaskOffsets are not supported yet.')
  refuseIf(body.taskEndOffsets !== null, 'TaskEndOffsets are not supported yet.')
  refuseIf((body.warmupTasks?.length ?? 0) > 0, 'WarmupTasks are not supported yet.')
  const regexes = body.topology?.subtopologies.flatMap(({ sourceTopicRegex }) => sourceTopicRegex) ?? []
  refuseIf(regexes.length > 0, 'Regular expressions for source topics are not supported yet.')
}

/** An answer may have been lost: the epoch before is good as long as the member owns nothing but what it still has. */
export function refuseStreamsEpoch(member: StreamsMember, body: StreamsBody): void {
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

function within(said: SaidTasks | null, owned: OwnedPartitions | Partitions): boolean {
  if (said === null) return false
  return said.every(({ subtopologyId, partitions }) => {
    const tasks = owned.get(subtopologyId)
    return tasks !== undefined && partitions.every((each) => tasks.has(each))
  })
}

/** Refuses tasks that the topology does not have. */
export function refuseUnknownTasks({ subtopologies = [] }: ConfiguredTopology, said: SaidTasks | null): void {
  for (const { subtopologyId, partitions } of said ?? []) {
    const subtopology = subtopologies.find((each) => each.subtopologyId === subtopologyId)
    refuseIf(subtopology === undefined, `Subtopology ${subtopologyId} does not exist in the topology.`)
    const count = subtopology?.taskCount ?? 0
    const strange = partitions.find((each) => each < 0 || each >= count)
    refuseIf(
      strange !== undefined,
      `Task ${strange} for subtopology ${subtopologyId} is invalid. Number of tasks for this subtopology: ${count}`,
    )
  }
}
