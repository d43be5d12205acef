import type { Api, Encodable } from '@ottla/codec'
import * as codec from '@ottla/codec'
import { clusterName, operations, resourceTypes } from '../../src/state/rights/acl.ts'
import { addPartitions, begin, type Producer } from '../conformance/transactions.ts'
import { type BatchOptions, batchOf } from '../support/batches.ts'
import type { Wire } from '../support/wire.ts'
import type { Change, World } from './world.ts'

const change = (name: string, make: Change['make']): Change => ({ name, make })

/** Repeats a request until it succeeds: a coordinator may still be loading, and a broker gets metadata later. */
async function done<Q, S>(
  { stage }: World,
  api: Api<Q, S>,
  version: number,
  body: Encodable<Api<Q, S>['request']>,
  isDone: (response: { errorCode: number }) => boolean = ({ errorCode }) => errorCode === 0,
): Promise<void> {
  await stage.until(`${api.name} is done`, async () => isDone((await stage.do(api, version, body)) as never))
}

export const topicCreated = change('topic created', ({ cluster }) =>
  cluster.createTopic({ name: 'u', partitions: 1, replicationFactor: 1 }),
)

export const topicDeleted = change('topic deleted', async ({ stage }) => {
  const topics = [{ name: 't', topicId: codec.zeroUuid }]
  await stage.do(codec.DeleteTopics, 6, { topics, topicNames: [], timeoutMs: 5000 })
  await stage.until('the topic is deleted', async () => (await stage.topicId('t')) === codec.zeroUuid)
})

export const partitionAdded = change('partition added', async ({ stage, cluster }) => {
  const topics = [{ name: 't', count: 2, assignments: null }]
  await stage.do(codec.CreatePartitions, 3, { topics, timeoutMs: 5000, validateOnly: false })
  await stage.until('two partitions', async () => cluster.partition('t', 1).leader > 0)
})

async function produce({ stage }: World, options: BatchOptions = {}): Promise<void> {
  const records = batchOf(['a'], options)
  const topicData = [{ name: 't', topicId: codec.zeroUuid, partitionData: [{ index: 0, records }] }]
  const { responses } = await stage.do(codec.Produce, 9, {
    ...{ transactionalId: null, acks: -1, timeoutMs: 5000, topicData },
  })
  const code = responses[0]?.partitionResponses[0]?.errorCode
  if (code !== 0) throw new Error(`Produce failed with error ${code}`)
}

export const recordWritten = change('record written', (world) => produce(world))

export const producerWrote = change('idempotent producer wrote', (world) =>
  produce(world, { producerId: 9n, producerEpoch: 0, baseSequence: 0 }),
)

// ---- groups ------------------------------------------------------------------------------------------------------------

export const coordinatorLoaded = change('coordinator loaded', async (world) => {
  await world.stage.coordinator('g')
  const body = { groups: ['g'], includeAuthorizedOperations: false }
  await world.stage.until('the coordinator is loaded', async () => {
    const { groups } = await world.stage.do(codec.DescribeGroups, 5, body)
    return groups[0]?.errorCode === 0
  })
})

export const offsetCommitted = change('offset committed', async (world) => {
  await coordinatorLoaded.make(world)
  const partitions = [{ partitionIndex: 0, committedOffset: 5n, committedLeaderEpoch: -1, committedMetadata: null }]
  await world.stage.do(codec.OffsetCommit, 9, {
    ...{ groupId: 'g', generationIdOrMemberEpoch: -1, memberId: '', groupInstanceId: null, retentionTimeMs: -1n },
    topics: [{ name: 't', topicId: codec.zeroUuid, partitions }],
  })
})

/** The only member of `g`, with its generation. */
export interface Classic {
  readonly memberId: string
  readonly generationId: number
}

const classics = new WeakMap<World, Classic>()

export function classicOf(world: World): Classic {
  const found = classics.get(world)
  if (found === undefined) throw new Error('No member joined')
  return found
}

const joined = (name: string, protocolType: string) =>
  change(name, async (world) => {
    await coordinatorLoaded.make(world)
    const member = { groupId: 'g', groupInstanceId: null, protocolType }
    const { memberId, generationId } = await world.stage.do(codec.JoinGroup, 3, {
      ...{ ...member, memberId: '', sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 60_000, reason: null },
      protocols: [{ name: 'range', metadata: Buffer.from('m') }],
    })
    await world.stage.do(codec.SyncGroup, 3, {
      ...{ ...member, memberId, generationId, protocolName: 'range' },
      assignments: [{ memberId, assignment: Buffer.from('all') }],
    })
    classics.set(world, { memberId, generationId })
  })

