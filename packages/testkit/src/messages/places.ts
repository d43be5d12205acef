import type { ApiName } from './api-name.ts'

/** Where a request lists its entities, and where the response lists their results. */
export interface EntityPlace {
  readonly kind: 'topic' | 'group' | 'resource' | 'key'
  /** The list in the request, and the name in its elements; undefined when the elements are the names. */
  readonly request: string
  readonly requestName: string | undefined
  readonly response: string
  /** Undefined when the results have no name and are in the order of the request. */
  readonly responseName: string | undefined
  /** For APIs with an error per partition. */
  readonly partitions?: {
    readonly request: string
    /** Undefined when the elements are the partition numbers. */
    readonly requestIndex: string | undefined
    readonly response: string
    readonly responseIndex: string
    /** Default 'errorCode'. */
    readonly errorField?: string
  }
}

/** Where the errors of versions `min` to `max` are: at the entities, or at the top level of the response. */
export interface ErrorPlace {
  readonly min?: number
  readonly max?: number
  readonly entities?: EntityPlace
}

export interface ApiPlaces {
  readonly places: readonly ErrorPlace[]
  /** The API changes nothing, so an error before or after its work is the same. */
  readonly readsOnly: boolean
  /** What a request belongs to besides its entities. */
  readonly owner?: 'group' | 'transaction'
}

const top: readonly ErrorPlace[] = [{}]
const p = { request: 'partitions', response: 'partitions' } as const
const indexed = { ...p, requestIndex: 'partitionIndex', responseIndex: 'partitionIndex' } as const
const byName = {
  kind: 'topic',
  request: 'topics',
  requestName: 'name',
  response: 'topics',
  responseName: 'name',
} as const
const resource = {
  kind: 'resource',
  request: 'resources',
  requestName: 'resourceName',
  responseName: 'resourceName',
} as const
const ofGroup = { places: top, readsOnly: false, owner: 'group' } as const
const perPartition: readonly ErrorPlace[] = [{ entities: { ...byName, partitions: indexed } }]
const describedGroups: readonly ErrorPlace[] = byKeys('group', 'groupIds', 'groups', 'groupId')
const perTopic: readonly ErrorPlace[] = [{ entities: byName }]

const shareState: readonly ErrorPlace[] = [
  {
    entities: {
      ...byName,
      response: 'results',
      partitions: { ...p, requestIndex: 'partition', responseIndex: 'partition' },
    },
  },
]

/** A request that lists plain names or ids, with an element for each in the response. */
function byKeys(kind: EntityPlace['kind'], request: string, response: string, responseName: string): ErrorPlace[] {
  return [{ entities: { kind, request, requestName: undefined, response, responseName } }]
}

