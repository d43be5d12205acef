import type { FetchResponse } from '@ottla/codec'
import type { BrokerAddress } from '../../errors.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import { FetchedChunk } from '../partition/fetched-chunk.ts'
import type { Turns } from '../turns.ts'
import type { FetchSession, SessionPartition } from './fetch-session.ts'

export type PartitionResponse = FetchResponse['responses'][number]['partitions'][number]

/** Decides what follows from the part of a response about one partition. */
export interface PartitionListener {
  /** An error code of the broker from which the partition is read. It is not fetched again from there for the moment. */
  failed(partition: AssignedPartition, response: PartitionResponse, context: FetchContext): void
  /** The broker names another replica. True: that is the outcome; false: the response counts as if it did not. */
  prefer(partition: AssignedPartition, response: PartitionResponse, context: FetchContext): boolean
  /** The first success of leaders that another broker had named. */
  confirmed(partitions: readonly AssignedPartition[]): void
  /** The response has bytes but no complete batch. */
  oversized(partition: AssignedPartition, bytes: number): void
}

export interface FetchContext {
  readonly broker: BrokerAddress
  readonly committedOnly: boolean
  readonly nowMs: number
  readonly turns: Turns
  /** Aborts when nothing more is fetched from the broker. */
  readonly signal: AbortSignal
  /** Where the leaders are that the response names. */
  readonly endpoints: FetchResponse['nodeEndpoints']
  readonly listener: PartitionListener
}

/** A partition as it was requested, and what the response has of it. */
type Part = readonly [SessionPartition, PartitionResponse]

/** What a response brought: without records, and without reason, the next fetch has to pause. */
export interface FetchResult {
  /** Records, or an outcome of what moved in the meantime. */
  progressed: boolean
  /** Partitions of the request are not fetched again from this broker for the moment. */
  explained: boolean
  /** The broker had no record for any partition of the request. A throttled response says nothing about that. */
  isEmpty: boolean
}

/**
 * Passes on the bytes of a response. Drops partitions that were sought or revoked after the request. The session must not change until
 * the promise resolves.
 */
export async function acceptFetch(
  response: FetchResponse,
  session: FetchSession,
  context: FetchContext,
): Promise<FetchResult> {
  const result: FetchResult = { progressed: false, explained: false, isEmpty: response.throttleTimeMs === 0 }
  const hinted: Part[] = []
  const parts = partsOf(response, session)
  const acceptPart = (part: Part): void => {
    const [requested, { errorCode, records, preferredReadReplica }] = part
    const saysNothing = errorCode !== 0 || preferredReadReplica >= 0
    if (saysNothing || (records !== null && records.length > 0)) result.isEmpty = false
    const isElsewhere = errorCode !== 0 && requested.partition.fetching.brokerId !== context.broker.id
    if (!isCurrent(requested) || isElsewhere) result.progressed = true
    else if (errorCode === 0 && isFirstOfLeader(requested, context)) hinted.push(part)
    else accept(requested, part[1], context, result)
  }
  const ended = context.turns.each(parts, acceptPart, () => context.signal.aborted)
  if (ended !== undefined) await ended
  // All confirmations come first: they change the metadata, once for each response.
  if (hinted.length > 0) context.listener.confirmed(hinted.map(([{ partition }]) => partition))
  for (const [requested, part] of hinted) {
    result.progressed = true
    // A newer epoch makes the position uncertain: what was fetched may not follow it.
    if (isCurrent(requested) && requested.partition.isFetchable(context.nowMs)) accept(requested, part, context, result)
  }
  return result
}

function partsOf({ responses }: FetchResponse, session: FetchSession): Part[] {
  const parts: Part[] = []
  for (const { topic, topicId, partitions } of responses) {
    for (const part of partitions) {
      const requested = session.find(topicId, topic, part.partitionIndex)
      if (requested !== undefined) parts.push([requested, part])
    }
  }
  return parts
}

function isCurrent({ partition, era, offset }: SessionPartition): boolean {
  return era === partition.era && offset === partition.fetching.offset
}

function isFirstOfLeader({ partition: { fetching } }: SessionPartition, { broker }: FetchContext): boolean {
  return fetching.isHinted && fetching.leaderId === broker.id
}

function accept(
  { partition }: SessionPartition,
  response: PartitionResponse,
  context: FetchContext,
  result: FetchResult,
): void {
  const { listener } = context
  if (response.errorCode !== 0) {
    result.explained = true
    listener.failed(partition, response, context)
    return
  }
  if (response.preferredReadReplica >= 0 && listener.prefer(partition, response, context)) {
    result.explained = true
    return
  }
  partition.fetching.succeeded(response, context.nowMs)
  const { records } = response
  if (records === null || records.length === 0) return
  const { end, epoch } = lastBatchOf(records)
  if (end > partition.fetching.offset) {
    result.progressed = true
    partition.fetching.moveTo(end, epoch)
    deliver(partition, response, records, context.committedOnly)
  } else if (end < 0) {
    result.explained = true
    listener.oversized(partition, records.length)
  }
}

function deliver(
  partition: AssignedPartition,
  response: PartitionResponse,
  records: Uint8Array,
  committedOnly: boolean,
): void {
  const list = committedOnly ? (response.abortedTransactions ?? []) : []
  partition.buffer.accept(new FetchedChunk(records, list))
}

/** Offset and length. */
const batchOverhead = 12
const epochAt = 12
const magicAt = 16
const deltaAt = 23
/** Of a batch of magic 2 without records. */
const leastBatch = 61

/** The offset after the last complete batch, and its leader epoch, from the headers alone; -1 without a complete batch. */
export function lastBatchOf(bytes: Uint8Array): { end: number; epoch: number } {
  const records = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let end = -1
  let epoch = -1
  for (let at = 0; at + magicAt < records.length; ) {
    const next = at + batchOverhead + records.readInt32BE(at + 8)
    // The offset of a message set of magic 0 or 1 is that of its last message; it has no epoch.
    const isOld = records[at + magicAt]! < 2
    if (next <= at + (isOld ? magicAt : leastBatch - 1) || next > records.length) break
    const delta = isOld ? 0 : records.readInt32BE(at + deltaAt)
    end = records.readInt32BE(at) * 0x1_0000_0000 + records.readUInt32BE(at + 4) + delta + 1
    epoch = isOld ? -1 : records.readInt32BE(at + epochAt)
    at = next
  }
  return { end, epoch }
}
