import { type Decoded, type Encodable, type ErrorName, ListOffsets, zeroUuid } from '@ottla/codec'
import { codecOf, RecordBatch, UnsupportedCompression } from '@ottla/codec/records'
import { Held } from '../state/held.ts'
import type { StoredBatch } from '../state/replicas/log-segment.ts'
import type { Replica } from '../state/replicas/replica.ts'
import { type Handler, type HandlerContext, serves } from './handler.ts'
import { allVersions, codes, findReplica, oncePerName } from './support.ts'

type Request = Decoded<typeof ListOffsets.request>
type Response = Encodable<typeof ListOffsets.response>
type PartitionRequest = Request['topics'][number]['partitions'][number]
type PartitionResponse = Response['topics'][number]['partitions'][number]

interface Found {
  readonly offset: number
  readonly timestamp: number
  readonly leaderEpoch: number
}

const latest = -1
const earliest = -2
const maxTimestamp = -3
const earliestLocal = -4
const latestTiered = -5
const earliestPendingUpload = -6
/** The first version that supports a special timestamp. */
const sinceVersion: Readonly<Record<number, number>> = {
  [maxTimestamp]: 7,
  [earliestLocal]: 8,
  [latestTiered]: 9,
  [earliestPendingUpload]: 11,
}
const readCommitted = 1
const maxInflatedBytes = 256 << 20

const handle: Handler<typeof ListOffsets> = (context, request) => {
  const results = request.topics.map(({ name, partitions }) => ({
    name,
    partitions: oncePerName(partitions, ({ partitionIndex }) => String(partitionIndex)).map(({ item, isRepeated }) =>
      isRepeated ? failed(item, 'INVALID_REQUEST') : look(context, request, name, item),
    ),
  }))
  const isPending = results.some(({ partitions }) => partitions.some((result) => result instanceof Promise))
  if (!isPending) return responseIn(context.apiVersion, results as Response['topics'])
  // The offset of a record in a compressed batch is known only after decompression.
  const held = new Held<Response>(context.cluster.runtime)
  void settle(results).then((topics) => held.complete(responseIn(context.apiVersion, topics)))
  return held
}

/** Versions before 4 have no leader epoch. */
function responseIn(apiVersion: number, topics: Response['topics']): Response {
  if (apiVersion >= 4) return { throttleTimeMs: 0, topics }
  const withoutEpochs = topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map((partition) => ({ ...partition, leaderEpoch: -1 })),
  }))
  return { throttleTimeMs: 0, topics: withoutEpochs }
}

async function settle(
  results: readonly {
    readonly name: string
    readonly partitions: readonly (PartitionResponse | Promise<PartitionResponse>)[]
  }[],
): Promise<Response['topics']> {
  return Promise.all(results.map(async ({ name, partitions }) => ({ name, partitions: await Promise.all(partitions) })))
}

function look(
  context: HandlerContext,
  { isolationLevel }: Request,
  topic: string,
  partition: PartitionRequest,
): PartitionResponse | Promise<PartitionResponse> {
  const { apiVersion } = context
  const { partitionIndex, currentLeaderEpoch } = partition
  const timestamp = Number(partition.timestamp)
  if (timestamp < earliestPendingUpload || apiVersion < (sinceVersion[timestamp] ?? 0))
    return failed(partition, 'UNSUPPORTED_VERSION')
  const { error, replica } = findReplica(context, { topic, topicId: zeroUuid }, partitionIndex)
  if (replica === undefined) return failed(partition, error)
  const epochError = replica.epochError(currentLeaderEpoch)
  if (epochError !== undefined) return failed(partition, epochError)
  if (!replica.isLeader) return failed(partition, 'NOT_LEADER_OR_FOLLOWER')
  const end = isolationLevel === readCommitted ? replica.lastStableOffset : replica.highWatermark
  // The high watermark of a new leader may still be too low (KIP-207).
  const notYet: ErrorName | undefined = replica.isHighWatermarkBehindEpoch
    ? apiVersion >= 5
      ? 'OFFSET_NOT_AVAILABLE'
      : 'LEADER_NOT_AVAILABLE'
    : undefined
  const { log } = replica
  const epochAt = (offset: number) => log.epochs.epochAt(offset)
  if (timestamp === latest) {
    if (notYet !== undefined) return failed(partition, notYet)
    return found(partition, { offset: end, timestamp: -1, leaderEpoch: replica.leaderEpoch })
  }
  if (timestamp === earliest || timestamp === earliestLocal) {
    return found(partition, { offset: log.logStartOffset, timestamp: -1, leaderEpoch: epochAt(log.logStartOffset) })
  }
  // There is no remote storage.
  if (timestamp === latestTiered || timestamp === earliestPendingUpload) return found(partition, undefined)
  return byTime(replica, partition, { timestamp, end, notYet })
}

