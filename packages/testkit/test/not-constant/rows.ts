import * as codec from '@ottla/codec'
import { zeroUuid } from '@ottla/codec'
import type { Struct } from '../../src/messages/blank.ts'
import { batchOf } from '../support/batches.ts'
import * as changes from './changes.ts'
import { asAlice, type Row, type World } from './world.ts'

const records = batchOf(['v'], { timestamp: 1_700_000_000_000 })
const config = [{ name: 'retention.ms', value: '5', configOperation: 0 }]
const ofTopic: Struct = { resourceType: 2, resourceName: 't' }
const everything = { operation: 1, permissionType: 1, patternTypeFilter: 1 }

/** Topics, records, brokers. */
const dataRows: readonly Row[] = [
  {
    api: codec.Produce,
    request: ({ topicId }) => ({
      ...{ transactionalId: null, acks: -1, timeoutMs: 5000 },
      topicData: [{ topicId, partitionData: [{ index: 0, records }] }],
    }),
  },
  {
    api: codec.Fetch,
    request: ({ topicId }) => ({
      ...{ maxWaitMs: 0, minBytes: 0, maxBytes: 1 << 20, sessionEpoch: -1 },
      topics: [{ topicId, partitions: [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1 << 20 }] }],
    }),
    change: changes.recordWritten,
  },
  {
    api: codec.ListOffsets,
    request: () => ({
      replicaId: -1,
      topics: [{ name: 't', partitions: [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: -1n }] }],
    }),
    change: changes.recordWritten,
  },
  { api: codec.Metadata, request: () => ({ topics: null }), change: changes.topicCreated },
  {
    api: codec.CreateTopics,
    request: () => ({
      topics: [{ name: 'u', numPartitions: 1, replicationFactor: 1 }],
      ...{ timeoutMs: 5000, validateOnly: true },
    }),
    change: changes.topicCreated,
  },
  {
    api: codec.DeleteTopics,
    request: () => ({ topics: [{ name: 't', topicId: zeroUuid }], timeoutMs: 5000 }),
  },
  {
    api: codec.DeleteRecords,
    request: () => ({ topics: [{ name: 't', partitions: [{ partitionIndex: 0, offset: 1n }] }], timeoutMs: 5000 }),
    change: changes.recordWritten,
  },
  {
    api: codec.OffsetForLeaderEpoch,
    request: () => ({
      replicaId: -1,
      topics: [{ topic: 't', partitions: [{ partition: 0, currentLeaderEpoch: -1, leaderEpoch: 0 }] }],
    }),
    change: changes.recordWritten,
  },
  {
    api: codec.AlterReplicaLogDirs,
    request: async ({ stage }) => {
      const { results } = await stage.do(codec.DescribeLogDirs, 4, { topics: null })
      return { dirs: [{ path: results[0]?.logDir ?? '', topics: [{ name: 'u', partitions: [0] }] }] }
    },
    change: changes.topicCreated,
  },
  {
    api: codec.DescribeLogDirs,
    request: () => ({ topics: [{ topic: 't', partitions: [0] }] }),
    change: changes.recordWritten,
  },
  {
    api: codec.CreatePartitions,
    request: () => ({ topics: [{ name: 't', count: 2, assignments: null }], timeoutMs: 5000, validateOnly: true }),
    change: changes.partitionAdded,
  },
  {
    api: codec.ElectLeaders,
    request: () => ({ electionType: 0, topicPartitions: [{ topic: 'u', partitions: [0] }], timeoutMs: 5000 }),
    change: changes.topicCreated,
  },
  {
    api: codec.AlterPartitionReassignments,
    request: () => ({
      ...{ timeoutMs: 5000, allowReplicationFactorChange: true },
      topics: [{ name: 'u', partitions: [{ partitionIndex: 0, replicas: [1] }] }],
    }),
    change: changes.topicCreated,
  },
  {
    api: codec.ListPartitionReassignments,
    brokers: 2,
    request: () => ({ timeoutMs: 5000, topics: null }),
    change: changes.partitionMoves,
  },
  {
    api: codec.DescribeProducers,
    request: () => ({ topics: [{ name: 't', partitionIndexes: [0] }] }),
    change: changes.producerWrote,
  },
  {
    api: codec.DescribeTopicPartitions,
    request: () => ({ topics: [{ name: 'u' }], cursor: null }),
    change: changes.topicCreated,
  },
  { api: codec.DescribeCluster, brokers: 2, request: () => ({ endpointType: 1 }), change: changes.brokerKilled },
  { api: codec.UnregisterBroker, brokers: 2, request: () => ({ brokerId: 2 }) },
]

const ofMember = (world: World) => ({ groupId: 'g', ...changes.classicOf(world) })

