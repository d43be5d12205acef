import { ListOffsets } from '@ottla/codec'
import type { CallOptions } from '../call-options.ts'
import type { Broker } from '../cluster/broker.ts'
import { byLeader } from '../cluster/by-leader.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { groupByTopic } from '../cluster/topology.ts'
import { KafkaError, noSuchPartition } from '../errors.ts'
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

const operation = 'Listing offsets'

/** The first version of ListOffsets with 'max-timestamp' (KIP-734). */
const maxTimestampVersion = 7

const timestamps = { latest: -1n, earliest: -2n, 'max-timestamp': -3n } as const

type Found = ListedOffset | KafkaError

/** ListOffsets, sent to the leader of each partition (KIP-79, KIP-734). */
export async function listOffsets(
  cluster: Cluster,
  queries: readonly OffsetQuery[],
  options: CallOptions & { readonly isolation?: 'read_committed' | 'read_uncommitted' | undefined } = {},
): Promise<ListedOffset[]> {
  const { signal, timeoutMs = cluster.options.apiTimeoutMs } = options
  const isolationLevel = options.isolation === 'read_committed' ? 1 : 0
  const deadlineMs = cluster.runtime.monoNow() + timeoutMs
  const unknown = await unknownPartitions(cluster, queries, deadlineMs, signal)
  const known = queries.filter((query) => !unknown.has(query))
  const found = await byLeader<OffsetQuery, ListedOffset>(
    cluster,
    { operation, signal, deadlineMs },
    known,
    (leader, own, bounded) => queryLeader(leader, own, isolationLevel, bounded),
  )
  const results = queries.map((query): [string, Found] => [
    nameOf(query),
    unknown.get(query) ?? (found.get(query) as Found),
  ])
  return settleAll(operation, new Map(results))
}

function nameOf({ topic, partition, at }: OffsetQuery): string {
  return `${topic}-${partition} at ${typeof at === 'string' ? at : at.timestamp}`
}

/** Waits for the topics, and returns the queries for partitions that they do not have. */
async function unknownPartitions(
  cluster: Cluster,
  queries: readonly OffsetQuery[],
  deadlineMs: number,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<OffsetQuery, KafkaError>> {
  const unknown = new Map<OffsetQuery, KafkaError>()
  for (const topic of new Set(queries.map((query) => query.topic))) {
    const timeoutMs = Math.max(1, deadlineMs - cluster.runtime.monoNow())
    const { partitions } = await cluster.awaitTopic(topic, { timeoutMs, signal })
    for (const query of queries) {
      if (query.topic !== topic || query.partition < partitions.length) continue
      const where = { topic, partition: query.partition }
      const message = noSuchPartition(where, partitions.length)
      unknown.set(query, new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', message, where))
    }
  }
  return unknown
}

async function queryLeader(
  leader: Broker,
  own: readonly OffsetQuery[],
  isolationLevel: number,
  signal: AbortSignal,
): Promise<Map<OffsetQuery, Found>> {
  const found = new Map<OffsetQuery, Found>()
  // A request must not contain a partition twice: queries for the same partition are sent in rounds.
  for (let rest = own; rest.length > 0; ) {
    const round = new Map<string, OffsetQuery>()
    rest = rest.filter((query) => {
      const key = `${query.partition} ${query.topic}`
      if (round.has(key)) return true
      round.set(key, query)
      return false
    })
    const topics = groupByTopic(round.values(), ({ partition, at }) => ({
      partitionIndex: partition,
      timestamp: timestampOf(at),
    })).map(({ topic: name, partitions }) => ({ name, partitions }))
    const body = { replicaId: -1, isolationLevel, topics, timeoutMs: 30_000 }
    // A broker before 3.0 would take the special timestamp for a time.
    const isForMaxTimestamp = [...round.values()].some(({ at }) => at === 'max-timestamp')
    const minVersion = isForMaxTimestamp ? maxTimestampVersion : 0
    const response = await leader.request(ListOffsets, body, { signal, minVersion })
    for (const { name: topic, partitions } of response.topics) {
      for (const { partitionIndex: partition, errorCode, offset, timestamp, leaderEpoch } of partitions) {
        const query = round.get(`${partition} ${topic}`)
        if (query === undefined) continue
        const error = entryError(errorCode, operation, { broker: leader, topic, partition })
        found.set(query, error ?? { topic, partition, offset, timestamp: Number(timestamp), leaderEpoch })
      }
    }
  }
  return found
}

function timestampOf(at: OffsetSpec): bigint {
  return typeof at === 'string' ? timestamps[at] : BigInt(at.timestamp)
}
