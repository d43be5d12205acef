import { type ErrorName, errorOf, type FetchResponse } from '@ottla/codec'
import { RecordBatchReader } from '@ottla/codec/records'
import { meaningOf } from '../error-meaning.ts'
import type { Chunk, Cursor } from './cursor.ts'
import type { FetchSession, SessionPartition } from './fetch-session.ts'
import { AbortedTransactions } from './isolation.ts'

type PartitionResponse = FetchResponse['responses'][number]['partitions'][number]

/** Receives the outcome of a fetch for each partition. */
export interface FetchListener {
  chunk(cursor: Cursor, chunk: Chunk): void
  /** The leader moved: look it up. */
  moved(cursor: Cursor, leaderId: number, leaderEpoch: number, code: ErrorName): void
  /** Retry after a backoff; with `refresh` the metadata may be stale. */
  pause(cursor: Cursor, code: ErrorName, refresh: boolean): void
  /** The log does not contain the offset. */
  outOfRange(cursor: Cursor, offset: number): void
  /** Read from this replica. */
  prefer(cursor: Cursor, replicaId: number): void
  /** The response has bytes but no complete batch. */
  oversized(cursor: Cursor, bytes: number): void
  /** A permanent error. */
  refused(cursor: Cursor, code: number): void
}

/** Passes on the bytes of a response. Drops partitions that were sought or revoked after the request. */
export function acceptFetch(
  response: FetchResponse,
  session: FetchSession,
  committedOnly: boolean,
  listener: FetchListener,
): void {
  for (const { topic, topicId, partitions } of response.responses) {
    for (const response of partitions) {
      const asked = session.find(topicId, topic, response.partitionIndex)
      if (asked === undefined) continue
      const { cursor } = asked
      if (asked.assignmentEpoch !== cursor.assignmentEpoch || asked.fetchOffset !== cursor.fetchOffset) continue
      if (response.errorCode === 0) acceptPartition(cursor, response, committedOnly, listener)
      else acceptError(asked, response, listener)
    }
  }
}

function acceptPartition(
  cursor: Cursor,
  response: PartitionResponse,
  committedOnly: boolean,
  listener: FetchListener,
): void {
  cursor.failures = 0
  cursor.highWatermark = Number(response.highWatermark)
  cursor.lastStableOffset = Number(response.lastStableOffset)
  cursor.logStartOffset = Number(response.logStartOffset)
  if (response.preferredReadReplica >= 0) {
    listener.prefer(cursor, response.preferredReadReplica)
    return
  }
  const { records } = response
  if (records === null || records.length === 0) return
  const end = endOf(records)
  if (end <= cursor.fetchOffset) {
    if (end < 0) listener.oversized(cursor, records.length)
    return
  }
  cursor.fetchOffset = end
  const list = committedOnly ? (response.abortedTransactions ?? []) : []
  const aborted = list.length === 0 ? undefined : new AbortedTransactions(list)
  listener.chunk(cursor, { reader: new RecordBatchReader(records), aborted, bytes: records.length })
}

function acceptError(
  { cursor, fetchOffset }: SessionPartition,
  response: PartitionResponse,
  listener: FetchListener,
): void {
  const { name } = errorOf(response.errorCode)
  const { moved, staleMetadata, outOfRange, transient } = meaningOf(name)
  const { leaderId, leaderEpoch } = response.currentLeader
  if (moved === 'leader') listener.moved(cursor, leaderId, leaderEpoch, name)
  else if (outOfRange) listener.outOfRange(cursor, fetchOffset)
  else if (transient) listener.pause(cursor, name, staleMetadata)
  else listener.refused(cursor, response.errorCode)
}

const batchOverhead = 12

/** The offset after the last complete batch, from the headers alone; -1 without a complete batch. */
export function endOf(bytes: Uint8Array): number {
  const records = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let end = -1
  for (let at = 0; at + batchOverhead < records.length; ) {
    const next = at + batchOverhead + records.readInt32BE(at + 8)
    if (next <= at + batchOverhead || next > records.length) break
    // The offset of a message set of magic 0 or 1 is that of its last message.
    const delta = records[at + 16]! < 2 ? 0 : records.readInt32BE(at + 23)
    end = records.readInt32BE(at) * 0x1_0000_0000 + records.readUInt32BE(at + 4) + delta + 1
    at = next
  }
  return end
}
