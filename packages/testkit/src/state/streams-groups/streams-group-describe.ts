import { type Encodable, errorCode, type StreamsGroupDescribe, type StreamsGroupHeartbeat } from '@ottla/codec'
import type { GroupTopics } from '../coordinators/group-topics.ts'
import { stringsInHashOrder } from '../java-order.ts'
import type { StreamsGroup } from './streams-group.ts'
import { noTasks, type StreamsMember } from './streams-group-member.ts'
import type { StreamsGroupShard } from './streams-group-shard.ts'
import type { ConfiguredTopology } from './streams-group-topology.ts'

export type DescribedStreamsGroup = Encodable<typeof StreamsGroupDescribe.response>['groups'][number]
type EndpointPartitions = NonNullable<Encodable<typeof StreamsGroupHeartbeat.response>['partitionsByUserEndpoint']>

/** A group as StreamsGroupDescribe returns it. */
export function describeStreamsGroup(shard: StreamsGroupShard, groupId: string): DescribedStreamsGroup {
  const group = shard.streamsGroups.get(groupId)
  if (group === undefined) {
    const message = shard.hasGroup(groupId) ? `Group ${groupId} is not a streams group.` : `Group ${groupId} not found.`
    return noStreamsGroup(groupId, errorCode('GROUP_ID_NOT_FOUND'), message)
  }
  return {
    errorCode: 0,
    errorMessage: null,
    groupId,
    groupState: group.state,
    groupEpoch: group.groupEpoch,
    assignmentEpoch: group.assignmentEpoch,
    topology: describeTopology(group),
    members: [...group.members.values()].map((member) => describeMember(group, member)),
  }
}

export function noStreamsGroup(groupId: string, code: number, message: string | null): DescribedStreamsGroup {
  return {
    errorCode: code,
    errorMessage: message,
    groupId,
    groupState: '',
    groupEpoch: 0,
    assignmentEpoch: 0,
    topology: null,
    members: [],
  }
}

const byName = (a: { readonly name: string }, b: { readonly name: string }): number => (a.name < b.name ? -1 : 1)

/** The topology; once it is ready, with the partition counts of its internal topics. */
function describeTopology(group: StreamsGroup): DescribedStreamsGroup['topology'] {
  const { configured, topology } = group
  const isReady = configured !== undefined && configured.problem === undefined
  const subtopologies = (isReady ? configured.subtopologies : topology?.subtopologies) ?? []
  return {
    epoch: (isReady ? configured : topology)?.epoch ?? 0,
    subtopologies: subtopologies.map((each) => ({
      subtopologyId: each.subtopologyId,
      sourceTopics: [...each.sourceTopics].sort(),
      repartitionSinkTopics: [...each.repartitionSinkTopics].sort(),
      stateChangelogTopics: [...each.stateChangelogTopics].sort(byName),
      repartitionSourceTopics: [...each.repartitionSourceTopics].sort(byName),
    })),
  }
}

function describeMember(group: StreamsGroup, member: StreamsMember): DescribedStreamsGroup['members'][number] {
  const { memberId, memberEpoch, rackId, clientId, clientHost, topologyEpoch, processId, userEndpoint } = member
  const target = group.targets.get(memberId) ?? noTasks
  return {
    memberId,
    memberEpoch,
    instanceId: null,
    rackId,
    clientId,
    clientHost,
    topologyEpoch,
    processId,
    userEndpoint,
    clientTags: member.clientTags,
    taskOffsets: [],
    taskEndOffsets: [],
    assignment: {
      activeTasks: listed([...member.tasks.active].map(([id, each]) => [id, each.keys()])),
      standbyTasks: listed([...member.tasks.standby]),
      warmupTasks: [],
    },
    targetAssignment: {
      activeTasks: listed([...target.active]),
      standbyTasks: listed([...target.standby]),
      warmupTasks: [],
    },
    isClassic: false,
  }
}

function listed(tasks: readonly (readonly [string, Iterable<number>])[]) {
  return tasks
    .map(([subtopologyId, each]) => ({ subtopologyId, partitions: [...each].sort((a, b) => a - b) }))
    .sort((a, b) => (a.subtopologyId < b.subtopologyId ? -1 : 1))
}

/** The partitions of each member with an endpoint, for interactive queries. */
export function endpointPartitions(
  topics: GroupTopics,
  { subtopologies = [] }: ConfiguredTopology,
  members: readonly StreamsMember[],
): EndpointPartitions {
  const partitionsOf = (tasks: readonly (readonly [string, Iterable<number>])[]) =>
    tasks.flatMap(([id, each]) => {
      const subtopology = subtopologies.find(({ subtopologyId }) => subtopologyId === id)
      const names = [
        ...(subtopology?.sourceTopics ?? []),
        ...(subtopology?.repartitionSourceTopics ?? []).map(({ name }) => name),
      ]
      const all = [...each]
      return stringsInHashOrder(new Set(names)).map((topic) => {
        const count = topics.topic(topic)?.partitions.length ?? 0
        return { topic, partitions: count < all.length ? all.sort((a, b) => a - b).slice(0, count) : all }
      })
    })
  return members.flatMap(({ userEndpoint, tasks }) =>
    userEndpoint === null
      ? []
      : {
          userEndpoint,
          activePartitions: partitionsOf([...tasks.active].map(([id, each]) => [id, each.keys()])),
          standbyPartitions: partitionsOf([...tasks.standby]),
        },
  )
}
