import { CreatePartitions, CreateTopics, DeleteTopics, Metadata, type MetadataResponse, zeroUuid } from '@ottla/codec'
import type { CallOptions } from '../call-options.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { meaningOf } from '../error-meaning.ts'
import { KafkaError } from '../errors.ts'
import { onAnyBroker, onController } from './call.ts'
import { checkCode, entryError, settleAll } from './results.ts'

/** A topic to create. Where `partitions` or `replicationFactor` is missing, the broker uses its default (KIP-464). */
export interface NewTopic {
  readonly name: string
  readonly partitions?: number
  readonly replicationFactor?: number
  /** The brokers of each partition, the preferred leader first. Excludes `partitions` and `replicationFactor`. */
  readonly assignments?: readonly (readonly number[])[]
  /** Topic configs by Kafka's names; numbers and booleans are written as text. */
  readonly configs?: Readonly<Record<string, string | number | boolean | null>>
}

export interface CreatedTopic {
  readonly name: string
  readonly topicId: string
  /** -1 where the broker does not report it. */
  readonly partitions: number
  readonly replicationFactor: number
}

export interface TopicListing {
  readonly name: string
  readonly topicId: string
  readonly isInternal: boolean
}

export interface TopicPartitionDescription {
  readonly partition: number
  /** -1 while the partition has no leader. */
  readonly leader: number
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
}

export interface TopicDescription extends TopicListing {
  readonly partitions: readonly TopicPartitionDescription[]
}

export async function createTopics(
  cluster: Cluster,
  topics: readonly NewTopic[],
  options: CallOptions & { readonly validateOnly?: boolean | undefined } = {},
): Promise<CreatedTopic[]> {
  const operation = 'Creating topics'
  const body = {
    topics: topics.map(toCreatable),
    timeoutMs: brokerTimeoutMs(cluster, options),
    validateOnly: options.validateOnly ?? false,
  }
  const created = await onController(cluster, operation, options, async (broker, request) => {
    const response = await broker.request(CreateTopics, body, request)
    const results = new Map<string, CreatedTopic | KafkaError>()
    for (const topic of response.topics) {
      const { name, topicId, numPartitions: partitions, replicationFactor } = topic
      const where = { broker, topic: name, message: topic.errorMessage }
      const error = entryError(topic.errorCode, operation, where)
      // Before version 5 the response has no numbers (KIP-525).
      const requested = body.topics.find((one) => one.name === name)
      const counts =
        partitions >= 0 || requested === undefined ? { partitions, replicationFactor } : countsOf(requested)
      results.set(name, error ?? { name, topicId, ...counts })
    }
    return fromController(results)
  })
  return settleAll(operation, created)
}

function countsOf({ numPartitions, replicationFactor, assignments }: ReturnType<typeof toCreatable>) {
  const [first] = assignments
  if (first === undefined) return { partitions: numPartitions, replicationFactor }
  return { partitions: assignments.length, replicationFactor: first.brokerIds.length }
}

function toCreatable(topic: NewTopic) {
  const { name, partitions = -1, replicationFactor = -1, assignments, configs = {} } = topic
  if (typeof name !== 'string' || name === '') {
    throw new KafkaError('INVALID_ARGUMENT', 'Each topic of admin.createTopics() must have a name')
  }
  if (assignments !== undefined && (topic.partitions !== undefined || topic.replicationFactor !== undefined)) {
    const message = `Topic '${name}' of admin.createTopics() must not have both assignments and partitions or replicationFactor`
    throw new KafkaError('INVALID_ARGUMENT', message, { topic: name })
  }
  return {
    name,
    numPartitions: partitions,
    replicationFactor,
    assignments: (assignments ?? []).map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds })),
    configs: Object.entries(configs).map(([key, value]) => ({ name: key, value: value === null ? null : `${value}` })),
  }
}

export async function deleteTopics(
  cluster: Cluster,
  names: readonly string[],
  options: CallOptions = {},
): Promise<void> {
  const operation = 'Deleting topics'
  const timeoutMs = brokerTimeoutMs(cluster, options)
  const deleted = await onController(cluster, operation, options, async (broker, request) => {
    const body = (version: number) =>
      version >= 6
        ? { topics: names.map((name) => ({ name, topicId: zeroUuid })), timeoutMs }
        : { topicNames: names, timeoutMs }
    const response = await broker.request(DeleteTopics, body, request)
    const results = new Map<string, undefined | KafkaError>()
    for (const { name, errorCode, errorMessage } of response.responses) {
      const where = { broker, topic: name ?? undefined, message: errorMessage }
      results.set(name ?? '', entryError(errorCode, operation, where))
    }
    return fromController(results)
  })
  settleAll(operation, deleted)
}

