import { CreatePartitions, CreateTopics, DeleteTopics, Metadata, type MetadataResponse, zeroUuid } from '@ottla/codec'
import type { Cluster } from '../cluster/cluster.ts'
import { KafkaError } from '../errors.ts'
import type { CallOptions } from './call.ts'
import { onAnyBroker, onController } from './call.ts'
import { checkCode, entryError, settleAll } from './results.ts'

/** A topic to create. Without `partitions` or `replicationFactor` the broker's own defaults hold (KIP-464). */
export interface NewTopic {
  readonly name: string
  readonly partitions?: number
  readonly replicationFactor?: number
  /** The brokers of each partition, the preferred leader first; then `partitions` and `replicationFactor` must be absent. */
  readonly assignments?: readonly (readonly number[])[]
  /** Topic configs by Kafka's names; numbers and booleans are written as text. */
  readonly configs?: Readonly<Record<string, string | number | boolean | null>>
}

export interface CreatedTopic {
  readonly name: string
  readonly topicId: string
  /** -1 where the broker does not tell. */
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
  options: CallOptions & { readonly validateOnly?: boolean } = {},
): Promise<CreatedTopic[]> {
  const operation = 'createTopics'
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
      results.set(name, error ?? { name, topicId, partitions, replicationFactor })
    }
    return fromController(results)
  })
  return settleAll(operation, created)
}

function toCreatable(topic: NewTopic) {
  const { name, partitions = -1, replicationFactor = -1, assignments, configs = {} } = topic
  if (typeof name !== 'string' || name === '') {
    throw new KafkaError('INVALID_ARGUMENT', 'createTopics: each topic needs a name', { retriable: false })
  }
  if (assignments !== undefined && (topic.partitions !== undefined || topic.replicationFactor !== undefined)) {
    const message = `createTopics: topic ${name} has assignments, so partitions and replicationFactor must be left out`
    throw new KafkaError('INVALID_ARGUMENT', message, { retriable: false, topic: name })
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
  const operation = 'deleteTopics'
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
  const operation = 'createPartitions'
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

/** The results of a broker that was the controller. Only another one is asked again: some topics may be changed by now. */
function fromController<T>(results: ReadonlyMap<string, T | KafkaError>): ReadonlyMap<string, T | KafkaError> {
  for (const result of results.values()) if (KafkaError.is(result) && result.code === 'NOT_CONTROLLER') throw result
  return results
}

export async function listTopics(
  cluster: Cluster,
  options: CallOptions & { readonly includeInternal?: boolean } = {},
): Promise<TopicListing[]> {
  const response = await fetchMetadata(cluster, 'listTopics', null, options)
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
  const operation = 'describeTopics'
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

/** What the controller may take: a little less than the caller waits, so that its own time-out reaches us as an answer. */
function brokerTimeoutMs(cluster: Cluster, options: CallOptions): number {
  const requestTimeoutMs = options.timeoutMs ?? cluster.options.requestTimeoutMs
  return Math.max(1, Math.floor(Math.min(requestTimeoutMs, cluster.options.requestTimeoutMs) * 0.9))
}
