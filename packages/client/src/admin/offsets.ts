import { ListOffsets } from '@ottla/codec'
import type { Broker } from '../cluster/broker.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { describePartition, KafkaError, noSuchPartition } from '../errors.ts'
import type { CallOptions } from './call.ts'
import { entryError, settleAll } from './results.ts'

/** Which offset of a partition: its first, the one after its last, that of its newest timestamp, or the first record from a time on. */
export type OffsetSpec = 'earliest' | 'latest' | 'max-timestamp' | { readonly timestamp: number }

export interface OffsetQuery {
  readonly topic: string
  readonly partition: number
  readonly at: OffsetSpec
}

export interface ListedOffset {
  readonly topic: string
  readonly partition: number
  /** -1 where no record matches the timestamp. */
  readonly offset: bigint
  /** ms since the epoch, -1 where the broker returns none. */
  readonly timestamp: number
  readonly leaderEpoch: number
}

const timestamps = { latest: -1n, earliest: -2n, 'max-timestamp': -3n } as const

/** ListOffsets, sent to the leader of each partition (KIP-79, KIP-734). */
export function listOffsets(
  cluster: Cluster,
  queries: readonly OffsetQuery[],
  options: CallOptions & { readonly isolation?: 'read_committed' | 'read_uncommitted' } = {},
): Promise<ListedOffset[]> {
  const operation = 'Listing offsets'
  const found = new Map<OffsetQuery, Found>()
  const { signal, timeoutMs } = options
  const isolationLevel = options.isolation === 'read_committed' ? 1 : 0
  return cluster.retry({ operation, signal, timeoutMs }, async (_attempt, current) => {
    const open = queries.filter((query) => isOpen(found.get(query)))
    await locate(cluster, open, found, current)
    const byLeader = groupByLeader(cluster, open, found)
    await Promise.all(
      [...byLeader].map(([leader, own]) => queryLeader(leader, own, { isolationLevel, signal: current }, found)),
    )
    const retriable = [...found.values()].find(isRetriable)
    if (retriable !== undefined) {
      await cluster.refreshMetadata(operation, [...new Set(open.map((query) => query.topic))])
      throw retriable
    }
    return settleAll(operation, new Map(queries.map((query) => [nameOf(query), found.get(query) as Found])))
  })
}

type Found = ListedOffset | KafkaError

function nameOf({ topic, partition, at }: OffsetQuery): string {
  return `${topic}-${partition} at ${typeof at === 'string' ? at : at.timestamp}`
}

/** Without a response yet, or with an error that another attempt may resolve. */
function isOpen(result: Found | undefined): boolean {
  return result === undefined || isRetriable(result)
}

function isRetriable(result: Found): result is KafkaError {
  return KafkaError.is(result) && result.retriable
}

async function locate(
  cluster: Cluster,
  open: readonly OffsetQuery[],
  found: Map<OffsetQuery, Found>,
  signal: AbortSignal,
): Promise<void> {
  for (const topic of new Set(open.map((query) => query.topic))) {
    const info = await cluster.awaitTopic(topic, { signal })
    for (const query of open) {
      if (query.topic !== topic || query.partition < info.partitions.length) continue
      const where = { topic, partition: query.partition }
      const message = noSuchPartition(where, info.partitions.length)
      found.set(query, new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', message, where))
    }
  }
}

function groupByLeader(
  cluster: Cluster,
  open: readonly OffsetQuery[],
  found: Map<OffsetQuery, Found>,
): Map<Broker, OffsetQuery[]> {
  const byLeader = new Map<Broker, OffsetQuery[]>()
  for (const query of open) {
    if (!isOpen(found.get(query))) continue
    const leader = cluster.leaderOf(query.topic, query.partition)
    if (leader === undefined) {
      const { topic, partition } = query
      const message = `Listing offsets failed: no leader at the moment for ${describePartition({ topic, partition })}`
      found.set(query, new KafkaError('LEADER_NOT_AVAILABLE', message, { topic, partition, retriable: true }))
      continue
    }
    const own = byLeader.get(leader)
    if (own === undefined) byLeader.set(leader, [query])
    else own.push(query)
  }
  return byLeader
}

interface QueryOptions {
  readonly isolationLevel: number
  readonly signal: AbortSignal
}

async function queryLeader(
  leader: Broker,
  own: readonly OffsetQuery[],
  { isolationLevel, signal }: QueryOptions,
  found: Map<OffsetQuery, Found>,
): Promise<void> {
  // A request must not contain a partition twice: queries for the same partition are sent in rounds.
  for (let rest = own; rest.length > 0; ) {
    const round = new Map<string, OffsetQuery>()
    rest = rest.filter((query) => {
      const key = `${query.partition} ${query.topic}`
      if (round.has(key)) return true
      round.set(key, query)
      return false
    })
    const topics = [...new Set([...round.values()].map((query) => query.topic))].map((name) => ({
      name,
      partitions: [...round.values()]
        .filter((query) => query.topic === name)
        .map(({ partition, at }) => ({ partitionIndex: partition, timestamp: timestampOf(at) })),
    }))
    const body = { replicaId: -1, isolationLevel, topics, timeoutMs: 30_000 }
    const response = await leader.request(ListOffsets, body, { signal })
    for (const { name, partitions } of response.topics) {
      for (const response of partitions) {
        const query = round.get(`${response.partitionIndex} ${name}`)
        if (query === undefined) continue
        const where = { broker: leader, topic: name, partition: response.partitionIndex }
        found.set(
          query,
          entryError(response.errorCode, 'Listing offsets', where) ?? {
            topic: name,
            partition: response.partitionIndex,
            offset: response.offset,
            timestamp: Number(response.timestamp),
            leaderEpoch: response.leaderEpoch,
          },
        )
      }
    }
  }
}

function timestampOf(at: OffsetSpec): bigint {
  return typeof at === 'string' ? timestamps[at] : BigInt(at.timestamp)
}
