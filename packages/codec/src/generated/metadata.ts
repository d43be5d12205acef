// Written by scripts/write-generated.ts from the table of Metadata.
import type { GeneratedCode } from '../schema/api.ts'
import {
  arrayOf,
  int32s,
  noArray,
  nullableText,
  refused,
  text,
  writeCount,
  writeInt32s,
  writeText,
} from '../schema/generated-code.ts'
import { readUnknownTags, writeUnknownTags } from '../schema/unknown-tags.ts'
import type { Reader } from '../wire/reader.ts'
import { zeroUuid } from '../wire/uuid.ts'
import type { Writer } from '../wire/writer.ts'

interface RequestTopics {
  topicId?: string
  name?: string | null
}

function readRequestTopics(reader: Reader, version: number, flexible: boolean) {
  const topicId = version >= 10 ? reader.uuid() : zeroUuid
  const name = version >= 10 ? nullableText(reader, flexible) : text(reader, flexible)
  const struct: RequestTopics = { topicId, name }
  if (flexible) readUnknownTags(reader, struct)
  return struct
}

function writeRequestTopics(writer: Writer, value: RequestTopics, version: number, flexible: boolean): void {
  if (version >= 10) {
    writer.uuid(value.topicId!)
  }
  writeText(writer, value.name, flexible, version >= 10)
  if (flexible) writeUnknownTags(writer, value)
}

const leastRequestTopics = [2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 18, 18, 18, 18]

function readRequestTopicsArray(reader: Reader, version: number, flexible: boolean, nullable: boolean) {
  const least = leastRequestTopics[version]!
  const length = flexible ? reader.compactArrayLength(least) : reader.arrayLength(least)
  if (length === -1 && nullable) return null
  if (length < 0) throw noArray(reader, length)
  const values = arrayOf<ReturnType<typeof readRequestTopics>>(length)
  for (let i = 0; i < length; i++) values[i] = readRequestTopics(reader, version, flexible)
  return values
}

interface Request {
  topics?: readonly RequestTopics[] | null
  allowAutoTopicCreation?: boolean
  includeClusterAuthorizedOperations?: boolean
  includeTopicAuthorizedOperations?: boolean
}

function readRequest(reader: Reader, version: number, flexible: boolean) {
  const topics = readRequestTopicsArray(reader, version, flexible, version >= 1)
  const allowAutoTopicCreation = version >= 4 ? reader.bool() : true
  const includeClusterAuthorizedOperations = version >= 8 && version <= 10 ? reader.bool() : false
  const includeTopicAuthorizedOperations = version >= 8 ? reader.bool() : false
  const struct: Request = {
    topics,
    allowAutoTopicCreation,
    includeClusterAuthorizedOperations,
    includeTopicAuthorizedOperations,
  }
  if (flexible) readUnknownTags(reader, struct)
  return struct
}

function writeRequest(writer: Writer, value: Request, version: number, flexible: boolean): void {
  for (const element of writeCount(writer, value.topics, flexible, version >= 1))
    writeRequestTopics(writer, element, version, flexible)
  if (version >= 4) {
    const allowAutoTopicCreation = value.allowAutoTopicCreation === undefined ? true : value.allowAutoTopicCreation
    writer.bool(allowAutoTopicCreation!)
  } else if (value.allowAutoTopicCreation !== undefined && value.allowAutoTopicCreation !== true) throw refused()
  if (version >= 8 && version <= 10) {
    writer.bool(value.includeClusterAuthorizedOperations!)
  } else if (
    value.includeClusterAuthorizedOperations !== undefined &&
    value.includeClusterAuthorizedOperations !== false
  )
    throw refused()
  if (version >= 8) {
    writer.bool(value.includeTopicAuthorizedOperations!)
  } else if (value.includeTopicAuthorizedOperations !== undefined && value.includeTopicAuthorizedOperations !== false)
    throw refused()
  if (flexible) writeUnknownTags(writer, value)
}

interface ResponseBrokers {
  nodeId?: number
  host?: string
  port?: number
  rack?: string | null
}

function readResponseBrokers(reader: Reader, version: number, flexible: boolean) {
  const nodeId = reader.int32()
  const host = text(reader, flexible)
  const port = reader.int32()
  const rack = version >= 1 ? nullableText(reader, flexible) : null
  const struct: ResponseBrokers = { nodeId, host, port, rack }
  if (flexible) readUnknownTags(reader, struct)
  return struct
}