export const memberJoined = joined('member joined', 'consumer')
export const workerJoined = joined('member of another kind joined', 'connect')

export const memberLeft = change('member left', async (world) => {
  const { memberId } = classicOf(world)
  await world.stage.do(codec.LeaveGroup, 2, { groupId: 'g', memberId, members: [] })
})

export const consumerBeat = {
  ...{ groupId: 'g', memberId: 'm', memberEpoch: 0, instanceId: null, rackId: null, rebalanceTimeoutMs: 60_000 },
  ...{ subscribedTopicNames: ['t'], subscribedTopicRegex: null, serverAssignor: null, topicPartitions: [] },
}

export const consumerJoined = change('consumer joined', async (world) => {
  await coordinatorLoaded.make(world)
  await done(world, codec.ConsumerGroupHeartbeat, 1, consumerBeat)
})

// ---- transactions ------------------------------------------------------------------------------------------------------

const producers = new WeakMap<World, Producer>()

/** The producer of transactional id `x`. */
export function producerOf(world: World): Producer {
  const found = producers.get(world)
  if (found === undefined) throw new Error('No producer')
  return found
}

export const producerReady = change('producer has its id', async (world) => {
  producers.set(world, await begin(world.stage, 'x'))
})

export const producerFenced = change('producer fenced by another', async ({ stage }) => {
  await begin(stage, 'x')
})

export const transactionBegun = change('transaction begun', async (world) => {
  if (!producers.has(world)) await producerReady.make(world)
  await addPartitions(world.stage, 'x', producerOf(world), 't')
})

// ---- decisions of the controller --------------------------------------------------------------------------------------

const aclOf = (resourceType: number, resourceName: string, operation: number) => ({
  ...{ resourceType, resourceName, resourcePatternType: 3, principal: 'User:alice', host: '*' },
  ...{ operation, permissionType: 3 },
})

const aclMade = (name: string, resourceType: number, resourceName: string, operation: number) =>
  change(name, async ({ stage }) => {
    await stage.do(codec.CreateAcls, 3, { creations: [aclOf(resourceType, resourceName, operation)] })
    const any = { principalFilter: null, hostFilter: null, operation: 1, permissionType: 1, patternTypeFilter: 1 }
    const body = { resourceTypeFilter: resourceType, resourceNameFilter: resourceName, ...any }
    await stage.until('the ACL', async () => (await stage.do(codec.DescribeAcls, 3, body)).resources.length > 0)
  })

export const topicAclMade = aclMade('ACL created', resourceTypes.TOPIC, 't', operations.READ)
export const clusterAllowed = aclMade(
  'ACL created that allows it',
  resourceTypes.CLUSTER,
  clusterName,
  operations.ALTER,
)
export const clusterAlterConfigsAllowed = aclMade(
  'ACL created that allows configs',
  resourceTypes.CLUSTER,
  clusterName,
  operations.ALTER_CONFIGS,
)
export const tokensAllowed = aclMade(
  'ACL created that allows tokens for bob',
  resourceTypes.USER,
  'User:bob',
  operations.CREATE_TOKENS,
)

export const quotaMade = change('quota set', async ({ stage }) => {
  const entity = [{ entityType: 'user', entityName: 'alice' }]
  const ops = [{ key: 'producer_byte_rate', value: 1000, remove: false }]
  await stage.do(codec.AlterClientQuotas, 1, { entries: [{ entity, ops }], validateOnly: false })
  const body = { components: [{ entityType: 'user', matchType: 2, match: null }], strict: false }
  await stage.until('the quota', async () => {
    const { entries } = await stage.do(codec.DescribeClientQuotas, 1, body)
    return (entries?.length ?? 0) > 0
  })
})

export const userMade = change('user created', async (world) => {
  const { stage } = world
  const saltedPassword = Buffer.alloc(32, 1)
  const carol = { name: 'carol', mechanism: 1, iterations: 4096, salt: Buffer.from('salt'), saltedPassword }
  await stage.do(codec.AlterUserScramCredentials, 0, { deletions: [], upsertions: [carol] })
  await done(world, codec.DescribeUserScramCredentials, 0, { users: [{ name: 'carol' }] }, (response) => {
    const { results } = response as unknown as { results: readonly { errorCode: number }[] }
    return results[0]?.errorCode === 0
  })
})