function byTime(
  replica: Replica,
  partition: PartitionRequest,
  {
    timestamp,
    end,
    notYet,
  }: { readonly timestamp: number; readonly end: number; readonly notYet: ErrorName | undefined },
): PartitionResponse | Promise<PartitionResponse> {
  const isMax = timestamp === maxTimestamp
  const batch = isMax ? replica.log.batchOfMaxTimestamp(end) : replica.log.batchByTimestamp(timestamp, end)
  if (batch === undefined) return notYet === undefined ? found(partition, undefined) : failed(partition, notYet)
  const atLeast = isMax ? batch.maxTimestamp : timestamp
  const from = isMax ? 0 : replica.logStartOffset
  const view = new RecordBatch(batch.bytes)
  if (view.timestampType === 'append') {
    const offset = isMax ? batch.baseOffset : Math.max(batch.baseOffset, from)
    return found(partition, { offset, timestamp: batch.maxTimestamp, leaderEpoch: batch.leaderEpoch })
  }
  const look = (payload?: Uint8Array) => found(partition, firstRecord(batch, view, { atLeast, from, payload }))
  const corrupt = () => failed(partition, 'CORRUPT_MESSAGE')
  if (view.compressionId !== 0) return inflated(view).then(look).catch(corrupt)
  try {
    return look()
  } catch {
    return corrupt()
  }
}

/** The records of a compressed batch; undefined for an unsupported compression. */
async function inflated(batch: RecordBatch): Promise<Uint8Array | undefined> {
  try {
    return await codecOf(batch.compressionId).decompress(batch.payload, maxInflatedBytes)
  } catch (error) {
    if (error instanceof UnsupportedCompression) return undefined
    throw error
  }
}

function firstRecord(
  { baseOffset, leaderEpoch, maxTimestamp: batchMax }: StoredBatch,
  batch: RecordBatch,
  {
    atLeast,
    from,
    payload,
  }: { readonly atLeast: number; readonly from: number; readonly payload?: Uint8Array | undefined },
): Found | undefined {
  // Without decompression, the batch's first offset is a lower bound.
  if (batch.compressionId !== 0 && payload === undefined)
    return { offset: baseOffset, timestamp: batchMax, leaderEpoch }
  const { baseTimestamp } = batch
  const cursor = batch.records(payload)
  while (cursor.next()) {
    const offset = baseOffset + cursor.offsetDelta
    const timestamp = baseTimestamp + cursor.timestampDelta
    if (timestamp >= atLeast && offset >= from) return { offset, timestamp, leaderEpoch }
  }
  return undefined
}

function found({ partitionIndex }: PartitionRequest, result: Found | undefined): PartitionResponse {
  if (result === undefined) return { partitionIndex, errorCode: 0, timestamp: -1n, offset: -1n, leaderEpoch: -1 }
  const { offset, timestamp, leaderEpoch } = result
  return { partitionIndex, errorCode: 0, timestamp: BigInt(timestamp), offset: BigInt(offset), leaderEpoch }
}

function failed({ partitionIndex }: PartitionRequest, error: ErrorName): PartitionResponse {
  return { partitionIndex, errorCode: codes.of(error), timestamp: -1n, offset: -1n, leaderEpoch: -1 }
}

export const listOffsetsHandler = serves(ListOffsets, allVersions(ListOffsets), handle)
