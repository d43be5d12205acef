import { batchHeaderBytes, codecOf, emptyBatch, RecordBatch } from '@ottla/codec/records'
import type { Runtime } from '@ottla/runtime'
import { CleanedTransactions } from './cleaned-transactions.ts'
import { LogSegment, type StoredBatch } from './log-segment.ts'
import { baseTimestampOf, type LogRecord, readRecords, rebuiltBatch, writeRecords } from './record-rewriter.ts'
import type { ReplicaLog } from './replica-log.ts'

export interface CleaningRules {
  readonly nowMs: number
  /** delete.retention.ms: how long tombstones and markers are kept after their first cleaning. */
  readonly deleteRetentionMs: number
  /** min.compaction.lag.ms: younger segments are not cleaned. */
  readonly minCompactionLagMs: number
  readonly segmentBytes: number
  /** Only records below it are cleaned. */
  readonly lastStableOffset: number
}

interface ReadBatch {
  readonly stored: StoredBatch
  readonly batch: RecordBatch
  readonly records: readonly LogRecord[]
}

/** One round of cleaning: the last offset of each key, and where the round ends. */
interface Round {
  readonly rules: CleaningRules
  readonly lastOffsets: ReadonlyMap<string, number>
  readonly endOffset: number
  readonly transactions: CleanedTransactions
  readonly log: ReplicaLog
}

interface Kept {
  readonly records: readonly LogRecord[]
  readonly deleteHorizonMs: bigint | undefined
  readonly isOriginal: boolean
}

const maxPayloadBytes = 1 << 30

type AgeRules = Pick<CleaningRules, 'nowMs' | 'minCompactionLagMs' | 'lastStableOffset'>

/** The rules for cleaning a log automatically. */
export interface DirtinessRules extends AgeRules {
  /** min.cleanable.dirty.ratio */
  readonly minCleanableDirtyRatio: number
  /** max.compaction.lag.ms: older segments are cleaned regardless of the dirty ratio. */
  readonly maxCompactionLagMs: number
}

export interface Cleanable {
  /** The dirty share of all bytes that are clean or can be cleaned. */
  readonly ratio: number
  readonly isDue: boolean
  /** When the log may become due without further appends; 0: as soon as replication and open transactions allow it. */
  readonly dueInMs: number | undefined
}

/** How dirty a log is, and whether it is due for cleaning. */
export function cleanableOf(log: ReplicaLog, rules: DirtinessRules): Cleanable {
  const { nowMs, maxCompactionLagMs, minCompactionLagMs, minCleanableDirtyRatio } = rules
  const closed = log.segments.slice(0, -1)
  const isDirty = ({ baseOffset }: LogSegment) => baseOffset >= log.cleanedOffset
  const dirty = closed.filter(isDirty)
  if (dirty.length === 0) return { ratio: 0, isDue: false, dueInMs: undefined }
  const cleanable = cleanableSegments(log, rules).filter(isDirty)
  const sizeOf = (segments: readonly LogSegment[]) => segments.reduce((sum, segment) => sum + segment.sizeInBytes, 0)
  const cleanBytes = sizeOf(closed) - sizeOf(dirty)
  const ratioOf = (segments: readonly LogSegment[]) => {
    const dirtyBytes = sizeOf(segments)
    return dirtyBytes === 0 ? 0 : dirtyBytes / (cleanBytes + dirtyBytes)
  }
  const firstTimes = dirty.map(({ batches }) => batches[0]?.maxTimestamp ?? -1).filter((time) => time > 0)
  const overdueAtMs = Math.min(...firstTimes) + maxCompactionLagMs
  const ratio = ratioOf(cleanable)
  const isDue = (overdueAtMs < nowMs && cleanable.length > 0) || ratio > minCleanableDirtyRatio
  const byAge = Math.max(0, overdueAtMs - nowMs + 1)
  const bySize = ratioOf(dirty) > minCleanableDirtyRatio ? 0 : Number.POSITIVE_INFINITY
  const young = (dirty[cleanable.length]?.maxTimestamp ?? -1) + minCompactionLagMs - nowMs
  const oldEnough = minCompactionLagMs > 0 ? Math.max(0, young) : 0
  const dueInMs = isDue ? 0 : Math.max(oldEnough, Math.min(byAge, bySize))
  return { ratio, isDue, dueInMs: dueInMs < longestWaitMs ? dueInMs : undefined }
}

/** A longer wait counts as never. */
const longestWaitMs = 2 ** 53

/**
 * Compacts a log as Kafka's cleaner does: only the last record of each key is kept, at its offset. Batches keep their first and
 * last offsets; a producer's last batch is kept even when it is empty, so that its last sequence number is not lost. False when
 * the log was truncated during the cleaning.
 */
export async function cleanLog(log: ReplicaLog, rules: CleaningRules, runtime: Runtime): Promise<boolean> {
  const { cutCount } = log
  const segments = cleanableSegments(log, rules)
  if (segments.length === 0) return true
  const batches: ReadBatch[][] = []
  for (const segment of segments) {
    batches.push(await Promise.all([...segment.batches].map((stored) => readBatch(stored, runtime))))
  }
  const round = roundOf(log, batches.flat(), rules)
  const cleaned: LogSegment[] = []
  for (const group of grouped(segments, rules.segmentBytes)) {
    const target = new LogSegment((segments[group[0] as number] as LogSegment).baseOffset)
    for (const read of group.flatMap((index) => batches[index] ?? [])) {
      const kept = await cleanBatch(read, round, runtime)
      if (kept !== undefined) target.append(kept)
    }
    cleaned.push(target)
  }
  return log.replaceSegments(segments, cleaned, cutCount)
}

