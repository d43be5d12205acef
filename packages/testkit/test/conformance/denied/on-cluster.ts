import * as codec from '@ottla/codec'
import { zeroUuid } from '@ottla/codec'
import type { Struct } from '../../../src/messages/blank.ts'
import { type Denied, type Names, noId, topics } from './names.ts'

const shareState = ({ open, openId }: Names) => ({
  groupId: open,
  topics: [{ topicId: openId, partitions: [{ partition: 0, stateEpoch: 0, leaderEpoch: 0, startOffset: 0n }] }],
})

/** Requests denied on the cluster, in addition to or instead of named resources. */
export const onCluster: Denied = [
  [
    codec.Metadata,
    {
      'that would create it': ({ fresh }) => ({
        topics: [{ name: fresh, topicId: zeroUuid }],
        allowAutoTopicCreation: true,
      }),
    },
  ],
  [
    codec.CreateTopics,
    {
      'of topics': (names) => ({
        topics: [names.denied, names.missing].map((name) => ({ name, numPartitions: 1, replicationFactor: 1 })),
        timeoutMs: 5000,
      }),
    },
  ],
  [
    codec.DeleteTopics,
    {
      'by name': ({ denied, missing }) => ({
        topicNames: [denied, missing],
        topics: [denied, missing].map((name) => ({ name, topicId: zeroUuid })),
        timeoutMs: 5000,
      }),
      'by id, or twice': ({ denied, deniedId }) => ({
        topicNames: [denied, denied],
        topics: [deniedId, noId].map((topicId) => ({ name: null, topicId })),
        timeoutMs: 5000,
      }),
    },
  ],
  [
    codec.OffsetForLeaderEpoch,
    {
      'of topics': (names) => ({
        replicaId: -2,
        topics: topics(names, (topic) => ({ topic, partitions: [{ partition: 0, leaderEpoch: 0 }] })),
      }),
    },
  ],
  [
    codec.InitProducerId,
    // Permission to write to any topic is enough: the cluster's permission is not checked.
    {
      'without a transaction': () => ({
        transactionalId: null,
        transactionTimeoutMs: 1000,
        producerId: -1n,
        producerEpoch: -1,
      }),
    },
  ],
  [codec.FindCoordinator, { 'of shares': (_, version) => shareKey(version) }],
  [
    codec.WriteTxnMarkers,
    {
      markers: ({ open }) => ({
        markers: [{ producerId: 1n, transactionResult: true, topics: [{ name: open, partitionIndexes: [0] }] }],
      }),
    },
  ],
  [codec.DescribeConfigs, { 'of brokers and metrics': () => ({ resources: ofCluster({ configurationKeys: [] }) }) }],
  [
    codec.AlterConfigs,
    { 'of brokers and metrics': () => ({ resources: ofCluster({ configs: [] }), validateOnly: true }) },
  ],
  [
    codec.IncrementalAlterConfigs,
    { 'of brokers and metrics': () => ({ resources: ofCluster({ configs: [] }), validateOnly: true }) },
  ],
  [
    codec.AlterReplicaLogDirs,
    { moves: ({ open }) => ({ dirs: [{ path: '/x', topics: [{ name: open, partitions: [0] }] }] }) },
  ],
  [codec.DescribeLogDirs, { describes: ({ open }) => ({ topics: [{ topic: open, partitions: [0] }] }) }],
  [
    codec.ElectLeaders,
    {
      'of one': ({ open }) => ({ topicPartitions: [{ topic: open, partitions: [0] }], timeoutMs: 5000 }),
      'of all': () => ({ topicPartitions: null, timeoutMs: 5000 }),
    },
  ],
  [
    codec.AlterPartitionReassignments,
    {
      moves: ({ open }) => ({
        timeoutMs: 5000,
        topics: [{ name: open, partitions: [{ partitionIndex: 0, replicas: [2] }] }],
      }),
    },
  ],
  [
    codec.ListPartitionReassignments,
    { lists: ({ open }) => ({ timeoutMs: 5000, topics: [{ name: open, partitionIndexes: [0] }] }) },
  ],
  [codec.DescribeClientQuotas, { describes: () => ({ components: [], strict: false }) }],
  [
    codec.AlterClientQuotas,
    {
      alters: ({ open }) => ({
        entries: [
          {
            entity: [{ entityType: 'user', entityName: open }],
            ops: [{ key: 'producer_byte_rate', value: 1, remove: false }],
          },
        ],
        validateOnly: true,
      }),
    },
  ],
  [codec.DescribeUserScramCredentials, { describes: ({ open }) => ({ users: [{ name: open }] }) }],
  [
    codec.AlterUserScramCredentials,
    { alters: ({ open }) => ({ deletions: [{ name: open, mechanism: 1 }], upsertions: [] }) },
  ],
  [
    codec.DescribeQuorum,
    { describes: () => ({ topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }] }) },
  ],
  [
    codec.UpdateFeatures,
    {
      updates: () => ({
        timeoutMs: 5000,
        featureUpdates: [{ feature: 'x', maxVersionLevel: 1, upgradeType: 1 }],
        validateOnly: true,
      }),
    },
  ],
  [codec.DescribeCluster, { 'what he may': () => ({ includeClusterAuthorizedOperations: true, endpointType: 1 }) }],
  [codec.UnregisterBroker, { unregisters: () => ({ brokerId: 99 }) }],
  [codec.ListConfigResources, { lists: () => ({ resourceTypes: [16] }) }],
  [codec.AddRaftVoter, { adds: () => ({ clusterId: null, timeoutMs: 5000, voterId: 9, voterDirectoryId: noId }) }],
  [codec.RemoveRaftVoter, { removes: () => ({ clusterId: null, voterId: 9, voterDirectoryId: noId }) }],
  ...[
    codec.InitializeShareGroupState,
    codec.ReadShareGroupState,
    codec.WriteShareGroupState,
    codec.DeleteShareGroupState,
    codec.ReadShareGroupStateSummary,
  ].map((api) => [api, { 'of a group': shareState }] as const),
]

function shareKey(version: number): Struct | undefined {
  return version < 6 ? undefined : { keyType: 2, coordinatorKeys: [`group:${noId}:0`] }
}

function ofCluster(more: Struct): Struct[] {
  return [
    [4, '1'],
    [8, '1'],
    [16, 'metrics'],
  ].map(([resourceType, resourceName]) => ({ resourceType, resourceName, ...more }))
}
