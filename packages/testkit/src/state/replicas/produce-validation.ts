import { DecodeError, type ErrorName } from '@ottla/codec'
import { crc32c, patchBatch, type RecordBatch, RecordBatchReader } from '@ottla/codec/records'
import type { TopicSettings } from '../configs/topic-config.ts'
import { type ProducedBatch, producedBatchOf } from './produced-batch.ts'
import { recompress } from './recompression.ts'

export interface RecordProblem {
  readonly batchIndex: number
  readonly batchIndexErrorMessage: string
}

/** Why a batch is rejected; all records of a partition are rejected together. */
export interface ProduceProblem {
  readonly error: ErrorName
  /** Kafka adds a message only when single records are invalid. */
  readonly message?: string
  readonly records?: readonly RecordProblem[]
  /** Kafka returns the log start offset only when the log itself rejected the batch. */
  readonly tellsLogStart: boolean
}

export interface ProduceRules {
  readonly apiVersion: number
  /** Null: the request has none and must not contain transactional records. */
  readonly transactionalId: string | null
  readonly nowMs: number
  /** The partition's name in error messages. */
  readonly where: string
  readonly settings: TopicSettings
}

export type Validated =
  | { readonly problem: ProduceProblem }
  | { readonly problem: undefined; readonly batch: ProducedBatch; readonly logAppendTimeMs: number }

const zstdId = 4
const noTimestamp = -1
const magic2 = 2
const magicAt = 16
const crcAt = 17
const attributesAt = 21
const logAppendTimeBit = 0x08
const maxReportedRecords = 10_000

/**
 * Checks the records of one partition in a Produce request: exactly one complete batch of magic 2, with a valid checksum, and
 * with a size and timestamps that the topic allows. With LogAppendTime the batch gets its timestamp here.
 */
export function validateProduced(records: Uint8Array | null, rules: ProduceRules): Validated {
  const { settings, nowMs } = rules
  const read = readOne(records, rules)
  if ('error' in read) return { problem: read }
  const problem = sizeProblem(read.batch, rules) ?? headerProblem(read.batch, rules) ?? recordProblem(read.batch, rules)
  if (problem !== undefined) return { problem }
  const batch = recompressed(read.batch, rules)
  if ('error' in batch) return { problem: batch }
  const logAppendTimeMs = settings.usesLogAppendTime ? nowMs : noTimestamp
  if (settings.usesLogAppendTime) patchBatch(batch.bytes, { logAppendTime: nowMs })
  else if (batch.timestampType === 'append') clearLogAppendTime(batch.bytes)
  return { problem: undefined, batch: producedBatchOf(batch.bytes), logAppendTimeMs }
}

function readOne(
  records: Uint8Array | null,
  { apiVersion }: ProduceRules,
): { readonly batch: RecordBatch } | ProduceProblem {
  const rejected = (error: ErrorName) => ({ error, tellsLogStart: false })
  const foundMagic = records?.[magicAt] ?? magic2
  if (foundMagic > magic2) {
    return { ...rejected('CORRUPT_MESSAGE'), message: `Invalid magic found in record: ${foundMagic}` }
  }
  if (foundMagic !== magic2) return rejected('INVALID_RECORD')
  try {
    const reader = new RecordBatchReader(records ?? new Uint8Array(0))
    const batch = reader.next()
    if (batch === undefined || reader.next() !== undefined) return rejected('INVALID_RECORD')
    const isUnknownCodec = batch.compressionId > zstdId || (batch.compressionId === zstdId && apiVersion < 7)
    return isUnknownCodec ? rejected('UNSUPPORTED_COMPRESSION_TYPE') : { batch }
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    return rejected('CORRUPT_MESSAGE')
  }
}

function sizeProblem(batch: RecordBatch, { settings }: ProduceRules): ProduceProblem | undefined {
  if (batch.bytes.length > settings.maxMessageBytes) return { error: 'MESSAGE_TOO_LARGE', tellsLogStart: false }
  if (batch.baseOffset !== 0n) return { error: 'INVALID_RECORD', tellsLogStart: true }
  return batch.verifyCrc() ? undefined : { error: 'CORRUPT_MESSAGE', tellsLogStart: false }
}

/** When compression.type differs from the batch's, the leader recompresses the batch; the result may be too large. */
function recompressed(batch: RecordBatch, { settings }: ProduceRules): RecordBatch | ProduceProblem {
  const { compressionId, maxMessageBytes } = settings
  if (compressionId === undefined || compressionId === batch.compressionId) return batch
  try {
    const again = recompress(batch, compressionId)
    return again.bytes.length > maxMessageBytes ? { error: 'MESSAGE_TOO_LARGE', tellsLogStart: false } : again
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    return { error: 'INVALID_RECORD', tellsLogStart: true }
  }
}