/** Groups of the classic and the consumer protocol. */
const groupRows: readonly Row[] = [
  {
    api: codec.OffsetCommit,
    given: [changes.coordinatorLoaded],
    request: ({ topicId }) => ({
      ...{ groupId: 'g', generationIdOrMemberEpoch: -1, memberId: '', groupInstanceId: null },
      topics: [{ topicId, partitions: [{ partitionIndex: 0, committedOffset: 1n, committedLeaderEpoch: -1 }] }],
    }),
    change: changes.memberJoined,
  },
  {
    api: codec.OffsetFetch,
    given: [changes.coordinatorLoaded],
    request: ({ topicId }) => ({
      groups: [{ groupId: 'g', memberId: null, memberEpoch: -1, topics: [{ topicId, partitionIndexes: [0] }] }],
    }),
    change: changes.offsetCommitted,
  },
  {
    api: codec.FindCoordinator,
    // The first request creates the offsets topic.
    isOnce: true,
    request: () => ({ keyType: 0, coordinatorKeys: ['g'] }),
    change: changes.coordinatorLoaded,
  },
  {
    api: codec.JoinGroup,
    given: [changes.coordinatorLoaded],
    request: () => ({
      ...{ groupId: 'g', sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 60_000, memberId: 'stranger' },
      ...{ groupInstanceId: null, protocolType: 'consumer' },
      protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
    }),
    change: changes.workerJoined,
  },
  {
    api: codec.Heartbeat,
    given: [changes.memberJoined],
    request: (world) => ({ ...ofMember(world), groupInstanceId: null }),
    change: changes.memberLeft,
  },
  {
    api: codec.LeaveGroup,
    given: [changes.memberJoined],
    request: (world) => ({
      groupId: 'g',
      members: [{ memberId: changes.classicOf(world).memberId, groupInstanceId: null, reason: null }],
    }),
  },
  {
    api: codec.SyncGroup,
    given: [changes.memberJoined],
    request: (world) => ({
      ...{ ...ofMember(world), groupInstanceId: null, protocolType: 'consumer', protocolName: 'range' },
      assignments: [],
    }),
    change: changes.memberLeft,
  },
  {
    api: codec.DescribeGroups,
    given: [changes.coordinatorLoaded],
    request: () => ({ groups: ['g'] }),
    change: changes.memberJoined,
  },
  { api: codec.ListGroups, given: [changes.coordinatorLoaded], request: () => ({}), change: changes.memberJoined },
  {
    api: codec.DeleteGroups,
    given: [changes.coordinatorLoaded],
    request: () => ({ groupsNames: ['g'] }),
    change: changes.offsetCommitted,
  },
  {
    api: codec.OffsetDelete,
    given: [changes.coordinatorLoaded],
    request: () => ({ groupId: 'g', topics: [{ name: 't', partitions: [{ partitionIndex: 0 }] }] }),
    change: changes.offsetCommitted,
  },
  {
    api: codec.ConsumerGroupHeartbeat,
    given: [changes.consumerJoined],
    request: () => changes.consumerBeat,
    change: changes.partitionAdded,
  },
  {
    api: codec.ConsumerGroupDescribe,
    given: [changes.coordinatorLoaded],
    request: () => ({ groupIds: ['g'] }),
    change: changes.consumerJoined,
  },
]

const ofProducer = (world: World) => {
  const { producerId, producerEpoch } = changes.producerOf(world)
  return { transactionalId: 'x', producerId, producerEpoch }
}

const transactionRows: readonly Row[] = [
  {
    api: codec.InitProducerId,
    given: [changes.producerReady],
    request: () => ({ transactionalId: 'x', transactionTimeoutMs: 60_000, producerId: -1n, producerEpoch: -1 }),
  },
  {
    api: codec.AddPartitionsToTxn,
    version: 3,
    given: [changes.producerReady],
    request: (world) => {
      const { producerId, producerEpoch } = changes.producerOf(world)
      return {
        ...{ v3AndBelowTransactionalId: 'x', v3AndBelowProducerId: producerId },
        ...{ v3AndBelowProducerEpoch: producerEpoch, v3AndBelowTopics: [{ name: 't', partitions: [0] }] },
      }
    },
    change: changes.producerFenced,
  },
  {
    api: codec.AddOffsetsToTxn,
    given: [changes.coordinatorLoaded, changes.producerReady],
    request: (world) => ({ ...ofProducer(world), groupId: 'g' }),
    change: changes.producerFenced,
  },
  {
    api: codec.EndTxn,
    version: 4,
    given: [changes.producerReady],
    request: (world) => ({ ...ofProducer(world), committed: true }),
    change: changes.transactionBegun,
  },
  {
    api: codec.WriteTxnMarkers,
    request: () => ({
      markers: [
        {
          ...{ producerId: 9n, producerEpoch: 0, transactionResult: true, coordinatorEpoch: 0, transactionVersion: 1 },
          topics: [{ name: 't', partitionIndexes: [0] }],
        },
      ],
    }),
    change: changes.topicDeleted,
  },
  {
    api: codec.TxnOffsetCommit,
    version: 4,
    given: [changes.coordinatorLoaded, changes.producerReady],
    request: (world) => ({
      ...{ ...ofProducer(world), groupId: 'g', generationId: -1, memberId: '', groupInstanceId: null },
      topics: [{ name: 't', partitions: [{ partitionIndex: 0, committedOffset: 1n, committedLeaderEpoch: -1 }] }],
    }),
    change: changes.topicDeleted,
  },
  {
    api: codec.DescribeTransactions,
    given: [changes.producerReady],
    request: () => ({ transactionalIds: ['x'] }),
    change: changes.transactionBegun,
  },
  {
    api: codec.ListTransactions,
    given: [changes.producerReady],
    request: () => ({ durationFilter: -1n }),
    change: changes.transactionBegun,
  },
]

