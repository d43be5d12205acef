import { DecodeError, type ErrorName } from '@ottla/codec'
import { type Batch, BatchReader, patchBatch } from '@ottla/codec/records'
import { type ProducedBatch, producedBatchOf } from './produced-batch.ts'
import type { TopicSettings } from './topic-config.ts'

export interface RecordProblem {
  readonly batchIndex: number
  readonly batchIndexErrorMessage: string
}

/** Why a batch is refused; a whole partition's records are refused together. */
export interface ProduceProblem {
  readonly error: ErrorName
  readonly message: string
  /** The records at fault, where it is not the whole batch. */
  readonly records?: readonly RecordProblem[]
}

export interface ProduceRules {
  readonly apiVersion: number
  readonly nowMs: number
  /** For messages. */
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
const maxReportedRecords = 10

/**
 * Checks what a client wants appended to one partition: exactly one batch of magic 2, whole, unharmed, of a size and with
 * times that the topic allows. With LogAppendTime the batch is stamped.
 */
export function validateProduced(records: Uint8Array | null, rules: ProduceRules): Validated {
  const { settings, nowMs, where } = rules
  const read = readOne(records, rules)
  if ('error' in read) return { problem: read }
  const { batch } = read
  const problem = sizeProblem(batch, rules) ?? headerProblem(batch, where) ?? timeProblem(batch, rules)
  if (problem !== undefined) return { problem }
  const keyless = settings.isCompacted ? keyProblem(batch, where) : undefined
  if (keyless !== undefined) return { problem: keyless }
  const logAppendTimeMs = settings.usesLogAppendTime ? nowMs : noTimestamp
  if (settings.usesLogAppendTime) patchBatch(batch.bytes, { logAppendTime: nowMs })
  return { problem: undefined, batch: producedBatchOf(batch.bytes), logAppendTimeMs }
}

function readOne(
  records: Uint8Array | null,
  { apiVersion, where }: ProduceRules,
): { readonly batch: Batch } | ProduceProblem {
  const version = `Produce requests with version ${apiVersion}`
  const foundMagic = records?.[magicAt]
  if (foundMagic !== undefined && foundMagic !== magic2) {
    const message = `${version} are only allowed to contain record batches with magic version 2`
    return { error: 'INVALID_RECORD', message }
  }
  try {
    const reader = new BatchReader(records ?? new Uint8Array(0))
    const batch = reader.next()
    if (batch === undefined) {
      return { error: 'INVALID_RECORD', message: `${version} must have at least one record batch per partition` }
    }
    if (reader.next() !== undefined) {
      return {
        error: 'INVALID_RECORD',
        message: `${version} are only allowed to contain exactly one record batch per partition`,
      }
    }
    if (batch.compressionId > zstdId || (batch.compressionId === zstdId && apiVersion < 7)) {
      return {
        error: 'UNSUPPORTED_COMPRESSION_TYPE',
        message: `${version} may not use compression ${batch.compressionId}`,
      }
    }
    return { batch }
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    return { error: 'CORRUPT_MESSAGE', message: `${error.message}, partition ${where}` }
  }
}

function sizeProblem(batch: Batch, { settings, where }: ProduceRules): ProduceProblem | undefined {
  if (batch.bytes.length > settings.maxMessageBytes) {
    const message = `The record batch size in the append to ${where} is ${batch.bytes.length} bytes which exceeds the maximum configured value of ${settings.maxMessageBytes}.`
    return { error: 'MESSAGE_TOO_LARGE', message }
  }
  if (batch.baseOffset !== 0n) {
    const message = `The baseOffset of the record batch in the append to ${where} should be 0, but it is ${batch.baseOffset}`
    return { error: 'INVALID_RECORD', message }
  }
  if (batch.verifyCrc()) return undefined
  return {
    error: 'CORRUPT_MESSAGE',
    message: `Record is corrupt (the stored crc is not that of the bytes), partition ${where}`,
  }
}

function headerProblem(batch: Batch, where: string): ProduceProblem | undefined {
  const invalid = (message: string): ProduceProblem => ({
    error: 'INVALID_RECORD',
    message: `${message}, partition ${where}`,
  })
  if (batch.recordCount <= 0) return invalid(`Invalid reported count for record batch: ${batch.recordCount}`)
  if (batch.lastOffsetDelta + 1 !== batch.recordCount) {
    return invalid(
      `Inconsistent batch offset range [0, ${batch.lastOffsetDelta}] and count of records ${batch.recordCount}`,
    )
  }
  if (batch.isControl) return invalid('Clients are not allowed to write control records')
  if (batch.producerId >= 0n && batch.baseSequence < 0) {
    return invalid(`Invalid sequence number ${batch.baseSequence} in record batch with producerId ${batch.producerId}`)
  }
  if (batch.isTransactional) {
    return { error: 'INVALID_TXN_STATE', message: `transactions are not served, partition ${where}` }
  }
  return undefined
}

/** The header says which times occur, so that records are walked over only to name those at fault. */
function timeProblem(batch: Batch, { settings, nowMs, where }: ProduceRules): ProduceProblem | undefined {
  if (batch.timestampType === 'append') {
    const message = `Invalid timestamp type in message. Producer should not set timestamp type to LogAppendTime, partition ${where}`
    return { error: 'INVALID_TIMESTAMP', message }
  }
  if (settings.usesLogAppendTime) return undefined
  const earliest = nowMs - settings.timestampBeforeMaxMs
  const latest = nowMs + settings.timestampAfterMaxMs
  const isOutside = (time: number) => time !== noTimestamp && (time < earliest || time > latest)
  const mayBeTooOld = earliest > 0
  if (!isOutside(batch.maxTimestamp) && !mayBeTooOld) return undefined
  const faulty = timesAtFault(batch, isOutside).map(([batchIndex, time]) => ({
    batchIndex,
    batchIndexErrorMessage: `Timestamp ${time} of message with offset ${batchIndex} is out of range. The timestamp should be within [${earliest}, ${latest}]`,
  }))
  if (faulty.length === 0 && !isOutside(batch.maxTimestamp)) return undefined
  const message = 'One or more records have been rejected due to invalid timestamp'
  return { error: 'INVALID_TIMESTAMP', message, records: faulty }
}

function timesAtFault(batch: Batch, isOutside: (time: number) => boolean): [batchIndex: number, time: number][] {
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

/** Compaction works by key. Records that are compressed are not looked into. */
function keyProblem(batch: Batch, where: string): ProduceProblem | undefined {
  if (batch.compressionId !== 0) return undefined
  const faulty: RecordProblem[] = []
  const cursor = batch.records()
  while (faulty.length < maxReportedRecords && cursor.next()) {
    if (cursor.keyLength >= 0) continue
    const batchIndexErrorMessage = `Compacted topic cannot accept message without key in topic partition ${where}.`
    faulty.push({ batchIndex: cursor.offsetDelta, batchIndexErrorMessage })
  }
  if (faulty.length === 0) return undefined
  const message = 'One or more records have been rejected: a compacted topic needs a key'
  return { error: 'INVALID_RECORD', message, records: faulty }
}
