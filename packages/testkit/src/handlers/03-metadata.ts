import { type Decoded, type Encodable, type ErrorName, Metadata, zeroUuid } from '@ottla/codec'

import { ensureOffsetsTopic, ensureTransactionTopic } from '../controllers/internal-topics.ts'
import { isInternalTopic, offsetsTopic, transactionTopic } from '../state/internal-topics.ts'
import { type MetadataView, onListener, type PartitionImage, type TopicImage } from '../state/metadata-view.ts'
import { clusterName } from '../state/rights/acl.ts'
import { topicNameProblem } from '../state/topic-rules.ts'
import { type Handler, type HandlerContext, serves } from './handler.ts'
import { allVersions, codes, noOperations, oncePerName } from './support.ts'

type Request = Decoded<typeof Metadata.request>
type TopicResponse = Encodable<typeof Metadata.response>['topics'][number]

const handle: Handler<typeof Metadata> = (context, request) => {
  const { broker, cluster, connection, apiVersion } = context
  const problem = requestProblem(request, apiVersion)
  if (problem !== undefined) return failedResponse(request, apiVersion, problem)
  const alive = broker.view.aliveBrokers()
  return {
    throttleTimeMs: 0,
    errorCode: 0,
    brokers: alive.map((image) => {
      const { id, host, port, rack } = onListener(image, connection.origin.listener)
      return { nodeId: id, host, port, rack }
    }),
    clusterId: cluster.clusterId,
    // Any live broker forwards requests to the controller.
    controllerId: alive[0]?.id ?? -1,
    topics: topics(context, request),
    ...(apiVersion >= 8 && apiVersion <= 10 && request.includeClusterAuthorizedOperations
      ? { clusterAuthorizedOperations: clusterOperations(context) }
      : {}),
  }
}

/** Errors of the whole request: topic ids before version 12, and topics without name and id. */
function requestProblem({ topics }: Request, apiVersion: number): ErrorName | undefined {
  if (topics === null) return undefined
  if (apiVersion < 12) {
    const isInvalid = topics.some(({ name, topicId }) => name === null || topicId !== zeroUuid)
    return isInvalid ? 'INVALID_REQUEST' : undefined
  }
  const isEmpty = topics.some(({ name, topicId }) => name === null && topicId === zeroUuid)
  return isEmpty ? 'UNKNOWN_SERVER_ERROR' : undefined
}

/** Every topic has the error, and the other fields are empty. */
function failedResponse(
  { topics }: Request,
  apiVersion: number,
  error: ErrorName,
): Encodable<typeof Metadata.response> {
  return {
    throttleTimeMs: 0,
    errorCode: apiVersion >= 13 ? codes.of(error) : 0,
    brokers: [],
    clusterId: null,
    controllerId: -1,
    topics: (topics ?? []).map(({ name, topicId }) => ({
      errorCode: codes.of(error),
      name: name ?? '',
      topicId,
      isInternal: false,
      partitions: [],
    })),
  }
}

function clusterOperations({ permissions }: HandlerContext): number {
  return permissions.mayOnCluster('DESCRIBE') ? permissions.operationsOn('CLUSTER', clusterName) : 0
}

/** Leaves out topics that the client may not describe; if it names one, that topic fails, whether it exists or not. */
function topics(context: HandlerContext, request: Request): TopicResponse[] {
  const { broker, permissions, apiVersion } = context
  const { view } = broker
  const mayDescribe = (name: string) => permissions.may('DESCRIBE', 'TOPIC', name)
  const operationsOf = (name: string) =>
    request.includeTopicAuthorizedOperations ? permissions.operationsOn('TOPIC', name) : noOperations
  const found = (topic: TopicImage) => describe(context, topic, operationsOf(topic.name))
  const isForAll = request.topics === null || (apiVersion === 0 && request.topics.length === 0)
  if (isForAll) return Array.from(view.topics()).flatMap((topic) => (mayDescribe(topic.name) ? [found(topic)] : []))
  const wanted = oncePerName(request.topics ?? [], ({ name, topicId }) => name ?? topicId)
  return wanted.map(({ item: { name, topicId } }) => {
    if (topicId !== zeroUuid) {
      const topic = view.topicById(topicId)
      if (topic === undefined) return missing(null, topicId, 'UNKNOWN_TOPIC_ID')
      return mayDescribe(topic.name) ? found(topic) : missing(null, topicId, 'TOPIC_AUTHORIZATION_FAILED')
    }
    const requested = name ?? ''
    if (!mayDescribe(requested))
      return { ...missing(requested, zeroUuid, 'TOPIC_AUTHORIZATION_FAILED'), isInternal: false }
    const topic = view.topic(requested)
    if (topic !== undefined) return found(topic)
    const unknownTopic = unknown(context, request, requested)
    const isDenied = unknownTopic.errorCode === codes.of('TOPIC_AUTHORIZATION_FAILED')
    return isDenied ? unknownTopic : { ...unknownTopic, topicAuthorizedOperations: operationsOf(requested) }
  })
}

