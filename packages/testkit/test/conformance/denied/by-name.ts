import * as codec from '@ottla/codec'
import { zeroUuid } from '@ottla/codec'
import type { Struct } from '../../../src/messages/blank.ts'
import { batchOf } from '../../support/batches.ts'
import { type Denied, member, type Names, topics } from './names.ts'

/** Requests denied on named resources. */
export const byName: Denied = [
  [
    codec.Produce,
    {
      'to topics': (names) => ({
        transactionalId: null,
        acks: -1,
        timeoutMs: 5000,
        topicData: topics(names, (name, topicId) => ({
          name,
          topicId,
          partitionData: [{ index: 0, records: batchOf(['a']) }],
        })),
      }),
      'without a response': ({ denied, deniedId }) => ({
        transactionalId: null,
        acks: 0,
        timeoutMs: 5000,
        topicData: [{ name: denied, topicId: deniedId, partitionData: [{ index: 0, records: batchOf(['a']) }] }],
      }),
    },
  ],
  [
    codec.Fetch,
    {
      'of topics': (names) => fetchOf(names, 0),
      'in a session': (names) => fetchOf(names, 0, 0),
    },
  ],
  [
    codec.ListOffsets,
    {
      'of topics': (names) => ({
        replicaId: -1,
        topics: topics(names, (name) => ({ name, partitions: [{ partitionIndex: 0, timestamp: -1n }] })),
      }),
    },
  ],
  [
    codec.Metadata,
    {
      'by name': (names) => ({
        topics: topics(names, (name) => ({ name, topicId: zeroUuid })),
        allowAutoTopicCreation: false,
        includeTopicAuthorizedOperations: true,
      }),
      'by id, or name': (names, version) => ({
        topics: topics(names, (name, topicId) => (version < 12 ? { name } : { name: null, topicId })),
        allowAutoTopicCreation: false,
      }),
      'that would create it': ({ missing }) => ({ topics: [{ name: missing }], allowAutoTopicCreation: true }),
    },
  ],
  [codec.OffsetCommit, { 'of the group': (names) => ({ groupId: names.group, topics: committed(names) }) }],
  [
    codec.OffsetFetch,
    {
      'of the group': ({ group, open, openId }) => ({
        groupId: group,
        topics: [{ name: open, partitionIndexes: [0] }],
        groups: [{ groupId: group, topics: [{ name: open, topicId: openId, partitionIndexes: [0] }] }],
      }),
      'of the whole group': ({ group }, version) => ({
        groupId: group,
        topics: version < 2 ? [] : null,
        groups: [{ groupId: group, topics: null }],
      }),
    },
  ],
  [
    codec.FindCoordinator,
    {
      'of a group': ({ group }) => ({ key: group, keyType: 0, coordinatorKeys: [group] }),
      'of a transaction': ({ group, transaction }, version) => ({
        key: version < 1 ? group : transaction,
        keyType: 1,
        coordinatorKeys: [transaction],
      }),
    },
  ],
  [
    codec.JoinGroup,
    {
      joins: ({ group }) => ({
        groupId: group,
        sessionTimeoutMs: 6000,
        rebalanceTimeoutMs: 6000,
        protocolType: 'consumer',
        protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
      }),
    },
  ],
  [codec.Heartbeat, { beats: ({ group }) => ({ groupId: group, generationId: 1, memberId: 'm' }) }],
  [codec.LeaveGroup, { leaves: ({ group }) => ({ groupId: group, memberId: 'm', members: [{ memberId: 'm' }] }) }],
  [
    codec.SyncGroup,
    {
      syncs: ({ group }) => ({
        groupId: group,
        generationId: 1,
        memberId: 'm',
        protocolType: 'consumer',
        protocolName: 'range',
      }),
    },
  ],
  [codec.DescribeGroups, { 'of the group': ({ group }) => ({ groups: [group], includeAuthorizedOperations: true }) }],
  [
    codec.DeleteRecords,
    {
      'of topics': (names) => ({
        topics: topics(names, (name) => ({ name, partitions: [{ partitionIndex: 0, offset: 0n }] })),
        timeoutMs: 5000,
      }),
    },
  ],
  [
    codec.InitProducerId,
    {
      'of a transaction': ({ transaction }) => ({
        transactionalId: transaction,
        transactionTimeoutMs: 1000,
        producerId: -1n,
        producerEpoch: -1,
      }),
    },
  ],
  [
    codec.AddPartitionsToTxn,
    {
      'of a transaction': (names, version) => addedTo(names.transaction, names, version),
      'of topics': (names, version) => addedTo(names.open, names, version),
    },
  ],
  [
    codec.AddOffsetsToTxn,
    {
      'of a transaction': ({ transaction, open }) => ({ transactionalId: transaction, groupId: open, producerId: 1n }),
      'of a group': ({ group, open }) => ({ transactionalId: open, groupId: group, producerId: 1n }),
    },
  ],
  [codec.EndTxn, { 'of a transaction': ({ transaction }) => ({ transactionalId: transaction, producerId: 1n }) }],
  [
    codec.TxnOffsetCommit,
    {
      'of a transaction': (names) => ({
        transactionalId: names.transaction,
        groupId: names.open,
        topics: committed(names),
      }),
      'of a group': (names) => ({ transactionalId: names.open, groupId: names.group, topics: committed(names) }),
    },
  ],
  [
    codec.DescribeConfigs,
    {
      'of topics and a group': ({ denied, missing, group }) => ({
        resources: [
          [2, denied],
          [2, missing],
          [32, group],
        ].map(([resourceType, resourceName]) => ({ resourceType, resourceName, configurationKeys: [] })),
      }),
    },
  ],
  ...[codec.AlterConfigs, codec.IncrementalAlterConfigs].map(
    (api) =>
      [
        api,
        {
          'of topics and a group': ({ denied, missing, group }: Names) => ({
            resources: [
              [2, denied],
              [2, missing],
              [32, group],
            ].map(([resourceType, resourceName]) => ({ resourceType, resourceName, configs: [] })),
            validateOnly: true,
          }),
        },
      ] as const,
  ),
  [
    codec.CreatePartitions,
    {
      'of topics': ({ denied, missing }) => ({
        topics: [denied, missing].map((name) => ({ name, count: 5, assignments: null })),
        timeoutMs: 5000,
        validateOnly: true,
      }),
    },
  ],
  [codec.DeleteGroups, { 'of the group': ({ group }) => ({ groupsNames: [group] }) }],
  [
    codec.OffsetDelete,
    {
      'of the group': ({ group, open }) => ({
        groupId: group,
        topics: [{ name: open, partitions: [{ partitionIndex: 0 }] }],
      }),
    },
  ],
  [
    codec.DescribeProducers,
    { 'of topics': (names) => ({ topics: topics(names, (name) => ({ name, partitionIndexes: [0] })) }) },
  ],
  [codec.DescribeTransactions, { 'of a transaction': ({ transaction }) => ({ transactionalIds: [transaction] }) }],
  [
    codec.ConsumerGroupHeartbeat,
    {
      'in the group': ({ group, open }) => beat(group, open),
      'with a topic': ({ open, denied }) => beat(open, denied),
    },
  ],
  [codec.ShareGroupHeartbeat, { 'in the group': ({ group, open }) => beat(group, open) }],
  [
    codec.StreamsGroupHeartbeat,
    { 'in the group': ({ group }) => ({ groupId: group, memberId: member, memberEpoch: 0, topology: null }) },
  ],
  ...[codec.ConsumerGroupDescribe, codec.ShareGroupDescribe, codec.StreamsGroupDescribe].map(
    (api) =>
      [
        api,
        { 'of the group': ({ group }: Names) => ({ groupIds: [group], includeAuthorizedOperations: true }) },
      ] as const,
  ),
  [
    codec.DescribeTopicPartitions,
    {
      'of topics': (names) => ({
        topics: topics(names, (name) => ({ name })),
        responsePartitionLimit: 100,
        cursor: null,
      }),
    },
  ],
  [
    codec.ShareFetch,
    {
      'in the group': ({ group, openId }) => ({
        groupId: group,
        memberId: member,
        shareSessionEpoch: 0,
        topics: [{ topicId: openId, partitions: [{ partitionIndex: 0 }] }],
      }),
    },
  ],
  [
    codec.ShareAcknowledge,
    { 'in the group': ({ group }) => ({ groupId: group, memberId: member, shareSessionEpoch: 1, topics: [] }) },
  ],
  [
    codec.DescribeShareGroupOffsets,
    {
      'of the group': ({ group, open }) => ({
        groups: [{ groupId: group, topics: [{ topicName: open, partitions: [0] }] }],
      }),
    },
  ],
  [
    codec.AlterShareGroupOffsets,
    {
      'of the group': ({ group, open }) => ({
        groupId: group,
        topics: [{ topicName: open, partitions: [{ partitionIndex: 0, startOffset: 0n }] }],
      }),
    },
  ],
  [
    codec.DeleteShareGroupOffsets,
    { 'of the group': ({ group, open }) => ({ groupId: group, topics: [{ topicName: open }] }) },
  ],
]

