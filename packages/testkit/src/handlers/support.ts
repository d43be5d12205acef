import { type Api, type ErrorName, errorCode, zeroUuid } from '@ottla/codec'
import type { Endpoint } from '../broker/broker.ts'
import type { MutationQuota } from '../controllers/mutation-quotas.ts'
import type { TopicImage } from '../state/metadata-view.ts'
import { innerHostOf, type Quirks } from '../state/quirks.ts'
import { clientOf } from '../state/quotas/client-throttles.ts'
import type { Replica } from '../state/replicas/replica.ts'
import type { HandlerContext } from './handler.ts'

/** All stable versions of an API, which Kafka's brokers advertise too. */
export function allVersions({ versions, unstable }: Api): { readonly min: number; readonly max: number } {
  return { min: versions.min, max: unstable ? versions.max - 1 : versions.max }
}

/** A topic by name or by id; the other one is empty. */
export interface TopicRef {
  readonly topic: string
  readonly topicId: string
}

export type FoundReplica =
  | { readonly error: ErrorName; readonly replica?: undefined; readonly topic?: TopicImage }
  | { readonly error: undefined; readonly replica: Replica; readonly topic: TopicImage }

/** This broker's replica of a partition, or an error. */
export function findReplica({ broker }: HandlerContext, ref: TopicRef, partition: number): FoundReplica {
  const byId = ref.topicId !== zeroUuid
  const topic = byId ? broker.view.topicById(ref.topicId) : broker.view.topic(ref.topic)
  if (topic === undefined) return { error: byId ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION' }
  if (topic.partitions[partition] === undefined) return { error: 'UNKNOWN_TOPIC_OR_PARTITION', topic }
  const replica = broker.replica(topic.name, partition)
  if (replica === undefined || replica.topicId !== topic.id) return { error: 'NOT_LEADER_OR_FOLLOWER', topic }
  return { error: undefined, replica, topic }
}

export interface LeaderHint {
  readonly leaderId: number
  readonly leaderEpoch: number
  readonly endpoint: Endpoint | undefined
}

/** The current leader by this broker's metadata (KIP-951). */
export function leaderHint(
  { broker, cluster, connection }: HandlerContext,
  topic: TopicImage,
  partition: number,
): LeaderHint {
  const image = topic.partitions[partition]
  const leaderId = image?.leader ?? -1
  const endpoint = broker.endpointOf(leaderId, connection.origin.listener)
  return { leaderId, leaderEpoch: image?.leaderEpoch ?? -1, endpoint: endpoint && hinted(endpoint, cluster.quirks) }
}

function hinted(endpoint: Endpoint, { hintEndpoints }: Quirks): Endpoint | undefined {
  if (hintEndpoints === 'none') return undefined
  return hintEndpoints === 'inner' ? { ...endpoint, host: innerHostOf(endpoint.id) } : endpoint
}

/** The endpoints of hints for a response, each broker once. */
export function nodeEndpoints(hints: readonly LeaderHint[]) {
  const byId = new Map<number, Endpoint>()
  for (const { endpoint } of hints) if (endpoint !== undefined) byId.set(endpoint.id, endpoint)
  return Array.from(byId.values(), ({ id, host, port, rack }) => ({ nodeId: id, host, port, rack }))
}

/** The request's share of the client's mutation quota (KIP-599); versions from `strictSince` on can say that it is exceeded. */
export function mutationQuota(context: HandlerContext, strictSince: number): MutationQuota {
  const { cluster, connection, apiVersion } = context
  return cluster.mutationQuotas.begin({
    quotas: cluster.controller.state.areas.clientQuotas,
    client: clientOf(context),
    isStrict: apiVersion >= strictSince,
    throttle: (ms) => connection.throttle(ms),
  })
}

/** All operations on a resource, as bits of Kafka's operations. */
export const allOperations = {
  /** READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS */
  topic: 0b1101_1111_1000,
  /** CREATE, ALTER, DESCRIBE, CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS, IDEMPOTENT_WRITE */
  cluster: 0b1_1111_1010_0000,
  /** READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS */
  group: 0b1101_0100_1000,
} as const

/** The value when a request does not include authorized operations. */
export const noOperations = -2_147_483_648

export const codes = {
  none: 0,
  of: (error: ErrorName | undefined): number => (error === undefined ? 0 : errorCode(error)),
} as const

/** Each name once, in the order of the request. Repeated names are marked: Kafka rejects them. */
export function oncePerName<T>(
  items: readonly T[],
  nameOf: (item: T) => string,
): { readonly item: T; readonly isRepeated: boolean }[] {
  const byName = new Map<string, { readonly item: T; isRepeated: boolean }>()
  for (const item of items) {
    const known = byName.get(nameOf(item))
    if (known === undefined) byName.set(nameOf(item), { item, isRepeated: false })
    else known.isRepeated = true
  }
  return [...byName.values()]
}