/** An unknown topic, which may be created automatically; the response still reports it as unknown. */
function unknown(context: HandlerContext, request: Request, name: string): TopicResponse {
  const { cluster, apiVersion, permissions } = context
  const { config, controller } = cluster
  const mayCreate = (apiVersion < 4 || request.allowAutoTopicCreation) && config.boolean('auto.create.topics.enable')
  const isAllowed = permissions.mayOnCluster('CREATE') || permissions.may('CREATE', 'TOPIC', name)
  if (mayCreate && !isAllowed) return missing(name, zeroUuid, 'TOPIC_AUTHORIZATION_FAILED')
  if (topicNameProblem(name) !== undefined) return missing(name, zeroUuid, 'INVALID_TOPIC_EXCEPTION')
  if (!mayCreate || controller.state.topic(name) !== undefined)
    return missing(name, zeroUuid, 'UNKNOWN_TOPIC_OR_PARTITION')
  if (name === offsetsTopic) {
    ensureOffsetsTopic(controller, config)
    return missing(name, zeroUuid, 'UNKNOWN_TOPIC_OR_PARTITION')
  }
  if (name === transactionTopic) {
    ensureTransactionTopic(controller, config)
    return missing(name, zeroUuid, 'UNKNOWN_TOPIC_OR_PARTITION')
  }
  const replicationFactor = config.number('default.replication.factor')
  if (replicationFactor > controller.placeableBrokers().length) {
    return missing(name, zeroUuid, 'INVALID_REPLICATION_FACTOR')
  }
  const assignment = controller.assign(config.number('num.partitions'), replicationFactor)
  controller.createTopic({ name, assignment, configs: new Map() })
  return missing(name, zeroUuid, 'UNKNOWN_TOPIC_OR_PARTITION')
}

function missing(name: string | null, topicId: string, error: ErrorName): TopicResponse {
  const topic = {
    errorCode: codes.of(error),
    topicId,
    isInternal: name !== null && isInternalTopic(name),
    partitions: [],
  }
  // Only from version 12 on the name may be null.
  return { ...topic, name: name as string }
}

function describe({ broker, apiVersion }: HandlerContext, topic: TopicImage, operations: number): TopicResponse {
  return {
    errorCode: 0,
    name: topic.name,
    topicId: topic.id,
    isInternal: topic.isInternal,
    partitions: topic.partitions.map((image) => describePartition(broker.view, image, apiVersion)),
    topicAuthorizedOperations: operations,
  }
}

function describePartition(view: MetadataView, image: PartitionImage, apiVersion: number) {
  const { partition, leader, leaderEpoch, replicas, isr } = image
  const isLed = leader >= 0 && view.isAlive(leader)
  const offlineReplicas = replicas.filter((id) => !view.isAlive(id))
  // Version 0 has no offline replicas: it leaves out brokers that are down.
  const shown = (ids: readonly number[]) => (apiVersion === 0 ? ids.filter((id) => view.isAlive(id)) : ids)
  return {
    errorCode: isLed ? 0 : codes.of('LEADER_NOT_AVAILABLE'),
    partitionIndex: partition,
    leaderId: isLed ? leader : -1,
    leaderEpoch,
    replicaNodes: shown(replicas),
    isrNodes: shown(isr),
    offlineReplicas,
  }
}

export const metadataHandler = serves(Metadata, allVersions(Metadata), handle)
