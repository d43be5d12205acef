import type { Struct } from '../messages/blank.ts'
import { clusterName } from '../state/rights/acl.ts'
import {
  type CheckedRequest,
  cluster,
  type Denial,
  denied,
  type Entity,
  type ErrorFields,
  entity,
  listIn,
  type Rule,
} from './rule.ts'

const sharesState: Rule = { whole: [cluster('CLUSTER_ACTION', 'with-message')] }
const altersCluster = cluster('ALTER', 'thrown')

/** Configs, ACLs, users, tokens, quotas, brokers and controllers. */
export const adminRules: Readonly<Record<string, Rule>> = {
  DescribeAcls: { whole: [cluster('DESCRIBE', 'thrown')] },
  CreateAcls: {
    byController: true,
    whole: [altersCluster],
    fail: ({ request }, error) => ({ results: forEach(request, 'creations', error) }),
  },
  DeleteAcls: {
    byController: true,
    whole: [altersCluster],
    fail: ({ request }, error) => ({ filterResults: forEach(request, 'filters', { ...error, matchingAcls: [] }) }),
  },
  DescribeConfigs: { each: ofResource('DESCRIBE_CONFIGS') },
  AlterConfigs: { byController: true, each: ofNamedResource },
  IncrementalAlterConfigs: { byController: true, each: ofResource('ALTER_CONFIGS') },
  AlterReplicaLogDirs: { whole: [cluster('ALTER')], fail: failDirs },
  DescribeLogDirs: { whole: [cluster('DESCRIBE')] },
  CreateDelegationToken: { whole: [createsToken], fail: failToken },
  DescribeDelegationToken: { rewrite: onlyVisibleTokens },
  ElectLeaders: { byController: true, whole: [altersCluster], fail: failElections },
  AlterPartitionReassignments: { byController: true, whole: [altersCluster], fail: failReassignments },
  ListPartitionReassignments: { byController: true, whole: [cluster('DESCRIBE', 'thrown')], fail: failListing },
  DescribeClientQuotas: { whole: [cluster('DESCRIBE_CONFIGS')] },
  AlterClientQuotas: { byController: true, whole: [cluster('ALTER_CONFIGS', 'with-message')], fail: failQuotas },
  DescribeUserScramCredentials: { whole: [cluster('DESCRIBE')], fail: failUsers },
  AlterUserScramCredentials: { byController: true, whole: [altersCluster], fail: failCredentials },
  DescribeQuorum: { byController: true, whole: [cluster('DESCRIBE', 'with-message')] },
  UpdateFeatures: { byController: true, whole: [altersCluster] },
  DescribeCluster: { rewrite: withClusterOperations },
  UnregisterBroker: { byController: true, whole: [altersCluster] },
  ListConfigResources: { whole: [cluster('DESCRIBE_CONFIGS')] },
  AddRaftVoter: { byController: true, whole: [cluster('ALTER', 'with-message')] },
  RemoveRaftVoter: { byController: true, whole: [cluster('ALTER', 'with-message')] },
  UpdateRaftVoter: { byController: true, whole: [cluster('CLUSTER_ACTION')] },
  InitializeShareGroupState: sharesState,
  ReadShareGroupState: sharesState,
  WriteShareGroupState: sharesState,
  DeleteShareGroupState: sharesState,
  ReadShareGroupStateSummary: sharesState,
  Vote: betweenNodes(),
  BeginQuorumEpoch: betweenNodes(),
  EndQuorumEpoch: betweenNodes(),
  AlterPartition: betweenNodes(),
  Envelope: betweenNodes(),
  FetchSnapshot: betweenNodes(),
  BrokerRegistration: betweenNodes(),
  BrokerHeartbeat: betweenNodes(),
  AllocateProducerIds: betweenNodes(),
  ControllerRegistration: betweenNodes(),
  AssignReplicasToDirs: betweenNodes(),
}

function betweenNodes(): Rule {
  return { whole: [cluster('CLUSTER_ACTION')] }
}

const resourceKinds = { topic: 2, broker: 4, brokerLogger: 8, clientMetrics: 16, group: 32 } as const

/** Configs of topics and groups need a right on these; all others need one on the cluster. */
function ofResource(operation: 'DESCRIBE_CONFIGS' | 'ALTER_CONFIGS') {
  const onTopic = entity(operation, 'TOPIC', 'with-message')
  const onGroup = entity(operation, 'GROUP', 'with-message')
  return (checked: CheckedRequest, each: Entity): Denial | undefined => {
    const { resourceType } = each.fields
    if (resourceType === resourceKinds.topic) return onTopic(checked, each)
    if (resourceType === resourceKinds.group) return onGroup(checked, each)
    const { broker, brokerLogger, clientMetrics } = resourceKinds
    const isOfCluster = resourceType === broker || resourceType === brokerLogger || resourceType === clientMetrics
    if (!isOfCluster || checked.permissions.mayOnCluster(operation)) return undefined
    // The broker itself alters loggers, and sends no message, unlike the controller.
    const hasMessage = operation === 'DESCRIBE_CONFIGS' || resourceType !== brokerLogger
    return denied('CLUSTER', hasMessage ? 'with-message' : 'code-only')
  }
}