/** Decisions of the controller: ACLs, quotas, users, tokens, configs, features, voters. */
const clusterRows: readonly Row[] = [
  {
    api: codec.ApiVersions,
    request: () => ({ clientSoftwareName: 'ottla', clientSoftwareVersion: '1' }),
    change: changes.electionsOld,
  },
  {
    api: codec.DescribeAcls,
    request: () => ({ ...everything, resourceTypeFilter: 2, resourceNameFilter: null }),
    change: changes.topicAclMade,
  },
  {
    api: codec.CreateAcls,
    on: asAlice,
    request: () => ({
      creations: [
        {
          ...{ resourceType: 2, resourceName: 'z', resourcePatternType: 3, principal: 'User:bob' },
          ...{ host: '*', operation: 3, permissionType: 3 },
        },
      ],
    }),
    change: changes.clusterAllowed,
  },
  {
    api: codec.DeleteAcls,
    request: () => ({ filters: [{ ...everything, resourceTypeFilter: 2, resourceNameFilter: null }] }),
    change: changes.topicAclMade,
  },
  {
    api: codec.DescribeConfigs,
    request: () => ({ resources: [{ ...ofTopic, configurationKeys: null }] }),
    change: changes.topicConfigSet,
  },
  {
    api: codec.AlterConfigs,
    request: () => ({ resources: [{ ...ofTopic, configs: config }], validateOnly: true }),
    change: changes.topicDeleted,
  },
  {
    api: codec.IncrementalAlterConfigs,
    request: () => ({ resources: [{ ...ofTopic, configs: config }], validateOnly: true }),
    change: changes.topicDeleted,
  },
  { api: codec.ListConfigResources, request: () => ({ resourceTypes: [16] }), change: changes.metricsMade },
  {
    api: codec.DescribeClientQuotas,
    request: () => ({ components: [{ entityType: 'user', matchType: 2, match: null }] }),
    change: changes.quotaMade,
  },
  {
    api: codec.AlterClientQuotas,
    on: asAlice,
    request: () => ({
      entries: [
        {
          entity: [{ entityType: 'user', entityName: 'bob' }],
          ops: [{ key: 'producer_byte_rate', value: 1, remove: false }],
        },
      ],
      validateOnly: true,
    }),
    change: changes.clusterAlterConfigsAllowed,
  },
  {
    api: codec.DescribeUserScramCredentials,
    request: () => ({ users: [{ name: 'carol' }] }),
    change: changes.userMade,
  },
  {
    api: codec.AlterUserScramCredentials,
    request: () => ({ deletions: [{ name: 'carol', mechanism: 1 }], upsertions: [] }),
    change: changes.userMade,
  },
  {
    api: codec.SaslHandshake,
    on: changes.saslWire,
    // A second handshake on one connection is an error.
    isOnce: true,
    request: () => ({ mechanism: 'PLAIN' }),
    change: changes.loggedIn,
  },
  {
    api: codec.SaslAuthenticate,
    on: changes.scramBegun,
    request: () => ({ authBytes: Buffer.from('n,,n=carol,r=nonce') }),
    change: changes.userMade,
  },
  {
    api: codec.CreateDelegationToken,
    on: asAlice,
    request: () => ({ ownerPrincipalType: 'User', ownerPrincipalName: 'bob', renewers: [], maxLifetimeMs: -1n }),
    change: changes.tokensAllowed,
  },
  {
    api: codec.RenewDelegationToken,
    on: asAlice,
    given: [changes.tokenMade],
    request: (world) => ({ hmac: changes.hmacOf(world), renewPeriodMs: -1n }),
    change: changes.tokenExpired,
  },
  {
    api: codec.ExpireDelegationToken,
    on: asAlice,
    given: [changes.tokenMade],
    request: (world) => ({ hmac: changes.hmacOf(world), expiryTimePeriodMs: -1n }),
  },
  {
    api: codec.DescribeDelegationToken,
    on: asAlice,
    request: () => ({ owners: null }),
    change: changes.tokenMade,
  },
  {
    api: codec.DescribeQuorum,
    request: () => ({ topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }] }),
    change: changes.topicCreated,
  },
  {
    api: codec.UpdateFeatures,
    request: () => ({
      ...{ timeoutMs: 5000, validateOnly: true },
      featureUpdates: [{ feature: 'eligible.leader.replicas.version', maxVersionLevel: 1, upgradeType: 2 }],
    }),
    change: changes.electionsOld,
  },
  {
    api: codec.AddRaftVoter,
    request: () => ({
      ...{ clusterId: null, timeoutMs: 1000, voterId: 4, voterDirectoryId: changes.shareMember },
      listeners: [{ name: 'CONTROLLER', host: 'localhost', port: 1 }],
    }),
    change: changes.votersFree,
  },
  {
    api: codec.RemoveRaftVoter,
    request: () => ({ clusterId: null, voterId: 4, voterDirectoryId: changes.shareMember }),
    change: changes.votersFree,
  },
]

