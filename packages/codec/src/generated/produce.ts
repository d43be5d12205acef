// Written by scripts/write-generated.ts from the table of Produce.
import type { GeneratedCode } from '../schema/api.ts'
import {
  arrayOf,
  noArray,
  nullableBytes,
  nullableText,
  refused,
  text,
  writeBytes,
  writeCount,
  writeText,
} from '../schema/generated-code.ts'
import {
  keepUnknownTag,
  readUnknownTags,
  unknownTagsOf,
  writeTagsBelow,
  writeUnknownTags,
} from '../schema/unknown-tags.ts'
import type { Reader } from '../wire/reader.ts'
import { zeroUuid } from '../wire/uuid.ts'
import type { Writer } from '../wire/writer.ts'

interface RequestTopicDataPartitionData {
  index?: number
  records?: Uint8Array | null
}

function readRequestTopicDataPartitionData(reader: Reader, _version: number, flexible: boolean) {
  const index = reader.int32()
  const records = nullableBytes(reader, flexible)
  const struct: RequestTopicDataPartitionData = { index, records }
  if (flexible) readUnknownTags(reader, struct)
  return struct
}

function writeRequestTopicDataPartitionData(
  writer: Writer,
  value: RequestTopicDataPartitionData,
  _version: number,
  flexible: boolean,
): void {
  writer.int32(value.index!)
  writeBytes(writer, value.records, flexible, true)
  if (flexible) writeUnknownTags(writer, value)
}

const leastRequestTopicDataPartitionData = [8, 8, 8, 8, 8, 8, 6, 6, 6, 6, 6]

function readRequestTopicDataPartitionDataArray(reader: Reader, version: number, flexible: boolean) {
  const least = leastRequestTopicDataPartitionData[version - 3]!
  const length = flexible ? reader.compactArrayLength(least) : reader.arrayLength(least)
  if (length < 0) throw noArray(reader, length)
  const values = arrayOf<ReturnType<typeof readRequestTopicDataPartitionData>>(length)
  for (let i = 0; i < length; i++) values[i] = readRequestTopicDataPartitionData(reader, version, flexible)
  return values
}

interface RequestTopicData {
  name?: string
  topicId?: string
  partitionData?: readonly RequestTopicDataPartitionData[]
}

function readRequestTopicData(reader: Reader, version: number, flexible: boolean) {
  const name = version <= 12 ? text(reader, flexible) : ''
  const topicId = version >= 13 ? reader.uuid() : zeroUuid
  const partitionData = readRequestTopicDataPartitionDataArray(reader, version, flexible)
  const struct: RequestTopicData = { name, topicId, partitionData }
  if (flexible) readUnknownTags(reader, struct)
  return struct
}

function writeRequestTopicData(writer: Writer, value: RequestTopicData, version: number, flexible: boolean): void {
  if (version <= 12) {
    writeText(writer, value.name, flexible, false)
  }
  if (version >= 13) {
    writer.uuid(value.topicId!)
  }
  for (const element of writeCount(writer, value.partitionData, flexible, false))
    writeRequestTopicDataPartitionData(writer, element, version, flexible)
  if (flexible) writeUnknownTags(writer, value)
}

const leastRequestTopicData = [6, 6, 6, 6, 6, 6, 3, 3, 3, 3, 18]

function readRequestTopicDataArray(reader: Reader, version: number, flexible: boolean) {
  const least = leastRequestTopicData[version - 3]!
  const length = flexible ? reader.compactArrayLength(least) : reader.arrayLength(least)
  if (length < 0) throw noArray(reader, length)
  const values = arrayOf<ReturnType<typeof readRequestTopicData>>(length)
  for (let i = 0; i < length; i++) values[i] = readRequestTopicData(reader, version, flexible)
  return values
}

interface Request {
  transactionalId?: string | null
  acks?: number
  timeoutMs?: number
  topicData?: readonly RequestTopicData[]
}

function readRequest(reader: Reader, version: number, flexible: boolean) {
  const transactionalId = nullableText(reader, flexible)
  const acks = reader.int16()
  const timeoutMs = reader.int32()
  const topicData = readRequestTopicDataArray(reader, version, flexible)
  const struct: Request = { transactionalId, acks, timeoutMs, topicData }
  if (flexible) readUnknownTags(reader, struct)
  return struct
}

function writeRequest(writer: Writer, value: Request, version: number, flexible: boolean): void {
  const transactionalId = value.transactionalId === undefined ? null : value.transactionalId
  writeText(writer, transactionalId, flexible, true)
  writer.int16(value.acks!)
  writer.int32(value.timeoutMs!)
  for (const element of writeCount(writer, value.topicData, flexible, false))
    writeRequestTopicData(writer, element, version, flexible)
  if (flexible) writeUnknownTags(writer, value)
}

