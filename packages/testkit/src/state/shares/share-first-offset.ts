import { RecordBatch } from '@ottla/codec/records'
import type { Replica } from '../replicas/replica.ts'
import type { ShareConfig } from './share-config.ts'
import { failed, type ShareFailure } from './share-state-shard.ts'

/** Where a group begins that has read nothing yet. */
export function firstOffsetOf(replica: Replica, reset: ShareConfig['autoOffsetReset']): number | ShareFailure {
  if (reset === 'latest') return replica.highWatermark
  if (reset === 'earliest') return replica.logStartOffset
  const found = offsetAt(replica, reset)
  if (found !== undefined) return found
  const message = `Offset for timestamp ${reset} not found for topic partition: ${replica.topicId}:${replica.topic}-${replica.partition}`
  return { ...failed('OFFSET_NOT_AVAILABLE'), message }
}

/** The first record of that time or later; of a compressed batch, where it begins. */
function offsetAt({ log, highWatermark, logStartOffset }: Replica, timestamp: number): number | undefined {
  const found = log.batchByTimestamp(timestamp, highWatermark)
  if (found === undefined) return undefined
  const batch = new RecordBatch(found.bytes)
  if (batch.compressionId !== 0 || batch.timestampType === 'append') return Math.max(found.baseOffset, logStartOffset)
  const cursor = batch.records()
  while (cursor.next()) {
    const offset = found.baseOffset + cursor.offsetDelta
    if (batch.baseTimestamp + cursor.timestampDelta >= timestamp && offset >= logStartOffset) return offset
  }
  return undefined
}
