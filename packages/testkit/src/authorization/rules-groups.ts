import { errorCode, zeroUuid } from '@ottla/codec'
import type { Struct } from '../messages/blank.ts'
import type { EntityPlace } from '../messages/error-place.ts'
import {
  allTopics,
  type CheckedRequest,
  type Denial,
  denied,
  type Entity,
  entity,
  group,
  listIn,
  type Rule,
} from './rule.ts'

const describedGroups: EntityPlace = {
  kind: 'group',
  request: 'groupIds',
  requestName: undefined,
  response: 'groups',
  responseName: 'groupId',
}
const sharedTopics: EntityPlace = {
  kind: 'topic',
  request: 'topics',
  requestName: 'topicId',
  response: 'responses',
  responseName: 'topicId',
  partitions: {
    request: 'partitions',
    requestIndex: 'partitionIndex',
    response: 'partitions',
    responseIndex: 'partitionIndex',
  },
}
const namedTopics: EntityPlace = { ...sharedTopics, requestName: 'topicName', responseName: 'topicName' }
const describesGroup = entity('DESCRIBE', 'GROUP')
const subscribes = allTopics('DESCRIBE', ({ subscribedTopicNames }) => namesIn(subscribedTopicNames))
const heartbeats: Rule = { whole: [group('READ'), subscribes] }
const sharedRecords: Rule = { whole: [group('READ')], place: sharedTopics, each: readsTopicById }

/** Groups of all kinds, and their offsets. */
export const groupRules: Readonly<Record<string, Rule>> = {
  OffsetCommit: { whole: [group('READ')], each: entity('READ', 'TOPIC') },
  OffsetDelete: { whole: [group('DELETE')], each: entity('READ', 'TOPIC') },
  FindCoordinator: { whole: [findsOne], each: findsKey },
  JoinGroup: { whole: [group('READ')], fail: failJoin },
  Heartbeat: { whole: [group('READ')] },
  LeaveGroup: { whole: [group('READ')] },
  SyncGroup: { whole: [group('READ')] },
  DescribeGroups: { each: describesGroup, rewrite: withOperations },
  ListGroups: { rewrite: onlyVisibleGroups },
  DeleteGroups: { each: entity('DELETE', 'GROUP') },
  ConsumerGroupHeartbeat: heartbeats,
  ConsumerGroupDescribe: {
    each: describesGroup,
    rewrite: (checked, response) => withoutHidden(checked, withOperations(checked, response), hiddenInAssignments),
  },
  ShareGroupHeartbeat: heartbeats,
  ShareGroupDescribe: {
    each: describesGroup,
    rewrite: (checked, response) => withoutHidden(checked, withOperations(checked, response), hiddenInAssignments),
  },
  ShareFetch: sharedRecords,
  ShareAcknowledge: sharedRecords,
  DescribeShareGroupOffsets: {
    each: describesGroup,
    rewrite: onlyVisibleOffsets,
  },
  AlterShareGroupOffsets: {
    whole: [group('READ', 'with-message')],
    place: namedTopics,
    each: entity('READ', 'TOPIC', 'with-message'),
    rewrite: withTopicIds,
  },
  DeleteShareGroupOffsets: {
    whole: [group('DELETE', 'with-message')],
    place: {
      kind: 'topic',
      request: 'topics',
      requestName: 'topicName',
      response: 'responses',
      responseName: 'topicName',
    },
    each: entity('READ', 'TOPIC', 'with-message'),
  },
  StreamsGroupHeartbeat: { whole: [group('READ'), allTopics('DESCRIBE', topicsOfTopology)] },
  StreamsGroupDescribe: {
    place: describedGroups,
    each: describesGroup,
    rewrite: (checked, response) => withoutHidden(checked, withOperations(checked, response), hiddenInTopology),
  },
}

function namesIn(list: unknown): readonly string[] {
  return Array.isArray(list) ? list.map(String) : []
}

const keyTypes = { group: 0, transaction: 1, share: 2 } as const
const firstVersionOfKeys = 4
const firstVersionOfShares = 6

/** Before version 4 a request has a single key. */
function findsOne(checked: CheckedRequest): Denial | undefined {
  const { version, request } = checked
  return version < firstVersionOfKeys ? keyDenial(checked, String(request.key)) : undefined
}

function findsKey(checked: CheckedRequest, { name }: Entity): Denial | undefined {
  const { request, version, permissions } = checked
  const denial = keyDenial(checked, name)
  if (denial !== undefined) return { ...denial, message: '' }
  const isShare = request.keyType === keyTypes.share && version >= firstVersionOfShares
  return isShare && !permissions.mayOnCluster('CLUSTER_ACTION') ? denied('CLUSTER', 'with-message') : undefined
}

function keyDenial({ permissions, request }: CheckedRequest, key: string): Denial | undefined {
  const { keyType = keyTypes.group } = request
  if (keyType === keyTypes.group)
    return permissions.may('DESCRIBE', 'GROUP', key) ? undefined : denied('GROUP', 'with-message')
  if (keyType !== keyTypes.transaction) return undefined
  return permissions.may('DESCRIBE', 'TRANSACTIONAL_ID', key) ? undefined : denied('TRANSACTIONAL_ID', 'with-message')
}