/** AlterConfigs does not support loggers: its handler rejects them. */
function ofNamedResource(checked: CheckedRequest, each: Entity): Denial | undefined {
  return each.fields.resourceType === resourceKinds.brokerLogger
    ? undefined
    : ofResource('ALTER_CONFIGS')(checked, each)
}

/** The same result for each element of a list in the request. */
function forEach(request: Struct, list: string, result: object): object[] {
  return listIn(request, list).map(() => result)
}

function failDirs({ request }: CheckedRequest, { errorCode }: ErrorFields): Struct {
  const topics = listIn(request, 'dirs').flatMap((dir) => listIn(dir, 'topics'))
  const results = topics.map(({ name, partitions }) => ({
    topicName: name,
    partitions: (partitions as readonly number[]).map((partitionIndex) => ({ partitionIndex, errorCode })),
  }))
  return { results }
}

function failElections({ request }: CheckedRequest, { errorCode, errorMessage }: ErrorFields, top: Struct): Struct {
  const replicaElectionResults = listIn(request, 'topicPartitions').map(({ topic, partitions }) => ({
    topic,
    partitionResult: (partitions as readonly number[]).map((partitionId) => ({ partitionId, errorCode, errorMessage })),
  }))
  return { ...top, replicaElectionResults }
}

function failReassignments({ request }: CheckedRequest, error: ErrorFields, top: Struct): Struct {
  const responses = listIn(request, 'topics').map(({ name, partitions }) => ({
    name,
    partitions: listIn({ partitions }, 'partitions').map(({ partitionIndex }) => ({ partitionIndex, ...error })),
  }))
  return { ...top, responses }
}

function failListing({ request }: CheckedRequest, _error: ErrorFields, top: Struct): Struct {
  const nothing = { replicas: [], addingReplicas: [], removingReplicas: [] }
  const topics = listIn(request, 'topics').map(({ name, partitionIndexes }) => ({
    name,
    partitions: (partitionIndexes as readonly number[]).map((partitionIndex) => ({ partitionIndex, ...nothing })),
  }))
  return { ...top, topics }
}

function failQuotas({ request }: CheckedRequest, error: ErrorFields): Struct {
  return { entries: listIn(request, 'entries').map(({ entity: of }) => ({ ...error, entity: of })) }
}

/** Kafka leaves the user names out. */
function failUsers({ request }: CheckedRequest, error: ErrorFields, top: Struct): Struct {
  return { ...top, results: forEach(request, 'users', { ...error, user: '', credentialInfos: [] }) }
}

function failCredentials({ request }: CheckedRequest, error: ErrorFields): Struct {
  const named = [...listIn(request, 'deletions'), ...listIn(request, 'upsertions')].map(({ name }) => name)
  return { results: [...new Set(named)].map((user) => ({ user, ...error })) }
}

/** Everyone may create tokens for themselves; for another owner it takes CREATE_TOKENS. */
function createsToken(checked: CheckedRequest): Denial | undefined {
  const { principalType, principalName } = ownerOf(checked)
  const owner = `${principalType}:${principalName}`
  if (owner === checked.principal || checked.permissions.may('CREATE_TOKENS', 'USER', owner)) return undefined
  return denied('DELEGATION_TOKEN')
}

function ownerOf({ request, principal }: CheckedRequest): {
  readonly principalType: string
  readonly principalName: string
} {
  const { ownerPrincipalType, ownerPrincipalName } = request
  if (typeof ownerPrincipalName === 'string' && ownerPrincipalName !== '') {
    return { principalType: String(ownerPrincipalType), principalName: ownerPrincipalName }
  }
  return partsOf(principal)
}

function partsOf(principal: string) {
  const at = principal.indexOf(':')
  return { principalType: principal.slice(0, at), principalName: principal.slice(at + 1) }
}

function failToken(checked: CheckedRequest, _error: ErrorFields, top: Struct): Struct {
  const { principalType, principalName } = partsOf(checked.principal)
  const requester = { tokenRequesterPrincipalType: principalType, tokenRequesterPrincipalName: principalName }
  const never = { issueTimestampMs: -1n, expiryTimestampMs: -1n, maxTimestampMs: -1n }
  return { ...top, ...ownerOf(checked), ...(checked.version >= 3 && requester), ...never }
}

/** The principal's own tokens, those it may renew, and those it may describe. */
function onlyVisibleTokens({ permissions, principal }: CheckedRequest, response: Struct): Struct {
  const tokens = listIn(response, 'tokens').filter((token) => {
    const owner = `${token.principalType}:${token.principalName}`
    const renewers = listIn(token, 'renewers').map((each) => `${each.principalType}:${each.principalName}`)
    if (owner === principal || renewers.includes(principal)) return true
    const isVisible = permissions.may('DESCRIBE', 'DELEGATION_TOKEN', String(token.tokenId))
    return isVisible || permissions.may('DESCRIBE_TOKENS', 'USER', owner)
  })
  return { ...response, tokens }
}

function withClusterOperations({ permissions, request }: CheckedRequest, response: Struct): Struct {
  if (request.includeClusterAuthorizedOperations !== true || response.errorCode !== 0) return response
  const mayDescribe = permissions.mayOnCluster('DESCRIBE')
  return {
    ...response,
    clusterAuthorizedOperations: mayDescribe ? permissions.operationsOn('CLUSTER', clusterName) : 0,
  }
}