interface ResponseResponsesPartitionResponsesRecordErrors {
  batchIndex?: number
  batchIndexErrorMessage?: string | null
}

function readResponseResponsesPartitionResponsesRecordErrors(reader: Reader, _version: number, flexible: boolean) {
  const batchIndex = reader.int32()
  const batchIndexErrorMessage = nullableText(reader, flexible)
  const struct: ResponseResponsesPartitionResponsesRecordErrors = { batchIndex, batchIndexErrorMessage }
  if (flexible) readUnknownTags(reader, struct)
  return struct
}

function writeResponseResponsesPartitionResponsesRecordErrors(
  writer: Writer,
  value: ResponseResponsesPartitionResponsesRecordErrors,
  _version: number,
  flexible: boolean,
): void {
  writer.int32(value.batchIndex!)
  const batchIndexErrorMessage = value.batchIndexErrorMessage === undefined ? null : value.batchIndexErrorMessage
  writeText(writer, batchIndexErrorMessage, flexible, true)
  if (flexible) writeUnknownTags(writer, value)
}

const leastResponseResponsesPartitionResponsesRecordErrors = [6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6]

function readResponseResponsesPartitionResponsesRecordErrorsArray(reader: Reader, version: number, flexible: boolean) {
  const least = leastResponseResponsesPartitionResponsesRecordErrors[version - 3]!
  const length = flexible ? reader.compactArrayLength(least) : reader.arrayLength(least)
  if (length < 0) throw noArray(reader, length)
  const values = arrayOf<ReturnType<typeof readResponseResponsesPartitionResponsesRecordErrors>>(length)
  for (let i = 0; i < length; i++)
    values[i] = readResponseResponsesPartitionResponsesRecordErrors(reader, version, flexible)
  return values
}

interface ResponseResponsesPartitionResponsesCurrentLeader {
  leaderId?: number
  leaderEpoch?: number
}

function readResponseResponsesPartitionResponsesCurrentLeader(reader: Reader, _version: number, flexible: boolean) {
  const leaderId = reader.int32()
  const leaderEpoch = reader.int32()
  const struct: ResponseResponsesPartitionResponsesCurrentLeader = { leaderId, leaderEpoch }
  if (flexible) readUnknownTags(reader, struct)
  return struct
}

function writeResponseResponsesPartitionResponsesCurrentLeader(
  writer: Writer,
  value: ResponseResponsesPartitionResponsesCurrentLeader,
  _version: number,
  flexible: boolean,
): void {
  const leaderId = value.leaderId === undefined ? -1 : value.leaderId
  writer.int32(leaderId!)
  const leaderEpoch = value.leaderEpoch === undefined ? -1 : value.leaderEpoch
  writer.int32(leaderEpoch!)
  if (flexible) writeUnknownTags(writer, value)
}

interface ResponseResponsesPartitionResponses {
  index?: number
  errorCode?: number
  baseOffset?: bigint
  logAppendTimeMs?: bigint
  logStartOffset?: bigint
  recordErrors?: readonly ResponseResponsesPartitionResponsesRecordErrors[]
  errorMessage?: string | null
  currentLeader?: ResponseResponsesPartitionResponsesCurrentLeader
}

function readResponseResponsesPartitionResponses(reader: Reader, version: number, flexible: boolean) {
  const index = reader.int32()
  const errorCode = reader.int16()
  const baseOffset = reader.int64()
  const logAppendTimeMs = reader.int64()
  const logStartOffset = version >= 5 ? reader.int64() : -1n
  const recordErrors =
    version >= 8 ? readResponseResponsesPartitionResponsesRecordErrorsArray(reader, version, flexible) : []
  const errorMessage = version >= 8 ? nullableText(reader, flexible) : null
  const currentLeader = { leaderId: -1, leaderEpoch: -1 }
  const struct: ResponseResponsesPartitionResponses = {
    index,
    errorCode,
    baseOffset,
    logAppendTimeMs,
    logStartOffset,
    recordErrors,
    errorMessage,
    currentLeader,
  }
  if (!flexible) return struct
  for (let left = reader.uvarint(); left > 0; left--) {
    const tag = reader.uvarint()
    const size = reader.uvarint()
    const end = reader.offset + size
    if (tag === 0 && version >= 10)
      struct.currentLeader = readResponseResponsesPartitionResponsesCurrentLeader(reader, version, flexible)
    else keepUnknownTag(struct, tag, reader.raw(size))
    if (reader.offset !== end) throw reader.error(`does not fill its ${size} bytes`)
  }
  return struct
}

