import { errorCode, Fetch, type FetchRequest, type FetchResponse, ListOffsets } from '@ottla/codec'
import type { ManualRuntime } from './manual-runtime.ts'
import { type BatchOptions, batchOf, markerOf } from './record-batches.ts'
import { type ScriptedBroker, topicIdOf } from './scripted-broker.ts'

export type FetchedPartition = FetchResponse['responses'][number]['partitions'][number]

/** Hand-made batches that Fetch returns for one partition, whatever they contain. */
export class ScriptedLog {
  readonly batches: { base: number; end: number; bytes: Uint8Array }[] = []
  aborted: { producerId: bigint; firstOffset: bigint }[] = []

  get end(): number {
    return this.batches.at(-1)?.end ?? 0
  }

  append(values: readonly (string | null)[], options?: BatchOptions): this {
    return this.add(this.end, this.end + values.length, batchOf(this.end, values, options))
  }

  marker(producerId: bigint, committed: boolean, leaderEpoch?: number): this {
    return this.add(this.end, this.end + 1, markerOf(this.end, producerId, committed, leaderEpoch))
  }

  /** Bytes that hold the offsets from `base` up to `end`, which is excluded. */
  add(base: number, end: number, bytes: Uint8Array): this {
    this.batches.push({ base, end, bytes })
    return this
  }

  /** What a fetch at this offset returns. */
  fetched(partitionIndex: number, offset: number): FetchedPartition {
    const records = Buffer.concat(this.batches.filter(({ end }) => end > offset).map(({ bytes }) => bytes))
    return fetched({ partitionIndex, records, aborted: this.aborted, end: this.end })
  }
}

interface FetchedOptions {
  readonly partitionIndex?: number
  readonly records: Uint8Array | null
  readonly end: number
  readonly aborted?: FetchedPartition['abortedTransactions']
  readonly preferredReadReplica?: number
}

export function fetched({ partitionIndex = 0, end, records, ...options }: FetchedOptions): FetchedPartition {
  return {
    partitionIndex,
    errorCode: 0,
    highWatermark: BigInt(end),
    lastStableOffset: BigInt(end),
    logStartOffset: 0n,
    divergingEpoch: { epoch: -1, endOffset: -1n },
    currentLeader: { leaderId: -1, leaderEpoch: -1 },
    snapshotId: { endOffset: -1n, epoch: -1 },
    abortedTransactions: options.aborted ?? [],
    preferredReadReplica: options.preferredReadReplica ?? -1,
    records: records as FetchedPartition['records'],
  }
}

export function fetchResponse(topic: string, partitions: readonly FetchedPartition[]) {
  const responses = partitions.length === 0 ? [] : [{ topic, topicId: topicIdOf(topic), partitions: [...partitions] }]
  return { errorCode: 0, sessionId: 0, responses, nodeEndpoints: [] }
}

/** Node 1 leads a topic and serves its partitions from these logs. A fetch that finds nothing waits as long as it may. */
export function serveLogs(
  { peer, runtime }: { peer: ScriptedBroker; runtime: ManualRuntime },
  topic: string,
  logs: readonly ScriptedLog[],
): void {
  peer.topics.set(topic, { partitions: logs.map(() => ({ leader: 1 })) })
  const found = (body: FetchRequest) =>
    (body.topics ?? [])
      .flatMap(({ partitions }) => partitions)
      .map(({ partition, fetchOffset }) => logs[partition]!.fetched(partition, Number(fetchOffset)))
      .filter(({ records }) => records !== null && records.length > 0)
  peer.on(Fetch, async ({ body }) => {
    if (found(body).length === 0) await new Promise<void>((resolve) => runtime.setTimer(resolve, body.maxWaitMs))
    return fetchResponse(topic, found(body))
  })
  peer.on(ListOffsets, ({ body }) => ({
    topics: body.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex, timestamp }) => {
        const log = logs[partitionIndex]
        const offset = BigInt(timestamp === -2n ? 0 : (log?.end ?? -1))
        const code = log === undefined ? errorCode('UNKNOWN_TOPIC_OR_PARTITION') : 0
        return { partitionIndex, errorCode: code, timestamp: -1n, offset, leaderEpoch: 0 }
      }),
    })),
  }))
}