/** Raises the number of partitions of topics, by topic to the new total. */
export async function createPartitions(
  cluster: Cluster,
  totals: Readonly<Record<string, number>>,
  options: CallOptions = {},
): Promise<void> {
  const operation = 'Creating partitions'
  const body = {
    topics: Object.entries(totals).map(([name, count]) => ({ name, count, assignments: null })),
    timeoutMs: brokerTimeoutMs(cluster, options),
    validateOnly: false,
  }
  const raised = await onController(cluster, operation, options, async (broker, request) => {
    const response = await broker.request(CreatePartitions, body, request)
    const results = new Map<string, undefined | KafkaError>()
    for (const { name, errorCode, errorMessage } of response.results) {
      results.set(name, entryError(errorCode, operation, { broker, topic: name, message: errorMessage }))
    }
    return fromController(results)
  })
  settleAll(operation, raised)
}

/**
 * The results of the controller. Throws, for another attempt, where the broker is not the controller any more; other errors are
 * results, because a request that changed some topics must not be repeated.
 */
function fromController<T>(results: ReadonlyMap<string, T | KafkaError>): ReadonlyMap<string, T | KafkaError> {
  for (const result of results.values()) {
    if (KafkaError.is(result) && meaningOf(result.code).moved === 'controller') throw result
  }
  return results
}

export async function listTopics(
  cluster: Cluster,
  options: CallOptions & { readonly includeInternal?: boolean | undefined } = {},
): Promise<TopicListing[]> {
  const response = await fetchMetadata(cluster, 'Listing topics', null, options)
  return response.topics
    .filter((topic) => options.includeInternal === true || !topic.isInternal)
    .map(({ name, topicId, isInternal }) => ({ name: name ?? '', topicId, isInternal }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

export async function describeTopics(
  cluster: Cluster,
  names: readonly string[],
  options: CallOptions = {},
): Promise<TopicDescription[]> {
  if (names.length === 0) return []
  const operation = 'Describing topics'
  const response = await fetchMetadata(cluster, operation, names, options)
  const byName = new Map(response.topics.map((topic) => [topic.name ?? '', topic]))
  const results = new Map<string, TopicDescription | KafkaError>()
  for (const name of names) {
    const topic = byName.get(name)
    if (topic === undefined) continue
    results.set(name, entryError(topic.errorCode, operation, { topic: name }) ?? describe(name, topic))
  }
  return settleAll(operation, results)
}

function describe(name: string, topic: MetadataResponse['topics'][number]): TopicDescription {
  const partitions = topic.partitions
    .map((partition) => ({
      partition: partition.partitionIndex,
      leader: partition.leaderId,
      leaderEpoch: partition.leaderEpoch,
      replicas: partition.replicaNodes,
      isr: partition.isrNodes,
    }))
    .sort((a, b) => a.partition - b.partition)
  return { name, topicId: topic.topicId, isInternal: topic.isInternal, partitions }
}

function fetchMetadata(
  cluster: Cluster,
  operation: string,
  names: readonly string[] | null,
  options: CallOptions,
): Promise<MetadataResponse> {
  const topics = names === null ? null : names.map((name) => ({ name, topicId: zeroUuid }))
  return onAnyBroker(cluster, operation, options, async (broker, request) => {
    const body = { topics, allowAutoTopicCreation: false, includeTopicAuthorizedOperations: false }
    const response = await broker.request(Metadata, body, request)
    checkCode(response.errorCode, operation, { broker })
    return response
  })
}

/** The controller's own timeout: a little shorter than the request's, so that the client receives the controller's response. */
function brokerTimeoutMs(cluster: Cluster, options: CallOptions): number {
  const requestTimeoutMs = options.timeoutMs ?? cluster.options.requestTimeoutMs
  return Math.max(1, Math.floor(Math.min(requestTimeoutMs, cluster.options.requestTimeoutMs) * 0.9))
}