function writeResponseResponsesPartitionResponsesTags(
  writer: Writer,
  value: ResponseResponsesPartitionResponses,
  version: number,
  flexible: boolean,
): void {
  const hasCurrentLeader =
    version >= 10 &&
    value.currentLeader !== undefined &&
    (value.currentLeader === null ||
      (value.currentLeader.leaderId !== undefined && value.currentLeader.leaderId !== -1) ||
      (value.currentLeader.leaderEpoch !== undefined && value.currentLeader.leaderEpoch !== -1))
  const unknown = unknownTagsOf(value)
  writer.uvarint(unknown.length + (hasCurrentLeader ? 1 : 0))
  let next = 0
  if (version >= 10) next = writeTagsBelow(writer, unknown, next, 0)
  if (hasCurrentLeader) {
    writer.uvarint(0)
    const start = writer.beginSized()
    writeResponseResponsesPartitionResponsesCurrentLeader(writer, value.currentLeader!, version, flexible)
    writer.endSized(start)
  }
  writeTagsBelow(writer, unknown, next, Number.POSITIVE_INFINITY)
}
function writeResponseResponsesPartitionResponses(
  writer: Writer,
  value: ResponseResponsesPartitionResponses,
  version: number,
  flexible: boolean,
): void {
  writer.int32(value.index!)
  writer.int16(value.errorCode!)
  writer.int64(value.baseOffset!)
  const logAppendTimeMs = value.logAppendTimeMs === undefined ? -1n : value.logAppendTimeMs
  writer.int64(logAppendTimeMs!)
  if (version >= 5) {
    const logStartOffset = value.logStartOffset === undefined ? -1n : value.logStartOffset
    writer.int64(logStartOffset!)
  }
  if (version >= 8) {
    for (const element of writeCount(writer, value.recordErrors, flexible, false))
      writeResponseResponsesPartitionResponsesRecordErrors(writer, element, version, flexible)
  }
  if (version >= 8) {
    const errorMessage = value.errorMessage === undefined ? null : value.errorMessage
    writeText(writer, errorMessage, flexible, true)
  }
  if (
    !(version >= 10) &&
    value.currentLeader !== undefined &&
    (value.currentLeader === null ||
      (value.currentLeader.leaderId !== undefined && value.currentLeader.leaderId !== -1) ||
      (value.currentLeader.leaderEpoch !== undefined && value.currentLeader.leaderEpoch !== -1))
  )
    throw refused()
  if (flexible) writeResponseResponsesPartitionResponsesTags(writer, value, version, flexible)
}

const leastResponseResponsesPartitionResponses = [22, 22, 30, 30, 30, 36, 33, 33, 33, 33, 33]

function readResponseResponsesPartitionResponsesArray(reader: Reader, version: number, flexible: boolean) {
  const least = leastResponseResponsesPartitionResponses[version - 3]!
  const length = flexible ? reader.compactArrayLength(least) : reader.arrayLength(least)
  if (length < 0) throw noArray(reader, length)
  const values = arrayOf<ReturnType<typeof readResponseResponsesPartitionResponses>>(length)
  for (let i = 0; i < length; i++) values[i] = readResponseResponsesPartitionResponses(reader, version, flexible)
  return values
}

interface ResponseResponses {
  name?: string
  topicId?: string
  partitionResponses?: readonly ResponseResponsesPartitionResponses[]
}

function readResponseResponses(reader: Reader, version: number, flexible: boolean) {
  const name = version <= 12 ? text(reader, flexible) : ''
  const topicId = version >= 13 ? reader.uuid() : zeroUuid
  const partitionResponses = readResponseResponsesPartitionResponsesArray(reader, version, flexible)
  const struct: ResponseResponses = { name, topicId, partitionResponses }
  if (flexible) readUnknownTags(reader, struct)
  return struct
}

function writeResponseResponses(writer: Writer, value: ResponseResponses, version: number, flexible: boolean): void {
  if (version <= 12) {
    writeText(writer, value.name, flexible, false)
  }
  if (version >= 13) {
    writer.uuid(value.topicId!)
  }
  for (const element of writeCount(writer, value.partitionResponses, flexible, false))
    writeResponseResponsesPartitionResponses(writer, element, version, flexible)
  if (flexible) writeUnknownTags(writer, value)
}

const leastResponseResponses = [6, 6, 6, 6, 6, 6, 3, 3, 3, 3, 18]

