// Written by scripts/write-generated.ts from the table of Fetch.
import type { GeneratedCode } from '../schema/api.ts'
import {
  arrayOf,
  int32s,
  noArray,
  nullableBytes,
  nullableText,
  refused,
  text,
  writeBytes,
  writeCount,
  writeInt32s,
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

interface RequestReplicaState {
  replicaId?: number
  replicaEpoch?: bigint
}

function readRequestReplicaState(reader: Reader, _version: number, flexible: boolean) {
  const replicaId = reader.int32()
  const replicaEpoch = reader.int64()
  const struct: RequestReplicaState = { replicaId, replicaEpoch }
  if (flexible) readUnknownTags(reader, struct)
  return struct
}

function writeRequestReplicaState(
  writer: Writer,
  value: RequestReplicaState,
  _version: number,
  flexible: boolean,
): void {
  const replicaId = value.replicaId === undefined ? -1 : value.replicaId
  writer.int32(replicaId!)
  const replicaEpoch = value.replicaEpoch === undefined ? -1n : value.replicaEpoch
  writer.int64(replicaEpoch!)
  if (flexible) writeUnknownTags(writer, value)
}

interface RequestTopicsPartitions {
  partition?: number
  currentLeaderEpoch?: number
  fetchOffset?: bigint
  lastFetchedEpoch?: number
  logStartOffset?: bigint
  partitionMaxBytes?: number
  replicaDirectoryId?: string
  highWatermark?: bigint
}

function readRequestTopicsPartitions(reader: Reader, version: number, flexible: boolean) {
  const partition = reader.int32()
  const currentLeaderEpoch = version >= 9 ? reader.int32() : -1
  const fetchOffset = reader.int64()
  const lastFetchedEpoch = version >= 12 ? reader.int32() : -1
  const logStartOffset = version >= 5 ? reader.int64() : -1n
  const partitionMaxBytes = reader.int32()
  const replicaDirectoryId = zeroUuid
  const highWatermark = 9223372036854775807n
  const struct: RequestTopicsPartitions = {
    partition,
    currentLeaderEpoch,
    fetchOffset,
    lastFetchedEpoch,
    logStartOffset,
    partitionMaxBytes,
    replicaDirectoryId,
    highWatermark,
  }
  if (!flexible) return struct
  for (let left = reader.uvarint(); left > 0; left--) {
    const tag = reader.uvarint()
    const size = reader.uvarint()
    const end = reader.offset + size
    if (tag === 0 && version >= 17) struct.replicaDirectoryId = reader.uuid()
    else if (tag === 1 && version >= 18) struct.highWatermark = reader.int64()
    else keepUnknownTag(struct, tag, reader.raw(size))
    if (reader.offset !== end) throw reader.error(`does not fill its ${size} bytes`)
  }
  return struct
}

function writeRequestTopicsPartitionsTags(
  writer: Writer,
  value: RequestTopicsPartitions,
  version: number,
  _flexible: boolean,
): void {
  const hasReplicaDirectoryId =
    version >= 17 && value.replicaDirectoryId !== undefined && value.replicaDirectoryId !== 'AAAAAAAAAAAAAAAAAAAAAA'
  const hasHighWatermark =
    version >= 18 && value.highWatermark !== undefined && value.highWatermark !== 9223372036854775807n
  const unknown = unknownTagsOf(value)
  writer.uvarint(unknown.length + (hasReplicaDirectoryId ? 1 : 0) + (hasHighWatermark ? 1 : 0))
  let next = 0
  if (version >= 17) next = writeTagsBelow(writer, unknown, next, 0)
  if (hasReplicaDirectoryId) {
    writer.uvarint(0)
    const start = writer.beginSized()
    writer.uuid(value.replicaDirectoryId!)
    writer.endSized(start)
  }
  if (version >= 18) next = writeTagsBelow(writer, unknown, next, 1)
  if (hasHighWatermark) {
    writer.uvarint(1)
    const start = writer.beginSized()
    writer.int64(value.highWatermark!)
    writer.endSized(start)
  }
  writeTagsBelow(writer, unknown, next, Number.POSITIVE_INFINITY)
}
function writeRequestTopicsPartitions(
  writer: Writer,
  value: RequestTopicsPartitions,
  version: number,
  flexible: boolean,
): void {
  writer.int32(value.partition!)
  if (version >= 9) {
    const currentLeaderEpoch = value.currentLeaderEpoch === undefined ? -1 : value.currentLeaderEpoch
    writer.int32(currentLeaderEpoch!)
  }
  writer.int64(value.fetchOffset!)
  if (version >= 12) {
    const lastFetchedEpoch = value.lastFetchedEpoch === undefined ? -1 : value.lastFetchedEpoch
    writer.int32(lastFetchedEpoch!)
  } else if (value.lastFetchedEpoch !== undefined && value.lastFetchedEpoch !== -1) throw refused()
  if (version >= 5) {
    const logStartOffset = value.logStartOffset === undefined ? -1n : value.logStartOffset
    writer.int64(logStartOffset!)
  }
  writer.int32(value.partitionMaxBytes!)
  if (flexible) writeRequestTopicsPartitionsTags(writer, value, version, flexible)
}

const leastRequestTopicsPartitions = [16, 24, 24, 24, 24, 28, 28, 28, 33, 33, 33, 33, 33, 33, 33]

function readRequestTopicsPartitionsArray(reader: Reader, version: number, flexible: boolean) {
  const least = leastRequestTopicsPartitions[version - 4]!
  const length = flexible ? reader.compactArrayLength(least) : reader.arrayLength(least)
  if (length < 0) throw noArray(reader, length)
  const values = arrayOf<ReturnType<typeof readRequestTopicsPartitions>>(length)
  for (let i = 0; i < length; i++) values[i] = readRequestTopicsPartitions(reader, version, flexible)
  return values
}

interface RequestTopics {
  topic?: string
  topicId?: string
  partitions?: readonly RequestTopicsPartitions[]
}

function readRequestTopics(reader: Reader, version: number, flexible: boolean) {
  const topic = version <= 12 ? text(reader, flexible) : ''
  const topicId = version >= 13 ? reader.uuid() : zeroUuid
  const partitions = readRequestTopicsPartitionsArray(reader, version, flexible)
  const struct: RequestTopics = { topic, topicId, partitions }
  if (flexible) readUnknownTags(reader, struct)
  return struct
}

function writeRequestTopics(writer: Writer, value: RequestTopics, version: number, flexible: boolean): void {
  if (version <= 12) {
    writeText(writer, value.topic, flexible, false)
  }
  if (version >= 13) {
    writer.uuid(value.topicId!)
  }
  for (const element of writeCount(writer, value.partitions, flexible, false))
    writeRequestTopicsPartitions(writer, element, version, flexible)
  if (flexible) writeUnknownTags(writer, value)
}

const leastRequestTopics = [6, 6, 6, 6, 6, 6, 6, 6, 3, 18, 18, 18, 18, 18, 18]

function readRequestTopicsArray(reader: Reader, version: number, flexible: boolean) {
  const least = leastRequestTopics[version - 4]!
  const length = flexible ? reader.compactArrayLength(least) : reader.arrayLength(least)
  if (length < 0) throw noArray(reader, length)
  const values = arrayOf<ReturnType<typeof readRequestTopics>>(length)
  for (let i = 0; i < length; i++) values[i] = readRequestTopics(reader, version, flexible)
  return values
}

interface RequestForgottenTopicsData {
  topic?: string
  topicId?: string
  partitions?: readonly number[]
}

function readRequestForgottenTopicsData(reader: Reader, version: number, flexible: boolean) {
  const topic = version >= 7 && version <= 12 ? text(reader, flexible) : ''
  const topicId = version >= 13 ? reader.uuid() : zeroUuid
  const partitions = int32s(reader, flexible)
  const struct: RequestForgottenTopicsData = { topic, topicId, partitions }
  if (flexible) readUnknownTags(reader, struct)
  return struct
}

function writeRequestForgottenTopicsData(
  writer: Writer,
  value: RequestForgottenTopicsData,
  version: number,
  flexible: boolean,
): void {
  if (version >= 7 && version <= 12) {
    writeText(writer, value.topic, flexible, false)
  }
  if (version >= 13) {
    writer.uuid(value.topicId!)
  }
  writeInt32s(writer, value.partitions, flexible)
  if (flexible) writeUnknownTags(writer, value)
}

const leastRequestForgottenTopicsData = [4, 4, 4, 6, 6, 6, 6, 6, 3, 18, 18, 18, 18, 18, 18]

function readRequestForgottenTopicsDataArray(reader: Reader, version: number, flexible: boolean) {
  const least = leastRequestForgottenTopicsData[version - 4]!
  const length = flexible ? reader.compactArrayLength(least) : reader.arrayLength(least)
  if (length < 0) throw noArray(reader, length)
  const values = arrayOf<ReturnType<typeof readRequestForgottenTopicsData>>(length)
  for (let i = 0; i < length; i++) values[i] = readRequestForgottenTopicsData(reader, version, flexible)
  return values
}

interface Request {
  clusterId?: string | null
  replicaId?: number
  replicaState?: RequestReplicaState
  maxWaitMs?: number
  minBytes?: number
  maxBytes?: number
  isolationLevel?: number
  sessionId?: number
  sessionEpoch?: number
  topics?: readonly RequestTopics[]
  forgottenTopicsData?: readonly RequestForgottenTopicsData[]
  rackId?: string
}

function readRequest(reader: Reader, version: number, flexible: boolean) {
  const clusterId = null
  const replicaId = version <= 14 ? reader.int32() : -1
  const replicaState = { replicaId: -1, replicaEpoch: -1n }
  const maxWaitMs = reader.int32()
  const minBytes = reader.int32()
  const maxBytes = reader.int32()
  const isolationLevel = reader.int8()
  const sessionId = version >= 7 ? reader.int32() : 0
  const sessionEpoch = version >= 7 ? reader.int32() : -1
  const topics = readRequestTopicsArray(reader, version, flexible)
  const forgottenTopicsData = version >= 7 ? readRequestForgottenTopicsDataArray(reader, version, flexible) : []
  const rackId = version >= 11 ? text(reader, flexible) : ''
  const struct: Request = {
    clusterId,
    replicaId,
    replicaState,
    maxWaitMs,
    minBytes,
    maxBytes,
    isolationLevel,
    sessionId,
    sessionEpoch,
    topics,
    forgottenTopicsData,
    rackId,
  }
  if (!flexible) return struct
  for (let left = reader.uvarint(); left > 0; left--) {
    const tag = reader.uvarint()
    const size = reader.uvarint()
    const end = reader.offset + size
    if (tag === 0 && version >= 12) struct.clusterId = nullableText(reader, flexible)
    else if (tag === 1 && version >= 15) struct.replicaState = readRequestReplicaState(reader, version, flexible)
    else keepUnknownTag(struct, tag, reader.raw(size))
    if (reader.offset !== end) throw reader.error(`does not fill its ${size} bytes`)
  }
  return struct
}

function writeRequestTags(writer: Writer, value: Request, version: number, flexible: boolean): void {
  const hasClusterId = version >= 12 && value.clusterId !== undefined && value.clusterId !== null
  const hasReplicaState =
    version >= 15 &&
    value.replicaState !== undefined &&
    (value.replicaState === null ||
      (value.replicaState.replicaId !== undefined && value.replicaState.replicaId !== -1) ||
      (value.replicaState.replicaEpoch !== undefined && value.replicaState.replicaEpoch !== -1n))
  const unknown = unknownTagsOf(value)
  writer.uvarint(unknown.length + (hasClusterId ? 1 : 0) + (hasReplicaState ? 1 : 0))
  let next = 0
  if (version >= 12) next = writeTagsBelow(writer, unknown, next, 0)
  if (hasClusterId) {
    writer.uvarint(0)
    const start = writer.beginSized()
    writeText(writer, value.clusterId, flexible, true)
    writer.endSized(start)
  }
  if (version >= 15) next = writeTagsBelow(writer, unknown, next, 1)
  if (hasReplicaState) {
    writer.uvarint(1)
    const start = writer.beginSized()
    writeRequestReplicaState(writer, value.replicaState!, version, flexible)
    writer.endSized(start)
  }
  writeTagsBelow(writer, unknown, next, Number.POSITIVE_INFINITY)
}
function writeRequest(writer: Writer, value: Request, version: number, flexible: boolean): void {
  if (version <= 14) {
    const replicaId = value.replicaId === undefined ? -1 : value.replicaId
    writer.int32(replicaId!)
  } else if (value.replicaId !== undefined && value.replicaId !== -1) throw refused()
  writer.int32(value.maxWaitMs!)
  writer.int32(value.minBytes!)
  const maxBytes = value.maxBytes === undefined ? 2147483647 : value.maxBytes
  writer.int32(maxBytes!)
  const isolationLevel = value.isolationLevel === undefined ? 0 : value.isolationLevel
  writer.int8(isolationLevel!)
  if (version >= 7) {
    const sessionId = value.sessionId === undefined ? 0 : value.sessionId
    writer.int32(sessionId!)
  }
  if (version >= 7) {
    const sessionEpoch = value.sessionEpoch === undefined ? -1 : value.sessionEpoch
    writer.int32(sessionEpoch!)
  }
  for (const element of writeCount(writer, value.topics, flexible, false))
    writeRequestTopics(writer, element, version, flexible)
  if (version >= 7) {
    for (const element of writeCount(writer, value.forgottenTopicsData, flexible, false))
      writeRequestForgottenTopicsData(writer, element, version, flexible)
  } else if (value.forgottenTopicsData !== undefined && value.forgottenTopicsData?.length !== 0) throw refused()
  if (version >= 11) {
    const rackId = value.rackId === undefined ? '' : value.rackId
    writeText(writer, rackId, flexible, false)
  }
  if (
    !(version >= 15) &&
    value.replicaState !== undefined &&
    (value.replicaState === null ||
      (value.replicaState.replicaId !== undefined && value.replicaState.replicaId !== -1) ||
      (value.replicaState.replicaEpoch !== undefined && value.replicaState.replicaEpoch !== -1n))
  )
    throw refused()
  if (flexible) writeRequestTags(writer, value, version, flexible)
}

interface ResponseResponsesPartitionsDivergingEpoch {
  epoch?: number
  endOffset?: bigint
}

function readResponseResponsesPartitionsDivergingEpoch(reader: Reader, _version: number, flexible: boolean) {
  const epoch = reader.int32()
  const endOffset = reader.int64()
  const struct: ResponseResponsesPartitionsDivergingEpoch = { epoch, endOffset }
  if (flexible) readUnknownTags(reader, struct)
  return struct
}

function writeResponseResponsesPartitionsDivergingEpoch(
  writer: Writer,
  value: ResponseResponsesPartitionsDivergingEpoch,
  _version: number,
  flexible: boolean,
): void {
  const epoch = value.epoch === undefined ? -1 : value.epoch
  writer.int32(epoch!)
  const endOffset = value.endOffset === undefined ? -1n : value.endOffset
  writer.int64(endOffset!)
  if (flexible) writeUnknownTags(writer, value)
}

interface ResponseResponsesPartitionsCurrentLeader {
  leaderId?: number
  leaderEpoch?: number
}

function readResponseResponsesPartitionsCurrentLeader(reader: Reader, _version: number, flexible: boolean) {
  const leaderId = reader.int32()
  const leaderEpoch = reader.int32()
  const struct: ResponseResponsesPartitionsCurrentLeader = { leaderId, leaderEpoch }
  if (flexible) readUnknownTags(reader, struct)
  return struct
}

function writeResponseResponsesPartitionsCurrentLeader(
  writer: Writer,
  value: ResponseResponsesPartitionsCurrentLeader,
  _version: number,
  flexible: boolean,
): void {
  const leaderId = value.leaderId === undefined ? -1 : value.leaderId
  writer.int32(leaderId!)
  const leaderEpoch = value.leaderEpoch === undefined ? -1 : value.leaderEpoch
  writer.int32(leaderEpoch!)
  if (flexible) writeUnknownTags(writer, value)
}

interface ResponseResponsesPartitionsSnapshotId {
  endOffset?: bigint
  epoch?: number
}

function readResponseResponsesPartitionsSnapshotId(reader: Reader, _version: number, flexible: boolean) {
  const endOffset = reader.int64()
  const epoch = reader.int32()
  const struct: ResponseResponsesPartitionsSnapshotId = { endOffset, epoch }
  if (flexible) readUnknownTags(reader, struct)
  return struct
}

function writeResponseResponsesPartitionsSnapshotId(
  writer: Writer,
  value: ResponseResponsesPartitionsSnapshotId,
  _version: number,
  flexible: boolean,
): void {
  const endOffset = value.endOffset === undefined ? -1n : value.endOffset
  writer.int64(endOffset!)
  const epoch = value.epoch === undefined ? -1 : value.epoch
  writer.int32(epoch!)
  if (flexible) writeUnknownTags(writer, value)
}

interface ResponseResponsesPartitionsAbortedTransactions {
  producerId?: bigint
  firstOffset?: bigint
}

function readResponseResponsesPartitionsAbortedTransactions(reader: Reader, _version: number, flexible: boolean) {
  const producerId = reader.int64()
  const firstOffset = reader.int64()
  const struct: ResponseResponsesPartitionsAbortedTransactions = { producerId, firstOffset }
  if (flexible) readUnknownTags(reader, struct)
  return struct
}

function writeResponseResponsesPartitionsAbortedTransactions(
  writer: Writer,
  value: ResponseResponsesPartitionsAbortedTransactions,
  _version: number,
  flexible: boolean,
): void {
  writer.int64(value.producerId!)
  writer.int64(value.firstOffset!)
  if (flexible) writeUnknownTags(writer, value)
}

const leastResponseResponsesPartitionsAbortedTransactions = [16, 16, 16, 16, 16, 16, 16, 16, 17, 17, 17, 17, 17, 17, 17]

function readResponseResponsesPartitionsAbortedTransactionsArray(
  reader: Reader,
  version: number,
  flexible: boolean,
  nullable: boolean,
) {
  const least = leastResponseResponsesPartitionsAbortedTransactions[version - 4]!
  const length = flexible ? reader.compactArrayLength(least) : reader.arrayLength(least)
  if (length === -1 && nullable) return null
  if (length < 0) throw noArray(reader, length)
  const values = arrayOf<ReturnType<typeof readResponseResponsesPartitionsAbortedTransactions>>(length)
  for (let i = 0; i < length; i++)
    values[i] = readResponseResponsesPartitionsAbortedTransactions(reader, version, flexible)
  return values
}

interface ResponseResponsesPartitions {
  partitionIndex?: number
  errorCode?: number
  highWatermark?: bigint
  lastStableOffset?: bigint
  logStartOffset?: bigint
  divergingEpoch?: ResponseResponsesPartitionsDivergingEpoch
  currentLeader?: ResponseResponsesPartitionsCurrentLeader
  snapshotId?: ResponseResponsesPartitionsSnapshotId
  abortedTransactions?: readonly ResponseResponsesPartitionsAbortedTransactions[] | null
  preferredReadReplica?: number
  records?: Uint8Array | null
}

function readResponseResponsesPartitions(reader: Reader, version: number, flexible: boolean) {
  const partitionIndex = reader.int32()
  const errorCode = reader.int16()
  const highWatermark = reader.int64()
  const lastStableOffset = reader.int64()
  const logStartOffset = version >= 5 ? reader.int64() : -1n
  const divergingEpoch = { epoch: -1, endOffset: -1n }
  const currentLeader = { leaderId: -1, leaderEpoch: -1 }
  const snapshotId = { endOffset: -1n, epoch: -1 }
  const abortedTransactions = readResponseResponsesPartitionsAbortedTransactionsArray(reader, version, flexible, true)
  const preferredReadReplica = version >= 11 ? reader.int32() : -1
  const records = nullableBytes(reader, flexible)
  const struct: ResponseResponsesPartitions = {
    partitionIndex,
    errorCode,
    highWatermark,
    lastStableOffset,
    logStartOffset,
    divergingEpoch,
    currentLeader,
    snapshotId,
    abortedTransactions,
    preferredReadReplica,
    records,
  }
  if (!flexible) return struct
  for (let left = reader.uvarint(); left > 0; left--) {
    const tag = reader.uvarint()
    const size = reader.uvarint()
    const end = reader.offset + size
    if (tag === 0 && version >= 12)
      struct.divergingEpoch = readResponseResponsesPartitionsDivergingEpoch(reader, version, flexible)
    else if (tag === 1 && version >= 12)
      struct.currentLeader = readResponseResponsesPartitionsCurrentLeader(reader, version, flexible)
    else if (tag === 2 && version >= 12)
      struct.snapshotId = readResponseResponsesPartitionsSnapshotId(reader, version, flexible)
    else keepUnknownTag(struct, tag, reader.raw(size))
    if (reader.offset !== end) throw reader.error(`does not fill its ${size} bytes`)
  }
  return struct
}

function writeResponseResponsesPartitionsTags(
  writer: Writer,
  value: ResponseResponsesPartitions,
  version: number,
  flexible: boolean,
): void {
  const hasDivergingEpoch =
    version >= 12 &&
    value.divergingEpoch !== undefined &&
    (value.divergingEpoch === null ||
      (value.divergingEpoch.epoch !== undefined && value.divergingEpoch.epoch !== -1) ||
      (value.divergingEpoch.endOffset !== undefined && value.divergingEpoch.endOffset !== -1n))
  const hasCurrentLeader =
    version >= 12 &&
    value.currentLeader !== undefined &&
    (value.currentLeader === null ||
      (value.currentLeader.leaderId !== undefined && value.currentLeader.leaderId !== -1) ||
      (value.currentLeader.leaderEpoch !== undefined && value.currentLeader.leaderEpoch !== -1))
  const hasSnapshotId =
    version >= 12 &&
    value.snapshotId !== undefined &&
    (value.snapshotId === null ||
      (value.snapshotId.endOffset !== undefined && value.snapshotId.endOffset !== -1n) ||
      (value.snapshotId.epoch !== undefined && value.snapshotId.epoch !== -1))
  const unknown = unknownTagsOf(value)
  writer.uvarint(unknown.length + (hasDivergingEpoch ? 1 : 0) + (hasCurrentLeader ? 1 : 0) + (hasSnapshotId ? 1 : 0))
  let next = 0
  if (version >= 12) next = writeTagsBelow(writer, unknown, next, 0)
  if (hasDivergingEpoch) {
    writer.uvarint(0)
    const start = writer.beginSized()
    writeResponseResponsesPartitionsDivergingEpoch(writer, value.divergingEpoch!, version, flexible)
    writer.endSized(start)
  }
  if (version >= 12) next = writeTagsBelow(writer, unknown, next, 1)
  if (hasCurrentLeader) {
    writer.uvarint(1)
    const start = writer.beginSized()
    writeResponseResponsesPartitionsCurrentLeader(writer, value.currentLeader!, version, flexible)
    writer.endSized(start)
  }
  if (version >= 12) next = writeTagsBelow(writer, unknown, next, 2)
  if (hasSnapshotId) {
    writer.uvarint(2)
    const start = writer.beginSized()
    writeResponseResponsesPartitionsSnapshotId(writer, value.snapshotId!, version, flexible)
    writer.endSized(start)
  }
  writeTagsBelow(writer, unknown, next, Number.POSITIVE_INFINITY)
}
function writeResponseResponsesPartitions(
  writer: Writer,
  value: ResponseResponsesPartitions,
  version: number,
  flexible: boolean,
): void {
  writer.int32(value.partitionIndex!)
  writer.int16(value.errorCode!)
  writer.int64(value.highWatermark!)
  const lastStableOffset = value.lastStableOffset === undefined ? -1n : value.lastStableOffset
  writer.int64(lastStableOffset!)
  if (version >= 5) {
    const logStartOffset = value.logStartOffset === undefined ? -1n : value.logStartOffset
    writer.int64(logStartOffset!)
  }
  for (const element of writeCount(writer, value.abortedTransactions, flexible, true))
    writeResponseResponsesPartitionsAbortedTransactions(writer, element, version, flexible)
  if (version >= 11) {
    const preferredReadReplica = value.preferredReadReplica === undefined ? -1 : value.preferredReadReplica
    writer.int32(preferredReadReplica!)
  } else if (value.preferredReadReplica !== undefined && value.preferredReadReplica !== -1) throw refused()
  writeBytes(writer, value.records, flexible, true)
  if (
    !(version >= 12) &&
    value.divergingEpoch !== undefined &&
    (value.divergingEpoch === null ||
      (value.divergingEpoch.epoch !== undefined && value.divergingEpoch.epoch !== -1) ||
      (value.divergingEpoch.endOffset !== undefined && value.divergingEpoch.endOffset !== -1n))
  )
    throw refused()
  if (
    !(version >= 12) &&
    value.currentLeader !== undefined &&
    (value.currentLeader === null ||
      (value.currentLeader.leaderId !== undefined && value.currentLeader.leaderId !== -1) ||
      (value.currentLeader.leaderEpoch !== undefined && value.currentLeader.leaderEpoch !== -1))
  )
    throw refused()
  if (
    !(version >= 12) &&
    value.snapshotId !== undefined &&
    (value.snapshotId === null ||
      (value.snapshotId.endOffset !== undefined && value.snapshotId.endOffset !== -1n) ||
      (value.snapshotId.epoch !== undefined && value.snapshotId.epoch !== -1))
  )
    throw refused()
  if (flexible) writeResponseResponsesPartitionsTags(writer, value, version, flexible)
}

const leastResponseResponsesPartitions = [30, 38, 38, 38, 38, 38, 38, 42, 37, 37, 37, 37, 37, 37, 37]

function readResponseResponsesPartitionsArray(reader: Reader, version: number, flexible: boolean) {
  const least = leastResponseResponsesPartitions[version - 4]!
  const length = flexible ? reader.compactArrayLength(least) : reader.arrayLength(least)
  if (length < 0) throw noArray(reader, length)
  const values = arrayOf<ReturnType<typeof readResponseResponsesPartitions>>(length)
  for (let i = 0; i < length; i++) values[i] = readResponseResponsesPartitions(reader, version, flexible)
  return values
}

interface ResponseResponses {
  topic?: string
  topicId?: string
  partitions?: readonly ResponseResponsesPartitions[]
}

function readResponseResponses(reader: Reader, version: number, flexible: boolean) {
  const topic = version <= 12 ? text(reader, flexible) : ''
  const topicId = version >= 13 ? reader.uuid() : zeroUuid
  const partitions = readResponseResponsesPartitionsArray(reader, version, flexible)
  const struct: ResponseResponses = { topic, topicId, partitions }
  if (flexible) readUnknownTags(reader, struct)
  return struct
}

function writeResponseResponses(writer: Writer, value: ResponseResponses, version: number, flexible: boolean): void {
  if (version <= 12) {
    writeText(writer, value.topic, flexible, false)
  }
  if (version >= 13) {
    writer.uuid(value.topicId!)
  }
  for (const element of writeCount(writer, value.partitions, flexible, false))
    writeResponseResponsesPartitions(writer, element, version, flexible)
  if (flexible) writeUnknownTags(writer, value)
}

const leastResponseResponses = [6, 6, 6, 6, 6, 6, 6, 6, 3, 18, 18, 18, 18, 18, 18]

function readResponseResponsesArray(reader: Reader, version: number, flexible: boolean) {
  const least = leastResponseResponses[version - 4]!
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

const leastResponseNodeEndpoints = [12, 12, 12, 12, 12, 12, 12, 12, 11, 11, 11, 11, 11, 11, 11]

function readResponseNodeEndpointsArray(reader: Reader, version: number, flexible: boolean) {
  const least = leastResponseNodeEndpoints[version - 4]!
  const length = flexible ? reader.compactArrayLength(least) : reader.arrayLength(least)
  if (length < 0) throw noArray(reader, length)
  const values = arrayOf<ReturnType<typeof readResponseNodeEndpoints>>(length)
  for (let i = 0; i < length; i++) values[i] = readResponseNodeEndpoints(reader, version, flexible)
  return values
}

interface Response {
  throttleTimeMs?: number
  errorCode?: number
  sessionId?: number
  responses?: readonly ResponseResponses[]
  nodeEndpoints?: readonly ResponseNodeEndpoints[]
}

function readResponse(reader: Reader, version: number, flexible: boolean) {
  const throttleTimeMs = reader.int32()
  const errorCode = version >= 7 ? reader.int16() : 0
  const sessionId = version >= 7 ? reader.int32() : 0
  const responses = readResponseResponsesArray(reader, version, flexible)
  const nodeEndpoints: ResponseNodeEndpoints[] = []
  const struct: Response = { throttleTimeMs, errorCode, sessionId, responses, nodeEndpoints }
  if (!flexible) return struct
  for (let left = reader.uvarint(); left > 0; left--) {
    const tag = reader.uvarint()
    const size = reader.uvarint()
    const end = reader.offset + size
    if (tag === 0 && version >= 16) struct.nodeEndpoints = readResponseNodeEndpointsArray(reader, version, flexible)
    else keepUnknownTag(struct, tag, reader.raw(size))
    if (reader.offset !== end) throw reader.error(`does not fill its ${size} bytes`)
  }
  return struct
}

function writeResponseTags(writer: Writer, value: Response, version: number, flexible: boolean): void {
  const hasNodeEndpoints = version >= 16 && value.nodeEndpoints !== undefined && value.nodeEndpoints?.length !== 0
  const unknown = unknownTagsOf(value)
  writer.uvarint(unknown.length + (hasNodeEndpoints ? 1 : 0))
  let next = 0
  if (version >= 16) next = writeTagsBelow(writer, unknown, next, 0)
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
  writer.int32(value.throttleTimeMs!)
  if (version >= 7) {
    writer.int16(value.errorCode!)
  }
  if (version >= 7) {
    const sessionId = value.sessionId === undefined ? 0 : value.sessionId
    writer.int32(sessionId!)
  } else if (value.sessionId !== undefined && value.sessionId !== 0) throw refused()
  for (const element of writeCount(writer, value.responses, flexible, false))
    writeResponseResponses(writer, element, version, flexible)
  if (!(version >= 16) && value.nodeEndpoints !== undefined && value.nodeEndpoints?.length !== 0) throw refused()
  if (flexible) writeResponseTags(writer, value, version, flexible)
}

export const fetchRequestCode: GeneratedCode = {
  read: (reader, version) => readRequest(reader, version, version >= 12),
  write: (writer, value, version) => writeRequest(writer, value as Request, version, version >= 12),
}

export const fetchResponseCode: GeneratedCode = {
  read: (reader, version) => readResponse(reader, version, version >= 12),
  write: (writer, value, version) => writeResponse(writer, value as Response, version, version >= 12),
}