/** Before version 7 the protocol's name cannot be null. */
function failJoin({ version }: CheckedRequest, _error: unknown, top: Struct): Struct {
  return { ...top, protocolName: version < 7 ? '' : null }
}

function readsTopicById(checked: CheckedRequest, { name }: Entity): Denial | undefined {
  const topic = checked.nameOfTopic(name)
  return topic === undefined || checked.permissions.may('READ', 'TOPIC', topic) ? undefined : denied('TOPIC')
}

/** Adds the authorized operations of each group that was found. */
function withOperations({ permissions, request }: CheckedRequest, response: Struct): Struct {
  if (request.includeAuthorizedOperations !== true) return response
  const groups = listIn(response, 'groups').map((each) =>
    each.errorCode === 0
      ? { ...each, authorizedOperations: permissions.operationsOn('GROUP', String(each.groupId)) }
      : each,
  )
  return { ...response, groups }
}

function onlyVisibleGroups({ permissions }: CheckedRequest, response: Struct): Struct {
  if (permissions.mayOnCluster('DESCRIBE')) return response
  const groups = listIn(response, 'groups').filter(({ groupId }) =>
    permissions.may('DESCRIBE', 'GROUP', String(groupId)),
  )
  return { ...response, groups }
}

interface Hidden {
  readonly message: string
  topicsOf(group: Struct): readonly string[]
}

const hiddenInAssignments: Hidden = {
  message: 'The group has described topic(s) that the client is not authorized to describe.',
  topicsOf: (described) =>
    listIn(described, 'members').flatMap(({ assignment, targetAssignment }) =>
      [assignment, targetAssignment].flatMap((each) =>
        listIn((each ?? {}) as Struct, 'topicPartitions').map(({ topicName }) => String(topicName)),
      ),
    ),
}

const hiddenInTopology: Hidden = {
  message: 'The described group uses topics that the client is not authorized to describe.',
  topicsOf: (described) => topicsOfTopology(described),
}

/** Replaces groups that use a topic the client may not describe by an error. */
function withoutHidden({ permissions }: CheckedRequest, response: Struct, { message, topicsOf }: Hidden): Struct {
  const groups = listIn(response, 'groups').map((each) => {
    if (topicsOf(each).every((topic) => permissions.may('DESCRIBE', 'TOPIC', topic))) return each
    const { error } = denied('TOPIC')
    return { ...emptied(each), groupId: each.groupId, errorCode: errorCode(error), errorMessage: message }
  })
  return { ...response, groups }
}

/** The group with the default of each field, as for a group that was not found. */
function emptied(each: Struct): Struct {
  const empty = Object.entries(each).map(([name, value]) => {
    if (name === 'authorizedOperations') return [name, -2_147_483_648] as const
    if (Array.isArray(value)) return [name, []] as const
    if (typeof value === 'string') return [name, ''] as const
    return [name, typeof value === 'number' ? 0 : null] as const
  })
  return Object.fromEntries(empty)
}

function topicsOfTopology({ topology }: Struct): readonly string[] {
  return listIn((topology ?? {}) as Struct, 'subtopologies').flatMap((each) => [
    ...namesIn(each.sourceTopics),
    ...namesIn(each.repartitionSinkTopics),
    ...[...listIn(each, 'repartitionSourceTopics'), ...listIn(each, 'stateChangelogTopics')].map(({ name }) =>
      String(name),
    ),
  ])
}

/** Offsets of topics the client may not describe: an error if the request names the topics, otherwise left out. */
function onlyVisibleOffsets({ permissions, request }: CheckedRequest, response: Struct): Struct {
  const groups = listIn(response, 'groups').map((each) => {
    const requested = listIn(request, 'groups').find(({ groupId }) => groupId === each.groupId)
    const isNamed = requested?.topics !== null
    const topics = listIn(each, 'topics').flatMap((topic) => {
      if (permissions.may('DESCRIBE', 'TOPIC', String(topic.topicName))) return [topic]
      return isNamed ? [hiddenOffsets(topic)] : []
    })
    return { ...each, topics }
  })
  return { ...response, groups }
}

function hiddenOffsets(topic: Struct): Struct {
  const { error, message } = denied('TOPIC', 'with-message')
  const partitions = listIn(topic, 'partitions').map((partition) => ({
    ...partition,
    startOffset: -1n,
    leaderEpoch: 0,
    ...('lag' in partition && { lag: -1n }),
    errorCode: errorCode(error),
    errorMessage: message ?? null,
  }))
  return { ...topic, topicId: zeroUuid, partitions }
}

/** Kafka fills in the ids of denied topics too. */
function withTopicIds({ idOfTopic }: CheckedRequest, response: Struct): Struct {
  const responses = listIn(response, 'responses').map((topic) =>
    topic.topicId === zeroUuid ? { ...topic, topicId: idOfTopic(String(topic.topicName)) ?? zeroUuid } : topic,
  )
  return { ...response, responses }
}
