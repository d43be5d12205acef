import type { ApiName } from './api-name.ts'
import type { ApiPlaces } from './error-place.ts'
import {
  addedPartitions,
  byKeys,
  byName,
  byTopicName,
  committedOffsets,
  describedGroups,
  indexed,
  namedGroups,
  ofGroup,
  perPartition,
  shareState,
  shareTopics,
  top,
} from './place-shapes.ts'

/** The places of errors of the APIs of groups and transactions. */
export const placesOfGroups: Partial<Record<ApiName, ApiPlaces>> = {
  OffsetCommit: { readsOnly: false, owners: ['group'], places: perPartition },
  OffsetFetch: {
    readsOnly: true,
    owners: ['group'],
    places: [
      { min: 2, max: 7 },
      { min: 8, entities: namedGroups },
      { max: 7, entities: committedOffsets },
      { min: 8, entities: { ...committedOffsets, within: namedGroups } },
    ],
  },
  FindCoordinator: {
    readsOnly: true,
    places: [
      { max: 3 },
      {
        min: 4,
        entities: {
          kind: 'key',
          request: 'coordinatorKeys',
          requestName: undefined,
          response: 'coordinators',
          responseName: 'key',
        },
      },
    ],
  },
  JoinGroup: ofGroup,
  Heartbeat: ofGroup,
  LeaveGroup: {
    ...ofGroup,
    places: [
      {},
      {
        min: 3,
        entities: {
          kind: 'item',
          request: 'members',
          requestName: 'memberId',
          response: 'members',
          responseName: undefined,
          repeats: ['memberId', 'groupInstanceId'],
        },
      },
    ],
  },
  SyncGroup: ofGroup,
  DescribeGroups: {
    readsOnly: true,
    places: byKeys('group', 'groups', 'groups', 'groupId'),
  },
  ListGroups: { readsOnly: true, places: top },
  InitProducerId: { readsOnly: false, owners: ['transaction'], places: top },
  AddPartitionsToTxn: {
    readsOnly: false,
    owners: ['transaction'],
    places: [
      { min: 4 },
      {
        max: 3,
        entities: {
          ...byName,
          request: 'v3AndBelowTopics',
          response: 'resultsByTopicV3AndBelow',
          partitions: addedPartitions,
        },
      },
      {
        min: 4,
        entities: {
          ...byName,
          response: 'topicResults',
          partitions: addedPartitions,
          within: {
            kind: 'transaction',
            request: 'transactions',
            requestName: 'transactionalId',
            response: 'resultsByTransaction',
            responseName: 'transactionalId',
          },
        },
      },
    ],
  },
  AddOffsetsToTxn: { readsOnly: false, owners: ['transaction', 'group'], places: top },
  EndTxn: { readsOnly: false, owners: ['transaction'], places: top },
  TxnOffsetCommit: { readsOnly: false, owners: ['transaction', 'group'], places: perPartition },
  WriteTxnMarkers: {
    readsOnly: false,
    places: [
      {
        entities: {
          ...committedOffsets,
          within: {
            kind: 'item',
            request: 'markers',
            requestName: 'producerId',
            response: 'markers',
            responseName: 'producerId',
          },
        },
      },
    ],
  },
  DescribeTransactions: {
    readsOnly: true,
    places: byKeys('transaction', 'transactionalIds', 'transactionStates', 'transactionalId'),
  },
  DeleteGroups: {
    readsOnly: false,
    places: byKeys('group', 'groupsNames', 'results', 'groupId'),
  },
  OffsetDelete: { readsOnly: false, owners: ['group'], places: [...perPartition, {}] },
  ConsumerGroupHeartbeat: ofGroup,
  ConsumerGroupDescribe: { readsOnly: true, places: describedGroups },
  StreamsGroupHeartbeat: ofGroup,
  StreamsGroupDescribe: { readsOnly: true, places: describedGroups },
  ShareGroupHeartbeat: ofGroup,
  ShareGroupDescribe: { readsOnly: true, places: describedGroups },
  ShareFetch: { ...ofGroup, places: [{}, { entities: shareTopics }] },
  ShareAcknowledge: { ...ofGroup, places: [{}, { entities: shareTopics }] },
  InitializeShareGroupState: { readsOnly: false, owners: ['group'], places: shareState },
  ReadShareGroupState: { readsOnly: false, owners: ['group'], places: shareState },
  WriteShareGroupState: { readsOnly: false, owners: ['group'], places: shareState },
  DeleteShareGroupState: { readsOnly: false, owners: ['group'], places: shareState },
  ReadShareGroupStateSummary: { readsOnly: true, owners: ['group'], places: shareState },
  DescribeShareGroupOffsets: {
    readsOnly: true,
    places: [
      { entities: namedGroups },
      {
        entities: {
          ...byTopicName,
          partitions: { ...indexed, requestIndex: undefined },
          within: namedGroups,
        },
      },
    ],
  },
  AlterShareGroupOffsets: {
    ...ofGroup,
    places: [{}, { entities: { ...byTopicName, response: 'responses', partitions: indexed } }],
  },
  DeleteShareGroupOffsets: { ...ofGroup, places: [{}, { entities: { ...byTopicName, response: 'responses' } }] },
}