const tokens = new WeakMap<World, Buffer>()

/** The hmac of alice's token. */
export function hmacOf(world: World): Buffer {
  const found = tokens.get(world)
  if (found === undefined) throw new Error('No token')
  return found
}

export const tokenMade = change('token created', async (world) => {
  const { stage } = world
  const on = await stage.open({ user: { name: 'alice', password: 'alice-secret' } })
  const { hmac } = await stage.do(
    codec.CreateDelegationToken,
    3,
    { renewers: [], maxLifetimeMs: -1n, ownerPrincipalType: null, ownerPrincipalName: null },
    { on },
  )
  tokens.set(world, Buffer.from(hmac))
  await stage.until('the token', async () => {
    const response = await stage.do(codec.DescribeDelegationToken, 3, { owners: null }, { on })
    return response.tokens.length > 0
  })
})

export const tokenExpired = change('token expired', async (world) => {
  const on = await world.stage.open({ user: { name: 'alice', password: 'alice-secret' } })
  const body = { hmac: hmacOf(world), expiryTimePeriodMs: -1n }
  await world.stage.do(codec.ExpireDelegationToken, 2, body, { on })
})

const configSet = (name: string, resourceType: number, resourceName: string, config: string, value: string) =>
  change(name, async ({ stage }) => {
    const configs = [{ name: config, configOperation: 0, value }]
    const resources = [{ resourceType, resourceName, configs }]
    await stage.do(codec.IncrementalAlterConfigs, 1, { resources, validateOnly: false })
    const asked = [{ resourceType, resourceName, configurationKeys: [config] }]
    await stage.until(config, async () => {
      const body = { resources: asked, includeSynonyms: false, includeDocumentation: false }
      return (await stage.do(codec.DescribeConfigs, 4, body)).results[0]?.configs[0]?.value === value
    })
  })

export const topicConfigSet = configSet('topic config set', 2, 't', 'retention.ms', '1234')
export const metricsMade = configSet('client metrics created', 16, 'metrics', 'interval.ms', '1000')

const featureAt = (name: string, feature: string, maxVersionLevel: number, upgradeType: number) =>
  change(name, async ({ stage }) => {
    const featureUpdates = [{ feature, maxVersionLevel, allowDowngrade: false, upgradeType }]
    const body = { timeoutMs: 5000, featureUpdates, validateOnly: false }
    await stage.do(codec.UpdateFeatures, 2, body)
    const software = { clientSoftwareName: 'ottla', clientSoftwareVersion: '1' }
    await stage.until(`${feature} at ${maxVersionLevel}`, async () => {
      const { finalizedFeatures } = await stage.do(codec.ApiVersions, 4, software)
      const level = finalizedFeatures.find((each) => each.name === feature)?.maxVersionLevel ?? 0
      return level === maxVersionLevel
    })
  })

export const electionsOld = featureAt('feature updated', 'eligible.leader.replicas.version', 0, 2)
export const votersFree = featureAt('feature updated: voters may change', 'kraft.version', 1, 1)

export const brokerKilled = change('broker killed', async ({ cluster, stage }) => {
  await cluster.broker(2).kill()
  const body = { includeClusterAuthorizedOperations: false, endpointType: 1, includeFencedBrokers: false }
  await stage.until('one broker', async () => (await stage.do(codec.DescribeCluster, 2, body)).brokers.length === 1)
})

export const partitionMoves = change('reassignment begun', async ({ cluster }) => {
  cluster.broker(2).pauseReplication()
  await cluster.reassign('t', 0, [2])
})

// ---- share groups and streams ------------------------------------------------------------------------------------------

export const shareMember = 'AAAAAAAAAAAAAAAAAAAAAg'

export const shareBeat = {
  ...{ groupId: 'g', memberId: shareMember, memberEpoch: 0, rackId: null, subscribedTopicNames: ['t'] },
}

