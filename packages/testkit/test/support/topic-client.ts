import { Fetch, ListOffsets, Metadata, Produce, zeroUuid } from '@ottla/codec'
import type { TestCluster } from '../../src/index.ts'
import { type ReadRecord, recordsOf } from './batches.ts'
import { WireClient } from './wire-client.ts'

export interface FetchAsked {
  readonly fetchOffset?: number
  readonly maxWaitMs?: number
  readonly minBytes?: number
  readonly maxBytes?: number
  readonly currentLeaderEpoch?: number
  readonly lastFetchedEpoch?: number
}

/** Partition 0 of one topic (others for producing), asked on one broker. */
export class TopicClient {
  readonly wire: WireClient
  readonly #topic: string
  readonly #topicId: string

  private constructor(wire: WireClient, topic: string, topicId: string) {
    this.wire = wire
    this.#topic = topic
    this.#topicId = topicId
  }

  /** On the leader, unless told otherwise. */
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
    if (partition === undefined) throw new Error('no answer for the partition')
    return partition
  }

  /** With acks=0 there is no answer to wait for. */
  send(records: Uint8Array): void {
    this.wire.send(Produce, this.#produceRequest(records, { acks: 0, timeoutMs: 0, index: 0 }), Produce.versions.max)
  }

  async fetch({ fetchOffset = 0, maxWaitMs = 0, minBytes = 1, maxBytes = 1 << 20, ...epochs }: FetchAsked = {}) {
    const { responses } = await this.wire.request(Fetch, {
      maxWaitMs,
      minBytes,
      topics: [
        {
          topic: this.#topic,
          topicId: this.#topicId,
          partitions: [{ partition: 0, fetchOffset: BigInt(fetchOffset), partitionMaxBytes: maxBytes, ...epochs }],
        },
      ],
      forgottenTopicsData: [],
    })
    const partition = responses[0]?.partitions[0]
    if (partition === undefined) throw new Error('no answer for the partition')
    return { ...partition, values: recordsOf(partition.records).map(({ value }: ReadRecord) => value) }
  }

  /** All values from an offset on: one answer holds no more than one segment. */
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
    if (partition === undefined) throw new Error('no answer for the partition')
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

/** Waits for what the cluster does by itself; fails with what it saw last. */
export async function eventually<T>(look: () => T, isRight: (seen: T) => boolean): Promise<T> {
  for (let turn = 0; turn < 2000; turn++) {
    const seen = look()
    if (isRight(seen)) return seen
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  throw new Error(`it stayed ${JSON.stringify(look())}`)
}