function writeResponseBrokers(writer: Writer, value: ResponseBrokers, version: number, flexible: boolean): void {
  writer.int32(value.nodeId!)
  writeText(writer, value.host, flexible, false)
  writer.int32(value.port!)
  if (version >= 1) {
    const rack = value.rack === undefined ? null : value.rack
    writeText(writer, rack, flexible, true)
  }
  if (flexible) writeUnknownTags(writer, value)
}

const leastResponseBrokers = [10, 12, 12, 12, 12, 12, 12, 12, 12, 11, 11, 11, 11, 11]

function readResponseBrokersArray(reader: Reader, version: number, flexible: boolean) {
  const least = leastResponseBrokers[version]!
  const length = flexible ? reader.compactArrayLength(least) : reader.arrayLength(least)
  if (length < 0) throw noArray(reader, length)
  const values = arrayOf<ReturnType<typeof readResponseBrokers>>(length)
  for (let i = 0; i < length; i++) values[i] = readResponseBrokers(reader, version, flexible)
  return values
}

interface ResponseTopicsPartitions {
  errorCode?: number
  partitionIndex?: number
  leaderId?: number
  leaderEpoch?: number
  replicaNodes?: readonly number[]
  isrNodes?: readonly number[]
  offlineReplicas?: readonly number[]
}

function readResponseTopicsPartitions(reader: Reader, version: number, flexible: boolean) {
  const errorCode = reader.int16()
  const partitionIndex = reader.int32()
  const leaderId = reader.int32()
  const leaderEpoch = version >= 7 ? reader.int32() : -1
  const replicaNodes = int32s(reader, flexible)
  const isrNodes = int32s(reader, flexible)
  const offlineReplicas = version >= 5 ? int32s(reader, flexible) : []
  const struct: ResponseTopicsPartitions = {
    errorCode,
    partitionIndex,
    leaderId,
    leaderEpoch,
    replicaNodes,
    isrNodes,
    offlineReplicas,
  }
  if (flexible) readUnknownTags(reader, struct)
  return struct
}

function writeResponseTopicsPartitions(
  writer: Writer,
  value: ResponseTopicsPartitions,
  version: number,
  flexible: boolean,
): void {
  writer.int16(value.errorCode!)
  writer.int32(value.partitionIndex!)
  writer.int32(value.leaderId!)
  if (version >= 7) {
    const leaderEpoch = value.leaderEpoch === undefined ? -1 : value.leaderEpoch
    writer.int32(leaderEpoch!)
  }
  writeInt32s(writer, value.replicaNodes, flexible)
  writeInt32s(writer, value.isrNodes, flexible)
  if (version >= 5) {
    writeInt32s(writer, value.offlineReplicas, flexible)
  }
  if (flexible) writeUnknownTags(writer, value)
}

const leastResponseTopicsPartitions = [18, 18, 18, 18, 18, 22, 22, 26, 26, 18, 18, 18, 18, 18]

function readResponseTopicsPartitionsArray(reader: Reader, version: number, flexible: boolean) {
  const least = leastResponseTopicsPartitions[version]!
  const length = flexible ? reader.compactArrayLength(least) : reader.arrayLength(least)
  if (length < 0) throw noArray(reader, length)
  const values = arrayOf<ReturnType<typeof readResponseTopicsPartitions>>(length)
  for (let i = 0; i < length; i++) values[i] = readResponseTopicsPartitions(reader, version, flexible)
  return values
}

interface ResponseTopics {
  errorCode?: number
  name?: string | null
  topicId?: string
  isInternal?: boolean
  partitions?: readonly ResponseTopicsPartitions[]
  topicAuthorizedOperations?: number
}

function readResponseTopics(reader: Reader, version: number, flexible: boolean) {
  const errorCode = reader.int16()
  const name = version >= 12 ? nullableText(reader, flexible) : text(reader, flexible)
  const topicId = version >= 10 ? reader.uuid() : zeroUuid
  const isInternal = version >= 1 ? reader.bool() : false
  const partitions = readResponseTopicsPartitionsArray(reader, version, flexible)
  const topicAuthorizedOperations = version >= 8 ? reader.int32() : -2147483648
  const struct: ResponseTopics = { errorCode, name, topicId, isInternal, partitions, topicAuthorizedOperations }
  if (flexible) readUnknownTags(reader, struct)
  return struct
}

