import { Fetch, InitProducerId, ListOffsets, Metadata, Produce } from '@ottla/codec'
import { batchOf, recordsOf } from '../support/batches.ts'
import { Wire } from '../support/wire.ts'

/** The numbers of records sent to a partition and acknowledged. */
export interface Written {
  sent: number
  acknowledged: number
}

const timeoutMs = 10_000
const notLeader = 6
const unknownPartition = 3
const notAvailable = 5
const duplicate = 46
const retriable = new Set([notLeader, unknownPartition, notAvailable])

/**
 * One idempotent producer per partition: it writes numbers from 0 on, a few per batch, with acks=all. Requests without a response
 * are retried with the same sequence number, so that each number must be in the log exactly once.
 */
export class Load {
  readonly topic: string
  readonly written: Written[]
  readonly #acks: number
  #bootstrap: string
  #stopping = false
  #failure: unknown
  #running: Promise<void>[] = []

  constructor(
    bootstrap: string,
    { topic, partitions, acks = -1 }: { topic: string; partitions: number; acks?: number },
  ) {
    this.#bootstrap = bootstrap
    this.#acks = acks
    this.topic = topic
    this.written = Array.from({ length: partitions }, () => ({ sent: 0, acknowledged: 0 }))
  }

  get acknowledged(): number {
    return this.written.reduce((sum, { acknowledged }) => sum + acknowledged, 0)
  }

  /** Resolves when `count` records are acknowledged; rejects when a producer failed. */
  async reaches(count: number): Promise<void> {
    while (this.acknowledged < count) {
      if (this.#failure !== undefined) throw this.#failure
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  start(): void {
    this.#running = this.written.map((written, partition) => this.#produce(partition, written))
    for (const running of this.#running) {
      running.catch((error: unknown) => {
        this.#failure ??= error
      })
    }
  }

  /** Switches to other bootstrap addresses. */
  moveTo(bootstrap: string): void {
    this.#bootstrap = bootstrap
  }

  /** Resolves when all sent records are acknowledged. */
  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all(this.#running)
  }

  async #produce(partition: number, written: Written): Promise<void> {
    const { producerId, producerEpoch } = await this.#retried(partition, (wire) =>
      wire.request(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: timeoutMs }),
    )
    while (!this.#stopping) {
      const first = written.acknowledged
      const values = Array.from({ length: 1 + (first % 7) }, (_, i) => String(first + i))
      written.sent = first + values.length
      const seal = { producerId, producerEpoch, baseSequence: first }
      await this.#retried(partition, async (wire) => {
        const { responses } = await wire.request(Produce, 9, {
          acks: this.#acks,
          timeoutMs,
          topicData: [{ name: this.topic, partitionData: [{ index: partition, records: batchOf(values, seal) }] }],
        })
        const errorCode = responses[0]?.partitionResponses[0]?.errorCode ?? 0
        if (retriable.has(errorCode)) throw new Error('Retriable error')
        if (errorCode !== 0 && errorCode !== duplicate)
          throw new Fatal(`${this.topic}-${partition}: error ${errorCode}`)
      })
      written.acknowledged += values.length
    }
  }

  /** Repeats a request to the leader until it succeeds. */
  async #retried<T>(partition: number, ask: (wire: Wire) => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const wire = this.#wires.get(partition) ?? (await leaderOf(this.#bootstrap, this.topic, partition))
        this.#wires.set(partition, wire)
        return await ask(wire)
      } catch (error) {
        if (error instanceof Fatal || error instanceof TypeError) throw error
        this.#wires.get(partition)?.close()
        this.#wires.delete(partition)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
  }

  close(): void {
    for (const wire of this.#wires.values()) wire.close()
  }

  readonly #wires = new Map<number, Wire>()
}

class Fatal extends Error {}

async function leaderOf(bootstrap: string, topic: string, partition: number): Promise<Wire> {
  const any = await Wire.open(bootstrap.split(',')[0] ?? '')
  try {
    const { brokers, topics } = await any.request(Metadata, 4, {
      topics: [{ name: topic }],
      allowAutoTopicCreation: false,
    })
    const leaderId = topics[0]?.partitions.find(({ partitionIndex }) => partitionIndex === partition)?.leaderId
    const leader = brokers.find(({ nodeId }) => nodeId === leaderId)
    if (leader === undefined) throw new Error('No leader')
    return await Wire.open(`${leader.host}:${leader.port}`)
  } finally {
    any.close()
  }
}

/** All values of a partition in order. */
export async function valuesOf(bootstrap: string, topic: string, partition: number): Promise<string[]> {
  const wire = await leaderOf(bootstrap, topic, partition)
  const values: string[] = []
  let fetchOffset = 0n
  for (;;) {
    const { responses } = await wire.request(Fetch, 12, {
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: 50_000_000,
      forgottenTopicsData: [],
      topics: [{ topic, partitions: [{ partition, fetchOffset, partitionMaxBytes: 50_000_000 }] }],
    })
    const [response] = responses[0]?.partitions ?? []
    if (response === undefined || response.errorCode !== 0) throw new Error(`Error code ${response?.errorCode}`)
    const records = recordsOf(response.records)
    const last = records.at(-1)
    if (last === undefined) {
      // The high watermark of a new leader may still be behind.
      if (fetchOffset >= response.highWatermark && response.highWatermark >= (await endOf(wire, topic, partition)))
        break
      continue
    }
    values.push(...records.map(({ value }) => value))
    fetchOffset = BigInt(last.offset + 1)
  }
  wire.close()
  return values
}

/** The position of a reader of the whole log, which the leader's high watermark limits. */
async function endOf(wire: Wire, topic: string, partition: number): Promise<bigint> {
  const { topics } = await wire.request(ListOffsets, 7, {
    replicaId: -1,
    isolationLevel: 0,
    topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp: -1n }] }],
  })
  return topics[0]?.partitions[0]?.offset ?? 0n
}
