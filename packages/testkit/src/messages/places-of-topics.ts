import type { ApiName } from './api-name.ts'
import type { ApiPlaces } from './error-place.ts'
import {
  byName,
  byTopicName,
  committedOffsets,
  indexed,
  p,
  perPartition,
  perTopic,
  resource,
  respondedPartitions,
  top,
} from './place-shapes.ts'

/** The places of errors of the APIs of records, topics and the cluster. */
export const placesOfTopics: Partial<Record<ApiName, ApiPlaces>> = {
  Produce: {
    readsOnly: false,
    owners: ['transaction'],
    places: [
      {
        entities: {
          kind: 'topic',
          request: 'topicData',
          requestName: 'name',
          response: 'responses',
          responseName: 'name',
          partitions: {
            request: 'partitionData',
            requestIndex: 'index',
            response: 'partitionResponses',
            responseIndex: 'index',
          },
        },
      },
    ],
  },
  Fetch: {
    readsOnly: true,
    places: [
      {
        entities: {
          kind: 'topic',
          request: 'topics',
          requestName: 'topic',
          response: 'responses',
          responseName: 'topic',
          partitions: { ...p, requestIndex: 'partition', responseIndex: 'partitionIndex' },
        },
      },
      { min: 7 },
    ],
  },
  ListOffsets: { readsOnly: true, places: perPartition },
  Metadata: { readsOnly: true, places: [...perTopic, { min: 13 }, { entities: respondedPartitions }] },
  ApiVersions: { readsOnly: true, places: top },
  CreateTopics: { readsOnly: false, places: perTopic },
  DeleteTopics: {
    readsOnly: false,
    places: [
      { max: 5, entities: { ...byName, request: 'topicNames', requestName: undefined, response: 'responses' } },
      { min: 6, entities: { ...byName, response: 'responses' } },
    ],
  },
  DeleteRecords: { readsOnly: false, places: perPartition },
  DescribeProducers: { readsOnly: true, places: [{ entities: committedOffsets }] },
  OffsetForLeaderEpoch: {
    readsOnly: true,
    places: [
      {
        entities: {
          ...byName,
          requestName: 'topic',
          responseName: 'topic',
          partitions: { ...p, requestIndex: 'partition', responseIndex: 'partition' },
        },
      },
    ],
  },
  DescribeAcls: { readsOnly: true, places: top },
  CreateAcls: {
    readsOnly: false,
    places: [{ entities: { ...resource, request: 'creations', response: 'results', responseName: undefined } }],
  },
  DeleteAcls: {
    readsOnly: false,
    places: [
      {
        entities: {
          kind: 'item',
          request: 'filters',
          requestName: 'resourceNameFilter',
          response: 'filterResults',
          responseName: undefined,
        },
      },
    ],
  },
  DescribeConfigs: { readsOnly: true, places: [{ entities: { ...resource, response: 'results' } }] },
  CreatePartitions: { readsOnly: false, places: [{ entities: { ...byName, response: 'results' } }] },
  AlterReplicaLogDirs: {
    readsOnly: false,
    places: [
      {
        entities: {
          ...byName,
          response: 'results',
          responseName: 'topicName',
          partitions: { ...indexed, requestIndex: undefined },
          within: { kind: 'item', request: 'dirs', requestName: 'path', response: undefined, responseName: 'path' },
        },
      },
    ],
  },
  DescribeLogDirs: {
    readsOnly: true,
    places: [
      { min: 3 },
      {
        entities: {
          kind: 'item',
          request: undefined,
          requestName: undefined,
          response: 'results',
          responseName: 'logDir',
        },
      },
    ],
  },
  DescribeQuorum: { readsOnly: true, places: [{}, { entities: { ...byTopicName, partitions: indexed } }] },
  AlterPartitionReassignments: {
    readsOnly: false,
    places: [{}, { entities: { ...byName, response: 'responses', partitions: indexed } }],
  },
  ListPartitionReassignments: { readsOnly: true, places: top },
  ElectLeaders: {
    readsOnly: false,
    places: [
      {
        entities: {
          kind: 'topic',
          request: 'topicPartitions',
          requestName: 'topic',
          response: 'replicaElectionResults',
          responseName: 'topic',
          partitions: {
            request: 'partitions',
            requestIndex: undefined,
            response: 'partitionResult',
            responseIndex: 'partitionId',
          },
        },
      },
      { min: 1 },
    ],
  },
  AlterConfigs: { readsOnly: false, places: [{ entities: { ...resource, response: 'responses' } }] },
  IncrementalAlterConfigs: { readsOnly: false, places: [{ entities: { ...resource, response: 'responses' } }] },
  AlterClientQuotas: {
    readsOnly: false,
    places: [
      {
        entities: {
          kind: 'item',
          request: 'entries',
          requestName: 'entity',
          response: 'entries',
          responseName: 'entity',
        },
      },
    ],
  },
  DescribeCluster: { readsOnly: true, places: top },
  DescribeTopicPartitions: { readsOnly: true, places: [...perTopic, { entities: respondedPartitions }] },
  DescribeDelegationToken: { readsOnly: true, places: top },
  DescribeUserScramCredentials: {
    readsOnly: true,
    places: [
      {},
      {
        entities: { kind: 'item', request: 'users', requestName: 'name', response: 'results', responseName: 'user' },
      },
    ],
  },
  UpdateFeatures: {
    readsOnly: false,
    places: [
      {},
      {
        max: 1,
        entities: {
          kind: 'item',
          request: 'featureUpdates',
          requestName: 'feature',
          response: 'results',
          responseName: 'feature',
        },
      },
    ],
  },
  AlterUserScramCredentials: {
    readsOnly: false,
    places: [
      {
        entities: {
          kind: 'item',
          request: 'upsertions',
          requestName: 'name',
          response: 'results',
          responseName: 'user',
        },
      },
    ],
  },
}
