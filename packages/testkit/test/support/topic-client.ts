import { Fetch, ListOffsets, Metadata, Produce, zeroUuid } from '@ottla/codec'
import type { TestCluster } from '../../src/index.ts'
import { type ReadRecord, recordsOf } from './batches.ts'
import { WireClient } from './wire-client.ts'

export interface FetchOptions {
  readonly fetchOffset?: number
  readonly maxWaitMs?: number
  readonly minBytes?: number
  readonly maxBytes?: number
  readonly currentLeaderEpoch?: number
  readonly lastFetchedEpoch?: number
  readonly rackId?: string
  /** Default: the newest version. */
  readonly version?: number
}

/** A client for partition 0 of one topic (for producing also other partitions) on one broker. */
export class TopicClient {
  readonly wire: WireClient
  readonly #topic: string
  readonly #topicId: string

  private constructor(wire: WireClient, topic: string, topicId: string) {
    this.wire = wire
    this.#topic = topic
    this.#topicId = topicId
  }

  /** On the leader by default. */
  static async connect(cluster: TestCluster, topic: string, brokerId = cluster.partition(topic, 0).leader) {
    const wire = await WireClient.connect(cluster.runtime, cluster.bootstrap[brokerId - 1] ?? '')
    const { topics } = await wire.request(Metadata, {
      topics: [{ topicId: zeroUuid, name: topic }],
      allowAutoTopicCreation: false,
      includeTopicAuthorizedOperations: false,
    })
    return new TopicClient(wire, topic, topics[0]?.topicId ?? zeroUuid)
  }

  async produce(records: Uint8Array | null, { acks = -1, timeoutMs = 5000, index = 0 } = {}) {
    const { responses } = await this.wire.request(Produce, this.#produceRequest(records, { acks, timeoutMs, index }))
    const partition = responses[0]?.partitionResponses[0]
    if (partition === undefined) throw new Error('No response for the partition')
    return partition
  }

  /** Produces with acks=0, which has no response. */
  send(records: Uint8Array): void {
    this.wire.send(Produce, this.#produceRequest(records, { acks: 0, timeoutMs: 0, index: 0 }), Produce.versions.max)
  }

  async fetch(options: FetchOptions = {}) {
    const {
      fetchOffset = 0,
      maxWaitMs = 0,
      minBytes = 1,
      maxBytes = 1 << 20,
      rackId = '',
      version,
      ...epochs
    } = options
    const body = {
      maxWaitMs,
      minBytes,
      rackId,
      topics: [
        {
          topic: this.#topic,
          topicId: this.#topicId,
          partitions: [{ partition: 0, fetchOffset: BigInt(fetchOffset), partitionMaxBytes: maxBytes, ...epochs }],
        },
      ],
      forgottenTopicsData: [],
    }
    const { responses } = await this.wire.request(Fetch, body, version)
    const partition = responses[0]?.partitions[0]
    if (partition === undefined) throw new Error('No response for the partition')
    return { ...partition, values: recordsOf(partition.records).map(({ value }: ReadRecord) => value) }
  }

  /** All values from an offset on; each response contains at most one segment. */
  async readAll(fetchOffset = 0): Promise<string[]> {
    const values: string[] = []
    for (let offset = fetchOffset; ; ) {
      const { records, highWatermark } = await this.fetch({ fetchOffset: offset })
      const found = recordsOf(records)
      values.push(...found.map(({ value }) => value))
      offset = (found.at(-1)?.offset ?? Number(highWatermark)) + 1
      if (BigInt(offset) >= highWatermark) return values
    }
  }

  async listOffset(timestamp: bigint) {
    const { topics } = await this.wire.request(ListOffsets, {
      replicaId: -1,
      isolationLevel: 0,
      timeoutMs: 1000,
      topics: [{ name: this.#topic, partitions: [{ partitionIndex: 0, timestamp }] }],
    })
    const partition = topics[0]?.partitions[0]
    if (partition === undefined) throw new Error('No response for the partition')
    return partition
  }

  #produceRequest(
    records: Uint8Array | null,
    { acks, timeoutMs, index }: { readonly acks: number; readonly timeoutMs: number; readonly index: number },
  ) {
    const partitionData = [{ index, records }]
    return {
      transactionalId: null,
      acks,
      timeoutMs,
      topicData: [{ name: this.#topic, topicId: this.#topicId, partitionData }],
    }
  }
}

/** Polls a state of the cluster until it is right; fails with the last state. */
export async function eventually<T>(look: () => T, isRight: (seen: T) => boolean): Promise<T> {
  for (let turn = 0; turn < 2000; turn++) {
    const seen = look()
    if (isRight(seen)) return seen
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  throw new Error(`The last state was ${JSON.stringify(look())}`)
}