/** The places of errors, by API. Other APIs have them at the top level. */
const errorPlaces: Partial<Record<ApiName, ApiPlaces>> = {
  Produce: {
    readsOnly: false,
    owner: 'transaction',
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
    ],
  },
  ListOffsets: { readsOnly: true, places: perPartition },
  Metadata: { readsOnly: true, places: perTopic },
  OffsetCommit: { readsOnly: false, owner: 'group', places: perPartition },
  OffsetFetch: {
    readsOnly: true,
    owner: 'group',
    places: [
      {
        max: 1,
        entities: { ...byName, partitions: { ...indexed, request: 'partitionIndexes', requestIndex: undefined } },
      },
      { min: 2, max: 7 },
      {
        min: 8,
        entities: {
          kind: 'group',
          request: 'groups',
          requestName: 'groupId',
          response: 'groups',
          responseName: 'groupId',
        },
      },
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
  LeaveGroup: ofGroup,
  SyncGroup: ofGroup,
  DescribeGroups: {
    readsOnly: true,
    places: byKeys('group', 'groups', 'groups', 'groupId'),
  },
  ListGroups: { readsOnly: true, places: top },
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
  InitProducerId: { readsOnly: false, owner: 'transaction', places: top },
  AddPartitionsToTxn: {
    readsOnly: false,
    owner: 'transaction',
    places: [
      { min: 4 },
      {
        max: 3,
        entities: {
          ...byName,
          request: 'v3AndBelowTopics',
          response: 'resultsByTopicV3AndBelow',
          partitions: {
            request: 'partitions',
            requestIndex: undefined,
            response: 'resultsByPartition',
            responseIndex: 'partitionIndex',
            errorField: 'partitionErrorCode',
          },
        },
      },
    ],
  },
  AddOffsetsToTxn: { readsOnly: false, owner: 'transaction', places: top },
  EndTxn: { readsOnly: false, owner: 'transaction', places: top },
  TxnOffsetCommit: { readsOnly: false, owner: 'transaction', places: perPartition },
  DescribeProducers: {
    readsOnly: true,
    places: [
      { entities: { ...byName, partitions: { ...indexed, request: 'partitionIndexes', requestIndex: undefined } } },
    ],
  },
  DescribeTransactions: {
    readsOnly: true,
    places: byKeys('key', 'transactionalIds', 'transactionStates', 'transactionalId'),
  },
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
          kind: 'key',
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
  DeleteGroups: {
    readsOnly: false,
    places: byKeys('group', 'groupsNames', 'results', 'groupId'),
  },
  DescribeLogDirs: { readsOnly: true, places: top },
  DescribeQuorum: { readsOnly: true, places: top },
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
    ],
  },
  AlterConfigs: { readsOnly: false, places: [{ entities: { ...resource, response: 'responses' } }] },
  IncrementalAlterConfigs: { readsOnly: false, places: [{ entities: { ...resource, response: 'responses' } }] },
  OffsetDelete: { readsOnly: false, owner: 'group', places: perPartition },
  AlterClientQuotas: {
    readsOnly: false,
    places: [
      {
        entities: {
          kind: 'key',
          request: 'entries',
          requestName: 'entity',
          response: 'entries',
          responseName: 'entity',
        },
      },
    ],
  },
  DescribeCluster: { readsOnly: true, places: top },
  DescribeTopicPartitions: { readsOnly: true, places: perTopic },
  ConsumerGroupHeartbeat: ofGroup,
  ConsumerGroupDescribe: { readsOnly: true, places: describedGroups },
  StreamsGroupHeartbeat: ofGroup,
  StreamsGroupDescribe: { readsOnly: true, places: describedGroups },
  ShareGroupHeartbeat: ofGroup,
  ShareGroupDescribe: { readsOnly: true, places: describedGroups },
  ShareFetch: ofGroup,
  ShareAcknowledge: ofGroup,
  InitializeShareGroupState: { readsOnly: false, owner: 'group', places: shareState },
  ReadShareGroupState: { readsOnly: false, owner: 'group', places: shareState },
  WriteShareGroupState: { readsOnly: false, owner: 'group', places: shareState },
  DeleteShareGroupState: { readsOnly: false, owner: 'group', places: shareState },
  ReadShareGroupStateSummary: { readsOnly: true, owner: 'group', places: shareState },
  DescribeShareGroupOffsets: {
    readsOnly: true,
    places: [
      {
        entities: {
          kind: 'group',
          request: 'groups',
          requestName: 'groupId',
          response: 'groups',
          responseName: 'groupId',
        },
      },
    ],
  },
  AlterShareGroupOffsets: ofGroup,
  DeleteShareGroupOffsets: ofGroup,
  DescribeDelegationToken: { readsOnly: true, places: top },
  DescribeUserScramCredentials: { readsOnly: true, places: top },
  AlterUserScramCredentials: {
    readsOnly: false,
    places: [
      {
        entities: {
          kind: 'key',
          request: 'upsertions',
          requestName: 'name',
          response: 'results',
          responseName: 'user',
        },
      },
    ],
  },
}

/** Versions whose errors are nested deeper than rules can select: an injected error is not in the response. */
export const withoutErrors: readonly string[] = [
  'WriteTxnMarkers v1',
  'WriteTxnMarkers v2',
  'AlterReplicaLogDirs v1',
  'AlterReplicaLogDirs v2',
  'DescribeLogDirs v1',
  'DescribeLogDirs v2',
]

const topLevelOnly: ApiPlaces = { places: top, readsOnly: false }

export function placesOf(api: string): ApiPlaces {
  return (Object.hasOwn(errorPlaces, api) ? errorPlaces[api as ApiName] : undefined) ?? topLevelOnly
}

/** The place of the errors in one version. */
export function placeOf(api: string, version: number): ErrorPlace {
  const found = placesOf(api).places.find(({ min = 0, max = Infinity }) => version >= min && version <= max)
  return found ?? {}
}