function writeResponseTopics(writer: Writer, value: ResponseTopics, version: number, flexible: boolean): void {
  writer.int16(value.errorCode!)
  writeText(writer, value.name, flexible, version >= 12)
  if (version >= 10) {
    writer.uuid(value.topicId!)
  }
  if (version >= 1) {
    const isInternal = value.isInternal === undefined ? false : value.isInternal
    writer.bool(isInternal!)
  }
  for (const element of writeCount(writer, value.partitions, flexible, false))
    writeResponseTopicsPartitions(writer, element, version, flexible)
  if (version >= 8) {
    const topicAuthorizedOperations =
      value.topicAuthorizedOperations === undefined ? -2147483648 : value.topicAuthorizedOperations
    writer.int32(topicAuthorizedOperations!)
  } else if (value.topicAuthorizedOperations !== undefined && value.topicAuthorizedOperations !== -2147483648)
    throw refused()
  if (flexible) writeUnknownTags(writer, value)
}

const leastResponseTopics = [8, 9, 9, 9, 9, 9, 9, 9, 13, 10, 26, 26, 26, 26]

function readResponseTopicsArray(reader: Reader, version: number, flexible: boolean) {
  const least = leastResponseTopics[version]!
  const length = flexible ? reader.compactArrayLength(least) : reader.arrayLength(least)
  if (length < 0) throw noArray(reader, length)
  const values = arrayOf<ReturnType<typeof readResponseTopics>>(length)
  for (let i = 0; i < length; i++) values[i] = readResponseTopics(reader, version, flexible)
  return values
}

interface Response {
  throttleTimeMs?: number
  brokers?: readonly ResponseBrokers[]
  clusterId?: string | null
  controllerId?: number
  topics?: readonly ResponseTopics[]
  clusterAuthorizedOperations?: number
  errorCode?: number
}

function readResponse(reader: Reader, version: number, flexible: boolean) {
  const throttleTimeMs = version >= 3 ? reader.int32() : 0
  const brokers = readResponseBrokersArray(reader, version, flexible)
  const clusterId = version >= 2 ? nullableText(reader, flexible) : null
  const controllerId = version >= 1 ? reader.int32() : -1
  const topics = readResponseTopicsArray(reader, version, flexible)
  const clusterAuthorizedOperations = version >= 8 && version <= 10 ? reader.int32() : -2147483648
  const errorCode = version >= 13 ? reader.int16() : 0
  const struct: Response = {
    throttleTimeMs,
    brokers,
    clusterId,
    controllerId,
    topics,
    clusterAuthorizedOperations,
    errorCode,
  }
  if (flexible) readUnknownTags(reader, struct)
  return struct
}

function writeResponse(writer: Writer, value: Response, version: number, flexible: boolean): void {
  if (version >= 3) {
    writer.int32(value.throttleTimeMs!)
  }
  for (const element of writeCount(writer, value.brokers, flexible, false))
    writeResponseBrokers(writer, element, version, flexible)
  if (version >= 2) {
    const clusterId = value.clusterId === undefined ? null : value.clusterId
    writeText(writer, clusterId, flexible, true)
  }
  if (version >= 1) {
    const controllerId = value.controllerId === undefined ? -1 : value.controllerId
    writer.int32(controllerId!)
  }
  for (const element of writeCount(writer, value.topics, flexible, false))
    writeResponseTopics(writer, element, version, flexible)
  if (version >= 8 && version <= 10) {
    const clusterAuthorizedOperations =
      value.clusterAuthorizedOperations === undefined ? -2147483648 : value.clusterAuthorizedOperations
    writer.int32(clusterAuthorizedOperations!)
  } else if (value.clusterAuthorizedOperations !== undefined && value.clusterAuthorizedOperations !== -2147483648)
    throw refused()
  if (version >= 13) {
    writer.int16(value.errorCode!)
  }
  if (flexible) writeUnknownTags(writer, value)
}

export const metadataRequestCode: GeneratedCode = {
  read: (reader, version) => readRequest(reader, version, version >= 9),
  write: (writer, value, version) => writeRequest(writer, value as Request, version, version >= 9),
}

export const metadataResponseCode: GeneratedCode = {
  read: (reader, version) => readResponse(reader, version, version >= 9),
  write: (writer, value, version) => writeResponse(writer, value as Response, version, version >= 9),
}
