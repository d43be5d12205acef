import type { EntityPlace, ErrorPlace } from './error-place.ts'

export const top: readonly ErrorPlace[] = [{}]
export const p = { request: 'partitions', response: 'partitions' } as const
export const indexed = { ...p, requestIndex: 'partitionIndex', responseIndex: 'partitionIndex' } as const
export const byName = {
  kind: 'topic',
  request: 'topics',
  requestName: 'name',
  response: 'topics',
  responseName: 'name',
} as const
export const resource = {
  kind: 'resource',
  request: 'resources',
  requestName: 'resourceName',
  responseName: 'resourceName',
} as const
export const ofGroup = { places: top, readsOnly: false, owners: ['group'] } as const
const partitionsOfTopics: EntityPlace = { ...byName, partitions: indexed }
export const perPartition: readonly ErrorPlace[] = [{ entities: partitionsOfTopics }]
/** The request lists topics only, the response their partitions too. */
export const respondedPartitions: EntityPlace = { ...byName, partitions: { ...indexed, request: undefined } }
/** The topics of a request for several groups. */
export const committedOffsets: EntityPlace = {
  ...byName,
  partitions: { ...indexed, request: 'partitionIndexes', requestIndex: undefined },
}
export const namedGroups = {
  kind: 'group',
  request: 'groups',
  requestName: 'groupId',
  response: 'groups',
  responseName: 'groupId',
} as const
export const byTopicName = { ...byName, requestName: 'topicName', responseName: 'topicName' } as const
export const shareTopics: EntityPlace = {
  ...byName,
  response: 'responses',
  partitions: indexed,
}
export const addedPartitions = {
  request: 'partitions',
  requestIndex: undefined,
  response: 'resultsByPartition',
  responseIndex: 'partitionIndex',
  errorField: 'partitionErrorCode',
} as const
export const describedGroups: readonly ErrorPlace[] = byKeys('group', 'groupIds', 'groups', 'groupId')
export const perTopic: readonly ErrorPlace[] = [{ entities: byName }]

export const shareState: readonly ErrorPlace[] = [
  {
    entities: {
      ...byName,
      response: 'results',
      partitions: { ...p, requestIndex: 'partition', responseIndex: 'partition' },
    },
  },
]

/** A request that lists plain names or ids, with an element for each in the response. */
export function byKeys(
  kind: EntityPlace['kind'],
  request: string,
  response: string,
  responseName: string,
): ErrorPlace[] {
  return [{ entities: { kind, request, requestName: undefined, response, responseName } }]
}