function headerProblem(batch: RecordBatch, { transactionalId }: ProduceRules): ProduceProblem | undefined {
  const invalid: ProduceProblem = { error: 'INVALID_RECORD', tellsLogStart: true }
  if (batch.recordCount <= 0 || batch.lastOffsetDelta + 1 !== batch.recordCount) return invalid
  // Only coordinators write control records.
  if (batch.isControl) return invalid
  if (batch.producerId >= 0n && batch.baseSequence < 0) return invalid
  const isStray = batch.isTransactional && transactionalId === null
  return isStray ? { error: 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED', tellsLogStart: false } : undefined
}

/** Checks that need the records themselves. */
function recordProblem(batch: RecordBatch, rules: ProduceRules): ProduceProblem | undefined {
  try {
    return timeProblem(batch, rules) ?? (rules.settings.isCompacted ? keyProblem(batch, rules.where) : undefined)
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    return { error: 'INVALID_RECORD', tellsLogStart: true }
  }
}

/** The header has the largest timestamp, so the records are read only to list the invalid ones. */
function timeProblem(batch: RecordBatch, { settings, nowMs }: ProduceRules): ProduceProblem | undefined {
  if (settings.usesLogAppendTime) {
    return batch.timestampType === 'append' ? { error: 'INVALID_TIMESTAMP', tellsLogStart: true } : undefined
  }
  const earliest = nowMs - settings.timestampBeforeMaxMs
  const latest = nowMs + settings.timestampAfterMaxMs
  const isOutside = (time: number) => time !== noTimestamp && (time < earliest || time > latest)
  const mayBeTooOld = earliest > 0
  if (!isOutside(batch.maxTimestamp) && !mayBeTooOld) return undefined
  const records = invalidTimestamps(batch, isOutside).map(([batchIndex, time]) => ({
    batchIndex,
    batchIndexErrorMessage: `Timestamp ${time} of message with offset ${batchIndex} is out of range. The timestamp should be within [${earliest}, ${latest}]`,
  }))
  if (records.length === 0 && !isOutside(batch.maxTimestamp)) return undefined
  const message = 'One or more records have been rejected due to invalid timestamp'
  return { error: 'INVALID_TIMESTAMP', message, records, tellsLogStart: true }
}

function invalidTimestamps(
  batch: RecordBatch,
  isOutside: (time: number) => boolean,
): [batchIndex: number, time: number][] {
  const found: [number, number][] = []
  if (batch.compressionId !== 0) return found
  const { baseTimestamp } = batch
  const cursor = batch.records()
  while (found.length < maxReportedRecords && cursor.next()) {
    const time = baseTimestamp + cursor.timestampDelta
    if (isOutside(time)) found.push([cursor.offsetDelta, time])
  }
  return found
}

/** A compacted topic requires keys. Compressed records are not checked. */
function keyProblem(batch: RecordBatch, where: string): ProduceProblem | undefined {
  if (batch.compressionId !== 0) return undefined
  const faulty: RecordProblem[] = []
  const cursor = batch.records()
  while (faulty.length < maxReportedRecords && cursor.next()) {
    if (cursor.keyLength >= 0) continue
    const batchIndexErrorMessage = `Compacted topic cannot accept message without key in topic partition ${where}`
    faulty.push({ batchIndex: cursor.offsetDelta, batchIndexErrorMessage })
  }
  if (faulty.length === 0) return undefined
  const shown = faulty
    .slice(0, 3)
    .map((record) => `RecordError(batchIndex=${record.batchIndex}, message='${record.batchIndexErrorMessage}')`)
  const message = `One or more records have been rejected due to ${faulty.length} record errors in total, and only showing the first three errors at most: [${shown.join(', ')}]`
  return { error: 'INVALID_RECORD', message, records: faulty, tellsLogStart: true }
}

/** The topic keeps the producers' timestamps: clears the LogAppendTime bit. */
function clearLogAppendTime(bytes: Buffer): void {
  bytes.writeInt16BE(bytes.readInt16BE(attributesAt) & ~logAppendTimeBit, attributesAt)
  bytes.writeUInt32BE(crc32c(bytes, 0, attributesAt), crcAt)
}

/** The producer of transactional records; undefined for other records and for unreadable ones. */
export function transactionalProducerOf(
  records: Uint8Array | null,
): { readonly producerId: bigint; readonly producerEpoch: number } | undefined {
  if (records?.[magicAt] !== magic2) return undefined
  try {
    const batch = new RecordBatchReader(records).next()
    if (batch === undefined || !batch.isTransactional) return undefined
    return { producerId: batch.producerId, producerEpoch: batch.producerEpoch }
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}
