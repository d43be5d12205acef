import { GroupError } from '../coordinators/group-error.ts'
import type { OwnedPartitions, Partitions } from '../coordinators/member-partitions.ts'
import type { StreamsGroup } from './streams-group.ts'
import { hasTasks, type StreamsMember, type StreamsMemberState, type TargetTasks } from './streams-group-member.ts'

/** The tasks that a member reports as its own. */
export type ReportedTasks = readonly { readonly subtopologyId: string; readonly partitions: readonly number[] }[]

export interface ReportedOwnedTasks {
  readonly active: ReportedTasks
  readonly standby: ReportedTasks
}

export interface StreamsTarget {
  readonly targetEpoch: number
  readonly target: TargetTasks
}

/** The member's next step towards its target: it first revokes tasks, then receives those that others released. */
export function reconcileTasks(
  group: StreamsGroup,
  member: StreamsMember,
  target: StreamsTarget,
  reported: ReportedOwnedTasks | null,
): StreamsMember {
  switch (member.state) {
    case 'STABLE':
      return member.memberEpoch === target.targetEpoch
        ? member
        : next(group, member, member.memberEpoch, target, reported)
    case 'UNREVOKED_TASKS': {
      const isHolding = reported === null || ownsAny(reported, member.pendingRevocation)
      return isHolding ? member : next(group, member, member.memberEpoch + 1, target, reported)
    }
    case 'UNRELEASED_TASKS':
      return next(group, member, member.memberEpoch, target, reported)
    case 'UNKNOWN':
      if (reported !== null && reported.active.length === 0 && reported.standby.length === 0) {
        return next(group, member, target.targetEpoch, target, reported)
      }
      throw new GroupError(
        'FENCED_MEMBER_EPOCH',
        'The streams group member is in a unknown state. The member must abandon all its tasks and rejoin.',
      )
  }
}

function ownsAny(
  reported: ReportedOwnedTasks,
  tasks: { readonly active: OwnedPartitions; readonly standby: Partitions },
): boolean {
  const within = (listed: ReportedTasks, owned: ReadonlyMap<string, { has(partition: number): boolean }>): boolean =>
    listed.some(({ subtopologyId, partitions }) => partitions.some((each) => owned.get(subtopologyId)?.has(each)))
  return within(reported.active, tasks.active) || within(reported.standby, tasks.standby)
}

function next(
  group: StreamsGroup,
  member: StreamsMember,
  memberEpoch: number,
  { targetEpoch, target }: StreamsTarget,
  reported: ReportedOwnedTasks | null,
): StreamsMember {
  const { processId, tasks } = member
  const active = differenceOf(withoutEpochs(tasks.active), target.active, (subtopologyId, partition) => {
    const isTaken = group.activeProcess(subtopologyId, partition) !== undefined
    return isTaken || group.hasStandby(processId, subtopologyId, partition)
  })
  const standby = differenceOf(tasks.standby, target.standby, (subtopologyId, partition) => {
    const isActive = group.activeProcess(subtopologyId, partition) === processId
    return isActive || group.hasStandby(processId, subtopologyId, partition)
  })
  const epochOf = (subtopologyId: string, partition: number): number =>
    tasks.active.get(subtopologyId)?.get(partition) ?? targetEpoch
  const withEpochs = (partitions: Partitions): OwnedPartitions =>
    new Map([...partitions].map(([id, each]) => [id, new Map([...each].map((at) => [at, epochOf(id, at)]))]))
  const pendingRevocation = { active: withEpochs(active.lost), standby: standby.lost }
  const moved = { ...member, previousMemberEpoch: member.memberEpoch }
  if (hasTasks(pendingRevocation) && (reported === null || ownsAny(reported, pendingRevocation))) {
    const kept = { active: withEpochs(active.kept), standby: standby.kept }
    return { ...moved, memberEpoch, state: 'UNREVOKED_TASKS', tasks: kept, pendingRevocation }
  }
  const state: StreamsMemberState = active.isWaiting || standby.isWaiting ? 'UNRELEASED_TASKS' : 'STABLE'
  const all = { active: withEpochs(merged(active.kept, active.added)), standby: merged(standby.kept, standby.added) }
  const nothing = { active: new Map(), standby: new Map() }
  return { ...moved, memberEpoch: targetEpoch, state, tasks: all, pendingRevocation: nothing }
}

interface Difference {
  readonly kept: Partitions
  readonly lost: Partitions
  readonly added: Partitions
  /** Another member still holds some of the target's tasks. */
  readonly isWaiting: boolean
}

function differenceOf(
  current: Partitions,
  target: Partitions,
  isHeld: (subtopologyId: string, partition: number) => boolean,
): Difference {
  const kept = new Map<string, Set<number>>()
  const lost = new Map<string, Set<number>>()
  const added = new Map<string, Set<number>>()
  let isWaiting = false
  const put = (into: Map<string, Set<number>>, id: string, at: number): void =>
    void into.set(id, (into.get(id) ?? new Set()).add(at))
  for (const [id, partitions] of current) {
    for (const at of partitions) put(target.get(id)?.has(at) ? kept : lost, id, at)
  }
  for (const [id, partitions] of target) {
    for (const at of partitions) {
      if (current.get(id)?.has(at)) continue
      if (isHeld(id, at)) isWaiting = true
      else put(added, id, at)
    }
  }
  return { kept, lost, added, isWaiting }
}

function merged(a: Partitions, b: Partitions): Partitions {
  const ids = new Set([...a.keys(), ...b.keys()])
  return new Map([...ids].map((id) => [id, new Set([...(a.get(id) ?? []), ...(b.get(id) ?? [])])]))
}

const withoutEpochs = (tasks: OwnedPartitions): Partitions =>
  new Map([...tasks].map(([id, partitions]) => [id, new Set(partitions.keys())]))