/** Whole segments below the last stable offset; never the active one. */
function cleanableSegments(log: ReplicaLog, rules: AgeRules): LogSegment[] {
  const found: LogSegment[] = []
  for (const [index, segment] of log.segments.entries()) {
    const next = log.segments[index + 1]
    if (next === undefined || next.baseOffset > rules.lastStableOffset) break
    const isYoung = rules.minCompactionLagMs > 0 && segment.maxTimestamp > rules.nowMs - rules.minCompactionLagMs
    if (isYoung) break
    found.push(segment)
  }
  return found
}

/** Groups adjacent segments that fit into one segment together. */
function grouped(segments: readonly LogSegment[], segmentBytes: number): number[][] {
  const groups: number[][] = []
  let size = 0
  for (const [index, { sizeInBytes }] of segments.entries()) {
    const group = groups.at(-1)
    if (group !== undefined && size + sizeInBytes <= segmentBytes) {
      group.push(index)
      size += sizeInBytes
    } else {
      groups.push([index])
      size = sizeInBytes
    }
  }
  return groups
}

async function readBatch(stored: StoredBatch, runtime: Runtime): Promise<ReadBatch> {
  const batch = new RecordBatch(stored.bytes)
  const { payload, compressionId } = batch
  if (batch.recordCount === 0) return { stored, batch, records: [] }
  const plain =
    compressionId === 0
      ? payload
      : await runtime.work(() => codecOf(compressionId).decompress(payload, maxPayloadBytes))
  return { stored, batch, records: readRecords(stored.bytes, plain) }
}

function roundOf(log: ReplicaLog, batches: readonly ReadBatch[], rules: CleaningRules): Round {
  const transactions = new CleanedTransactions(batches.map(({ batch }) => batch))
  const lastOffsets = new Map<string, number>()
  let endOffset = 0
  for (const { stored, batch, records } of batches) {
    endOffset = stored.lastOffset + 1
    if (batch.isControl || transactions.isAborted(batch)) continue
    for (const { key, offsetDelta } of records) {
      if (key !== undefined) lastOffsets.set(key, stored.baseOffset + offsetDelta)
    }
  }
  return { rules, lastOffsets, endOffset, transactions, log }
}

/** The batch after the round; undefined when it is removed. */
async function cleanBatch(read: ReadBatch, round: Round, runtime: Runtime): Promise<StoredBatch | undefined> {
  const { stored, batch } = read
  const kept = keptOf(read, round)
  if (kept.records.length === 0) return mustKeep(read, round) ? emptied(stored, batch) : undefined
  if (kept.isOriginal) return stored
  const { deleteHorizonMs } = kept
  const plain = writeRecords(kept.records, baseTimestampOf(kept.records, deleteHorizonMs))
  const { compressionId } = batch
  const payload = compressionId === 0 ? plain : await runtime.work(() => codecOf(compressionId).compress(plain))
  const bytes = rebuiltBatch(stored.bytes, kept.records, { payload, deleteHorizonMs })
  return { ...stored, bytes, maxTimestamp: new RecordBatch(bytes).maxTimestamp }
}

/** Which records are kept, and whether the batch gets its delete horizon now (KIP-534). */
function keptOf({ stored, batch, records }: ReadBatch, { rules, lastOffsets, transactions }: Round): Kept {
  const horizon = batch.deleteHorizonMs
  const isPast = horizon !== undefined && horizon <= BigInt(rules.nowMs)
  const canDiscard = transactions.canDiscard(batch)
  if (canDiscard && (!batch.isControl || isPast)) return { records: [], deleteHorizonMs: horizon, isOriginal: false }
  const isKept = ({ key, offsetDelta, hasValue }: LogRecord) => {
    if (batch.isControl) return true
    if (key === undefined) return false
    const isLast = stored.baseOffset + offsetDelta >= (lastOffsets.get(key) ?? -1)
    return isLast && (hasValue || !isPast)
  }
  const kept = records.filter(isKept)
  const expires = batch.isControl ? canDiscard : kept.some(({ hasValue }) => !hasValue)
  const isDatedNow = expires && horizon === undefined
  return {
    records: kept,
    deleteHorizonMs: isDatedNow ? BigInt(Math.floor(rules.nowMs) + rules.deleteRetentionMs) : horizon,
    isOriginal: kept.length === records.length && !isDatedNow,
  }
}

/** An empty batch is kept at the end of the round, and where it holds a producer's last sequence number or epoch. */
function mustKeep({ stored, batch }: ReadBatch, { endOffset, log }: Round): boolean {
  if (stored.lastOffset + 1 === endOffset) return true
  if (batch.producerId < 0n) return false
  const last = log.producers.lastOf(batch.producerId)
  if (last === undefined) return false
  if (last.lastOffset !== undefined) return last.lastOffset === stored.lastOffset
  return batch.isControl && last.epoch === batch.producerEpoch
}

function emptied(stored: StoredBatch, batch: RecordBatch): StoredBatch {
  if (batch.recordCount === 0 && batch.bytes.length === batchHeaderBytes) return stored
  const bytes = emptyBatch({
    baseOffset: batch.baseOffset,
    lastOffset: batch.lastOffset,
    producerId: batch.producerId,
    producerEpoch: batch.producerEpoch,
    baseSequence: batch.baseSequence,
    partitionLeaderEpoch: batch.partitionLeaderEpoch,
    timestampMs: batch.wideMaxTimestamp,
    timestampType: batch.timestampType,
    transactional: batch.isTransactional,
    control: batch.isControl,
  })
  return { ...stored, bytes }
}