export const shareJoined = change('share group joined', async (world) => {
  await coordinatorLoaded.make(world)
  // A member gets its partitions with the first heartbeat after the share coordinator has initialized their state.
  await world.stage.until('the member has its partitions', async () => {
    const { errorCode, assignment } = await world.stage.do(codec.ShareGroupHeartbeat, 1, shareBeat)
    return errorCode === 0 && (assignment?.topicPartitions.length ?? 0) > 0
  })
})

export const shareFetch = (topicId: string) => ({
  ...{ groupId: 'g', memberId: shareMember, shareSessionEpoch: 0, maxWaitMs: 0, minBytes: 0, maxBytes: 1 << 20 },
  ...{ maxRecords: 10, batchSize: 10, shareAcquireMode: 0, isRenewAck: false },
  topics: [{ topicId, partitions: [{ partitionIndex: 0, acknowledgementBatches: [] }] }],
  forgottenTopicsData: [],
})

/** The share partition starts at the log end offset, and is loaded. */
export const shareFetched = change('share session opened', async (world) => {
  await world.stage.until('the share partition is loaded', async () => {
    const beat = await world.stage.do(codec.ShareGroupHeartbeat, 1, shareBeat)
    const { errorCode, responses } = await world.stage.do(codec.ShareFetch, 2, shareFetch(world.topicId))
    return beat.errorCode === 0 && errorCode === 0 && responses[0]?.partitions[0]?.errorCode === 0
  })
})

export const stateCoordinatorLoaded = change('coordinator of share states loaded', async ({ stage, topicId }) => {
  await stage.coordinator(`g:${topicId}:0`, 'share')
  const topics = [{ topicId, partitions: [{ partition: 0, leaderEpoch: -1 }] }]
  await stage.until('the coordinator is loaded', async () => {
    const { results } = await stage.do(codec.ReadShareGroupStateSummary, 0, { groupId: 'g', topics })
    return results[0]?.partitions[0]?.errorCode === 0
  })
})

export const shareStateInitialized = change('share state initialized', async (world) => {
  await stateCoordinatorLoaded.make(world)
  const partitions = [{ partition: 0, stateEpoch: 5, startOffset: 3n }]
  const topics = [{ topicId: world.topicId, partitions }]
  await world.stage.do(codec.InitializeShareGroupState, 0, { groupId: 'g', topics })
})

export const shareOffsetsAltered = change('share offsets altered', async (world) => {
  await coordinatorLoaded.make(world)
  const topics = [{ topicName: 't', partitions: [{ partitionIndex: 0, startOffset: 0n }] }]
  await done(world, codec.AlterShareGroupOffsets, 0, { groupId: 'g', topics })
})

export const streamsBeat = {
  ...{ groupId: 'g', memberId: 'm', memberEpoch: 0, endpointInformationEpoch: 0, instanceId: null, rackId: null },
  ...{ rebalanceTimeoutMs: 60_000, activeTasks: [], standbyTasks: [], warmupTasks: [], processId: 'p' },
  ...{ userEndpoint: null, clientTags: null, taskOffsets: null, taskEndOffsets: null, shutdownApplication: false },
  topology: {
    epoch: 1,
    subtopologies: [
      {
        ...{ subtopologyId: '0', sourceTopics: ['t'], sourceTopicRegex: [], stateChangelogTopics: [] },
        ...{ repartitionSinkTopics: [], repartitionSourceTopics: [], copartitionGroups: [] },
      },
    ],
  },
}

export const streamsJoined = change('streams group joined', async (world) => {
  await coordinatorLoaded.make(world)
  await done(world, codec.StreamsGroupHeartbeat, 0, streamsBeat)
})

// ---- connections -------------------------------------------------------------------------------------------------------

const saslWires = new WeakMap<World, Wire>()

/** The only connection to the SASL listener. */
export async function saslWire(world: World): Promise<Wire> {
  const wire = saslWires.get(world) ?? (await world.stage.open({ sasl: true }))
  saslWires.set(world, wire)
  return wire
}

export const loggedIn = change('logged in', async (world) => {
  const on = await saslWire(world)
  await world.stage.do(codec.SaslAuthenticate, 2, { authBytes: Buffer.from('\0alice\0alice-secret') }, { on })
})

/** Another connection, in the middle of an authentication. */
export async function scramBegun({ stage }: World): Promise<Wire> {
  const on = await stage.open({ sasl: true })
  await stage.do(codec.SaslHandshake, 1, { mechanism: 'SCRAM-SHA-256' }, { on })
  return on
}