function readResponseResponsesArray(reader: Reader, version: number, flexible: boolean) {
  const least = leastResponseResponses[version - 3]!
  const length = flexible ? reader.compactArrayLength(least) : reader.arrayLength(least)
  if (length < 0) throw noArray(reader, length)
  const values = arrayOf<ReturnType<typeof readResponseResponses>>(length)
  for (let i = 0; i < length; i++) values[i] = readResponseResponses(reader, version, flexible)
  return values
}

interface ResponseNodeEndpoints {
  nodeId?: number
  host?: string
  port?: number
  rack?: string | null
}

function readResponseNodeEndpoints(reader: Reader, _version: number, flexible: boolean) {
  const nodeId = reader.int32()
  const host = text(reader, flexible)
  const port = reader.int32()
  const rack = nullableText(reader, flexible)
  const struct: ResponseNodeEndpoints = { nodeId, host, port, rack }
  if (flexible) readUnknownTags(reader, struct)
  return struct
}

function writeResponseNodeEndpoints(
  writer: Writer,
  value: ResponseNodeEndpoints,
  _version: number,
  flexible: boolean,
): void {
  writer.int32(value.nodeId!)
  writeText(writer, value.host, flexible, false)
  writer.int32(value.port!)
  const rack = value.rack === undefined ? null : value.rack
  writeText(writer, rack, flexible, true)
  if (flexible) writeUnknownTags(writer, value)
}

const leastResponseNodeEndpoints = [12, 12, 12, 12, 12, 12, 11, 11, 11, 11, 11]

function readResponseNodeEndpointsArray(reader: Reader, version: number, flexible: boolean) {
  const least = leastResponseNodeEndpoints[version - 3]!
  const length = flexible ? reader.compactArrayLength(least) : reader.arrayLength(least)
  if (length < 0) throw noArray(reader, length)
  const values = arrayOf<ReturnType<typeof readResponseNodeEndpoints>>(length)
  for (let i = 0; i < length; i++) values[i] = readResponseNodeEndpoints(reader, version, flexible)
  return values
}

interface Response {
  responses?: readonly ResponseResponses[]
  throttleTimeMs?: number
  nodeEndpoints?: readonly ResponseNodeEndpoints[]
}

function readResponse(reader: Reader, version: number, flexible: boolean) {
  const responses = readResponseResponsesArray(reader, version, flexible)
  const throttleTimeMs = reader.int32()
  const nodeEndpoints: ResponseNodeEndpoints[] = []
  const struct: Response = { responses, throttleTimeMs, nodeEndpoints }
  if (!flexible) return struct
  for (let left = reader.uvarint(); left > 0; left--) {
    const tag = reader.uvarint()
    const size = reader.uvarint()
    const end = reader.offset + size
    if (tag === 0 && version >= 10) struct.nodeEndpoints = readResponseNodeEndpointsArray(reader, version, flexible)
    else keepUnknownTag(struct, tag, reader.raw(size))
    if (reader.offset !== end) throw reader.error(`does not fill its ${size} bytes`)
  }
  return struct
}

function writeResponseTags(writer: Writer, value: Response, version: number, flexible: boolean): void {
  const hasNodeEndpoints = version >= 10 && value.nodeEndpoints !== undefined && value.nodeEndpoints?.length !== 0
  const unknown = unknownTagsOf(value)
  writer.uvarint(unknown.length + (hasNodeEndpoints ? 1 : 0))
  let next = 0
  if (version >= 10) next = writeTagsBelow(writer, unknown, next, 0)
  if (hasNodeEndpoints) {
    writer.uvarint(0)
    const start = writer.beginSized()
    for (const element of writeCount(writer, value.nodeEndpoints, flexible, false))
      writeResponseNodeEndpoints(writer, element, version, flexible)
    writer.endSized(start)
  }
  writeTagsBelow(writer, unknown, next, Number.POSITIVE_INFINITY)
}
function writeResponse(writer: Writer, value: Response, version: number, flexible: boolean): void {
  for (const element of writeCount(writer, value.responses, flexible, false))
    writeResponseResponses(writer, element, version, flexible)
  const throttleTimeMs = value.throttleTimeMs === undefined ? 0 : value.throttleTimeMs
  writer.int32(throttleTimeMs!)
  if (!(version >= 10) && value.nodeEndpoints !== undefined && value.nodeEndpoints?.length !== 0) throw refused()
  if (flexible) writeResponseTags(writer, value, version, flexible)
}

export const produceRequestCode: GeneratedCode = {
  read: (reader, version) => readRequest(reader, version, version >= 9),
  write: (writer, value, version) => writeRequest(writer, value as Request, version, version >= 9),
}

export const produceResponseCode: GeneratedCode = {
  read: (reader, version) => readResponse(reader, version, version >= 9),
  write: (writer, value, version) => writeResponse(writer, value as Response, version, version >= 9),
}
