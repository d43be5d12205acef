import { ListOffsets, OffsetFetch, OffsetForLeaderEpoch } from '@ottla/codec'
import type { Broker, RequestOptions } from '../../cluster/broker.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import { describePartition, type ErrorPlace, KafkaError, kafkaErrorOf } from '../../errors.ts'
import type { BatchEntry, FoundOffset, LookupKind, OffsetBatch } from './offset-batch.ts'

/** Special timestamps for the ends of the log. */
export const earliestTimestamp = -2
export const latestTimestamp = -1

/** Begin the messages of errors. */
export const operations: Readonly<Record<LookupKind, string>> = {
  committed: 'Looking up a committed offset',
  list: 'Looking up an offset',
  'epoch-end': 'Validating a position',
}

/** From this version on the coordinator can check who looks up commits. */
const memberVersion = 9

/** Whose commits are looked up. */
export interface OffsetReader {
  readonly groupId: string
  /** A member with an epoch (KIP-848): the coordinator responds to no other one under its name. Called when the request is written. */
  member(): { readonly memberId: string; readonly memberEpoch: number } | undefined
}

/** A request to the leader of partitions. */
export interface LeaderRequest {
  readonly cluster: Pick<Cluster, 'options' | 'partition'>
  readonly isolation: 'read_committed' | 'read_uncommitted'
  readonly signal: AbortSignal
}

// Each function sends one request and sets the outcomes of its batch. A partition that the response does not have keeps none.

/** The commits of the group; waits for those of pending transactions (KIP-447). Throws an error of the whole group. */
export async function requestCommitted(
  broker: Broker,
  batch: OffsetBatch,
  reader: OffsetReader,
  options: Pick<RequestOptions, 'purpose' | 'signal'>,
): Promise<void> {
  const { groupId } = reader
  const operation = operations.committed
  // Version 10 has topic ids in place of names.
  const maxVersion = batch.usesIds ? 10 : 9
  const body = (version: number) => committedRequest(version, reader, batch)
  const response = await broker.request(OffsetFetch, body, { ...options, maxVersion })
  const group = response.groups.find((one) => one.groupId === groupId) ?? response
  const where = { broker, group: groupId }
  if (group.errorCode !== 0) throw kafkaErrorOf(group.errorCode, operation, where)
  for (const topic of group.topics) {
    const place = { topic: topic.name, topicId: 'topicId' in topic ? topic.topicId : undefined }
    for (const { partitionIndex, committedOffset, committedLeaderEpoch, metadata, errorCode } of topic.partitions) {
      const found = { offset: Number(committedOffset), leaderEpoch: committedLeaderEpoch, metadata }
      settle(batch.find(place, partitionIndex), errorCode, found, operation, where)
    }
  }
}

function committedRequest(version: number, { groupId, member }: OffsetReader, batch: OffsetBatch) {
  const topics = batch.map(({ topic: name, topicId, entries }) => ({
    name,
    topicId,
    partitionIndexes: [...entries.keys()],
  }))
  if (version < 8) return { groupId, topics, ...(version >= 7 && { requireStable: true }) }
  const identity = version < memberVersion ? undefined : member()
  return { groups: [{ groupId, topics, ...identity }], requireStable: true }
}

/** The offsets for timestamps or ends of the log. Under read_committed the end is the last stable offset. */
export async function requestOffsets(broker: Broker, batch: OffsetBatch, context: LeaderRequest): Promise<void> {
  const { cluster, isolation, signal } = context
  const body = () => ({
    replicaId: -1,
    isolationLevel: isolation === 'read_committed' ? 1 : 0,
    topics: batch.map(({ topic: name, entries }) => ({
      name,
      partitions: Array.from(entries.values(), ({ topic, partition, query }) => ({
        partitionIndex: partition,
        currentLeaderEpoch: leaderEpochOf(cluster, topic, partition),
        timestamp: BigInt(query),
      })),
    })),
    timeoutMs: cluster.options.requestTimeoutMs,
  })
  const response = await broker.request(ListOffsets, body, { signal })
  for (const { name, partitions } of response.topics) {
    for (const { partitionIndex, offset, leaderEpoch, errorCode } of partitions) {
      const found = { offset: Number(offset), leaderEpoch, metadata: null }
      const entry = batch.find({ topic: name }, partitionIndex)
      // A timestamp after the last record has no offset, an end of the log always has one.
      if (entry !== undefined && entry.query < 0 && errorCode === 0 && found.offset < 0) {
        entry.outcome = () => incomplete(entry, operations.list, broker, 'has no offset for')
      } else settle(entry, errorCode, found, operations.list, { broker })
    }
  }
}

/** The end offsets of leader epochs; -1: the leader does not have the epoch. */
export async function requestEpochEnds(broker: Broker, batch: OffsetBatch, context: LeaderRequest): Promise<void> {
  const { cluster, signal } = context
  const body = () => ({
    replicaId: -1,
    topics: batch.map(({ topic, entries }) => ({
      topic,
      partitions: Array.from(entries.values(), ({ partition, query }) => ({
        partition,
        currentLeaderEpoch: leaderEpochOf(cluster, topic, partition),
        leaderEpoch: query,
      })),
    })),
  })
  // Version 2 requires rights that only brokers have.
  const response = await broker.request(OffsetForLeaderEpoch, body, { signal, minVersion: 3 })
  for (const { topic, partitions } of response.topics) {
    for (const { partition, endOffset, leaderEpoch, errorCode } of partitions) {
      const found = { offset: Number(endOffset), leaderEpoch, metadata: null }
      settle(batch.find({ topic }, partition), errorCode, found, operations['epoch-end'], { broker })
    }
  }
}

/** A partition that is missing in a response has not failed and has no result: it is requested again. */
export function missingError(place: { topic: string; partition: number }, kind: LookupKind): KafkaError {
  return incomplete(place, operations[kind], undefined, 'is missing')
}

function settle(
  entry: BatchEntry | undefined,
  errorCode: number,
  found: FoundOffset,
  operation: string,
  where: ErrorPlace,
): void {
  if (entry === undefined) return
  const { topic, partition } = entry
  entry.outcome = errorCode === 0 ? found : () => kafkaErrorOf(errorCode, operation, { ...where, topic, partition })
}

function incomplete(
  { topic, partition }: { topic: string; partition: number },
  operation: string,
  broker: Broker | undefined,
  what: string,
): KafkaError {
  const message = `${operation} failed: the response ${what} ${describePartition({ topic, partition })}`
  return new KafkaError('PROTOCOL_ERROR', message, { retriable: true, topic, partition, broker })
}

function leaderEpochOf(cluster: LeaderRequest['cluster'], topic: string, partition: number): number {
  return cluster.partition(topic, partition)?.leaderEpoch ?? -1
}