function fetchOf(names: Names, maxWaitMs: number, sessionEpoch = -1): Struct {
  const of = (topic: string, topicId: string) => ({
    topic,
    topicId,
    partitions: [{ partition: 0, currentLeaderEpoch: -1, fetchOffset: 0n, partitionMaxBytes: 1000 }],
  })
  return { replicaId: -1, maxWaitMs, minBytes: 1, maxBytes: 1000, sessionEpoch, topics: topics(names, of) }
}

function committed(names: Names): Struct[] {
  return topics(names, (name, topicId) => ({ name, topicId, partitions: [{ partitionIndex: 0, committedOffset: 1n }] }))
}

function addedTo(transactionalId: string, names: Names, version: number): Struct {
  const added = topics(names, (name) => ({ name, partitions: [0] }))
  if (version >= 4) return { transactions: [{ transactionalId, producerId: 1n, verifyOnly: true, topics: added }] }
  return { v3AndBelowTransactionalId: transactionalId, v3AndBelowProducerId: 1n, v3AndBelowTopics: added }
}

function beat(groupId: string, topic: string): Struct {
  return {
    groupId,
    memberId: member,
    memberEpoch: 0,
    rebalanceTimeoutMs: 5000,
    subscribedTopicNames: [topic],
    topicPartitions: [],
  }
}