const stateOf = ({ topicId }: World, partition: Struct = {}) => ({
  groupId: 'g',
  topics: [{ topicId, partitions: [{ partition: 0, ...partition }] }],
})

/** Share groups, the state of share partitions, and streams groups. */
const shareRows: readonly Row[] = [
  {
    api: codec.ShareGroupHeartbeat,
    given: [changes.shareJoined],
    request: () => changes.shareBeat,
    change: changes.partitionAdded,
  },
  {
    api: codec.ShareGroupDescribe,
    given: [changes.coordinatorLoaded],
    request: () => ({ groupIds: ['g'] }),
    change: changes.shareJoined,
  },
  {
    api: codec.ShareFetch,
    given: [changes.shareJoined, changes.shareFetched],
    request: ({ topicId }) => changes.shareFetch(topicId),
    change: changes.recordWritten,
  },
  {
    api: codec.ShareAcknowledge,
    given: [changes.shareJoined],
    request: () => ({ groupId: 'g', memberId: changes.shareMember, shareSessionEpoch: 1, topics: [] }),
    change: changes.shareFetched,
  },
  {
    api: codec.InitializeShareGroupState,
    given: [changes.stateCoordinatorLoaded],
    request: (world) => stateOf(world, { stateEpoch: 1, startOffset: 0n }),
    change: changes.shareStateInitialized,
  },
  {
    api: codec.ReadShareGroupState,
    given: [changes.stateCoordinatorLoaded],
    request: (world) => stateOf(world, { leaderEpoch: -1 }),
    change: changes.shareStateInitialized,
  },
  {
    api: codec.WriteShareGroupState,
    given: [changes.stateCoordinatorLoaded],
    request: (world) =>
      stateOf(world, { stateEpoch: 5, leaderEpoch: 0, startOffset: 0n, deliveryCompleteCount: 0, stateBatches: [] }),
    change: changes.shareStateInitialized,
  },
  {
    api: codec.DeleteShareGroupState,
    given: [changes.stateCoordinatorLoaded],
    request: (world) => stateOf(world),
    change: changes.topicDeleted,
  },
  {
    api: codec.ReadShareGroupStateSummary,
    given: [changes.stateCoordinatorLoaded],
    request: (world) => stateOf(world, { leaderEpoch: -1 }),
    change: changes.shareStateInitialized,
  },
  {
    api: codec.DescribeShareGroupOffsets,
    given: [changes.coordinatorLoaded],
    request: () => ({ groups: [{ groupId: 'g', topics: [{ topicName: 't', partitions: [0] }] }] }),
    change: changes.shareOffsetsAltered,
  },
  {
    api: codec.AlterShareGroupOffsets,
    given: [changes.coordinatorLoaded],
    request: () => ({
      groupId: 'g',
      topics: [{ topicName: 't', partitions: [{ partitionIndex: 0, startOffset: 0n }] }],
    }),
    change: changes.shareJoined,
  },
  {
    api: codec.DeleteShareGroupOffsets,
    given: [changes.coordinatorLoaded],
    request: () => ({ groupId: 'g', topics: [{ topicName: 't' }] }),
    change: changes.shareJoined,
  },
  {
    api: codec.StreamsGroupHeartbeat,
    given: [changes.streamsJoined],
    request: () => changes.streamsBeat,
    change: changes.partitionAdded,
  },
  {
    api: codec.StreamsGroupDescribe,
    given: [changes.coordinatorLoaded],
    request: () => ({ groupIds: ['g'] }),
    change: changes.streamsJoined,
  },
]

export const rows: readonly Row[] = [...dataRows, ...groupRows, ...transactionRows, ...clusterRows, ...shareRows]
