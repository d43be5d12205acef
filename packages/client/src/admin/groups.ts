import {
  ConsumerProtocolAssignment,
  DeleteGroups,
  DescribeGroups,
  type DescribeGroupsResponse,
  decodeMessage,
  errorCode,
  ListGroups,
} from '@ottla/codec'
import type { CallOptions } from '../call-options.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { asKafkaError, type KafkaError, kafkaErrorOf } from '../errors.ts'
import { onAnyBroker, onCoordinator } from './call.ts'
import { checkCode, settleAll } from './results.ts'

export interface GroupListing {
  readonly groupId: string
  /** `consumer` for consumer groups of the classic protocol; empty for groups that only keep offsets. */
  readonly protocolType: string
  /** Kafka's name of the state, such as `Stable` or `Empty`; empty where the broker is older than 2.6. */
  readonly state: string
  /** `classic`, `consumer` or `share`; empty where the broker is older than 3.8. */
  readonly type: string
}

export interface GroupMember {
  readonly memberId: string
  readonly instanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly assignment: readonly { readonly topic: string; readonly partition: number }[]
}

export interface GroupDescription {
  readonly groupId: string
  readonly state: string
  readonly protocolType: string
  /** The assignor the members agreed on, such as `range`. */
  readonly assignor: string
  /** The broker that coordinates the group. */
  readonly coordinator: number
  readonly members: readonly GroupMember[]
}

/** All groups of the cluster. Each broker lists the groups that it coordinates, so the request is sent to all of them. */
export async function listGroups(
  cluster: Cluster,
  options: CallOptions & {
    readonly states?: readonly string[] | undefined
    readonly types?: readonly string[] | undefined
  } = {},
): Promise<GroupListing[]> {
  const operation = 'Listing groups'
  const groups = new Map<string, GroupListing>()
  await onAnyBroker(cluster, operation, options, async (_any, request) => {
    await cluster.refreshMetadata(operation, [], request)
    const bodyOf = (version: number) => ({
      ...(version >= 4 ? { statesFilter: options.states ?? [] } : {}),
      ...(version >= 5 ? { typesFilter: options.types ?? [] } : {}),
    })
    await Promise.all(
      cluster.brokers().map(async (broker) => {
        const response = await broker.request(ListGroups, bodyOf, request)
        checkCode(response.errorCode, operation, { broker })
        for (const { groupId, protocolType, groupState: state, groupType: type } of response.groups) {
          groups.set(groupId, { groupId, protocolType, state, type })
        }
      }),
    )
  })
  return [...groups.values()].sort((a, b) => (a.groupId < b.groupId ? -1 : 1))
}

/** Groups of the classic protocol with their members, each from its own coordinator. */
export async function describeConsumerGroups(
  cluster: Cluster,
  groupIds: readonly string[],
  options: CallOptions = {},
): Promise<GroupDescription[]> {
  const operation = 'Describing consumer groups'
  return perGroup(operation, groupIds, (groupId) =>
    onCoordinator(cluster, operation, groupId, options, async (broker, request) => {
      const body = (version: number) => ({
        groups: [groupId],
        ...(version >= 3 ? { includeAuthorizedOperations: false } : {}),
      })
      const response = await broker.request(DescribeGroups, body, request)
      const group = responseOf(response.groups, groupId, operation)
      checkCode(group.errorCode, operation, { broker, group: groupId, message: group.errorMessage })
      return describe(group, broker.id)
    }),
  )
}

function describe(group: DescribeGroupsResponse['groups'][number], coordinator: number): GroupDescription {
  const { groupId, groupState: state, protocolType, protocolData: assignor } = group
  const members = group.members.map((member) => ({
    memberId: member.memberId,
    instanceId: member.groupInstanceId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    assignment: protocolType === 'consumer' ? assignmentOf(member.memberAssignment) : [],
  }))
  return { groupId, state, protocolType, assignor, coordinator, members }
}

/** Decodes what a group's leader assigned to a member: a version, then Kafka's consumer protocol in that version. */
function assignmentOf(bytes: Uint8Array): { topic: string; partition: number }[] {
  if (bytes.length < 2) return []
  const written = ((bytes[0] as number) << 8) | (bytes[1] as number)
  const version = Math.min(written, ConsumerProtocolAssignment.versions.max)
  const { assignedPartitions } = decodeMessage(ConsumerProtocolAssignment, version, bytes.subarray(2))
  return assignedPartitions.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })))
}

/** Deletes groups with their offsets. Fails with NON_EMPTY_GROUP while a group has members. */
export async function deleteConsumerGroups(
  cluster: Cluster,
  groupIds: readonly string[],
  options: CallOptions = {},
): Promise<void> {
  const operation = 'Deleting consumer groups'
  await perGroup(operation, groupIds, (groupId) =>
    onCoordinator(cluster, operation, groupId, options, async (broker, request) => {
      const response = await broker.request(DeleteGroups, { groupsNames: [groupId] }, request)
      const result = responseOf(response.results, groupId, operation)
      checkCode(result.errorCode, operation, { broker, group: groupId })
    }),
  )
}

/** One call for each group, so that a failure of one does not affect the others. */
async function perGroup<T>(
  operation: string,
  groupIds: readonly string[],
  call: (groupId: string) => Promise<T>,
): Promise<T[]> {
  const calls = [...new Set(groupIds)].map(async (groupId): Promise<[string, T | KafkaError]> => {
    try {
      return [groupId, await call(groupId)]
    } catch (error) {
      return [groupId, asKafkaError(error, operation)]
    }
  })
  return settleAll(operation, new Map(await Promise.all(calls)))
}

export function responseOf<T extends { groupId: string }>(
  responses: readonly T[],
  groupId: string,
  operation: string,
): T {
  const response = responses.find((candidate) => candidate.groupId === groupId)
  if (response !== undefined) return response
  throw kafkaErrorOf(errorCode('UNKNOWN_SERVER_ERROR'), operation, {
    group: groupId,
    message: 'the response does not contain the group',
  })
}
