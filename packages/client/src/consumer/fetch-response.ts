import { type ErrorName, errorOf, type FetchResponse } from '@ottla/codec'
import { RecordBatchReader } from '@ottla/codec/records'
import { meaningOf } from '../error-meaning.ts'
import type { Chunk, Cursor } from './cursor.ts'
import type { Asked, FetchSession } from './fetch-session.ts'
import { AbortedTransactions } from './isolation.ts'

type PartitionResponse = FetchResponse['responses'][number]['partitions'][number]

/** What an answer leads to beyond new bytes. */
export interface FetchSink {
  chunk(cursor: Cursor, chunk: Chunk): void
  /** The partition is elsewhere: look it up. */
  moved(cursor: Cursor, leaderId: number, leaderEpoch: number, code: ErrorName): void
  /** Try again after a pause; `refresh` says that the metadata may be wrong. */
  pause(cursor: Cursor, code: ErrorName, refresh: boolean): void
  /** The log does not have the offset. */
  outOfRange(cursor: Cursor, offset: number): void
  /** Read from this replica from now on. */
  prefer(cursor: Cursor, replicaId: number): void
  /** The answer holds no whole batch, though it is not empty. */
  oversized(cursor: Cursor, bytes: number): void
  /** Never to be answered differently without someone's doing. */
  refused(cursor: Cursor, code: number): void
}

/** Hands the bytes of an answer on, with what must be known about them; drops what was asked before a seek or a revoke. */
export function acceptFetch(
  response: FetchResponse,
  session: FetchSession,
  committedOnly: boolean,
  sink: FetchSink,
): void {
  for (const { topic, topicId, partitions } of response.responses) {
    for (const response of partitions) {
      const asked = session.find(topicId, topic, response.partitionIndex)
      if (asked === undefined) continue
      const { cursor } = asked
      if (asked.assignmentEpoch !== cursor.assignmentEpoch || asked.fetchOffset !== cursor.fetchOffset) continue
      if (response.errorCode === 0) acceptPartition(cursor, response, committedOnly, sink)
      else acceptError(asked, response, sink)
    }
  }
}

function acceptPartition(cursor: Cursor, response: PartitionResponse, committedOnly: boolean, sink: FetchSink): void {
  cursor.failures = 0
  cursor.highWatermark = Number(response.highWatermark)
  cursor.lastStableOffset = Number(response.lastStableOffset)
  cursor.logStartOffset = Number(response.logStartOffset)
  if (response.preferredReadReplica >= 0) {
    sink.prefer(cursor, response.preferredReadReplica)
    return
  }
  const { records } = response
  if (records === null || records.length === 0) return
  const end = endOf(records)
  if (end <= cursor.fetchOffset) {
    if (end < 0) sink.oversized(cursor, records.length)
    return
  }
  cursor.fetchOffset = end
  const list = committedOnly ? (response.abortedTransactions ?? []) : []
  const aborted = list.length === 0 ? undefined : new AbortedTransactions(list)
  sink.chunk(cursor, { reader: new RecordBatchReader(records), aborted, bytes: records.length })
}

function acceptError({ cursor, fetchOffset }: Asked, response: PartitionResponse, sink: FetchSink): void {
  const { name } = errorOf(response.errorCode)
  const { moved, staleMetadata, outOfRange, transient } = meaningOf(name)
  const { leaderId, leaderEpoch } = response.currentLeader
  if (moved === 'leader') sink.moved(cursor, leaderId, leaderEpoch, name)
  else if (outOfRange) sink.outOfRange(cursor, fetchOffset)
  else if (transient) sink.pause(cursor, name, staleMetadata)
  else sink.refused(cursor, response.errorCode)
}

const batchOverhead = 12

/** The offset after the last whole batch, by the headers alone; -1 if there is no whole batch. */
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
