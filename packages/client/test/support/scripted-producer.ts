import { type ErrorName, errorCode, InitProducerId, Produce, type ProduceResponse } from '@ottla/codec'
import { expect } from 'vitest'
import type { KafkaOptions } from '../../src/options.ts'
import type { ProducerOptions } from '../../src/producer/options.ts'
import type { Producer } from '../../src/producer/producer.ts'
import { type BatchContent, contentsOf } from './record-batches.ts'
import { type ScriptedRequest, topicIdOf } from './scripted-broker.ts'
import { ScriptedKafka } from './scripted-kafka.ts'

export type ProduceRequest = ScriptedRequest<typeof Produce>

type PartitionResponse = ProduceResponse['responses'][number]['partitionResponses'][number]

/** The response to a Produce request; without an error its batches count as appended. */
export interface ProduceReply {
  readonly error?: ErrorName
  readonly fields?: Partial<PartitionResponse>
}

/** A batch of a request, or of the appended ones. */
export interface ProducedBatch extends BatchContent {
  readonly topic: string
  readonly partition: number
}

export interface ScriptedProducerOptions extends Omit<ProducerOptions, 'topics'> {
  /** Topics with the leader of each partition; -1: it has none. */
  readonly topics?: Readonly<Record<string, readonly number[]>>
  readonly nodes?: number
  readonly kafka?: Partial<KafkaOptions>
}

/** A producer on scripted brokers, which append whatever they receive: they check neither sequence numbers nor sizes. */
export class ScriptedProducer {
  readonly scripted: ScriptedKafka
  readonly producer: Producer
  readonly appended: ProducedBatch[] = []
  /** Decides about each Produce request; 'hold': it gets no response until `reply`. */
  fate: (request: ProduceRequest, count: number) => ProduceReply | 'hold' | undefined = () => undefined
  readonly #topics = new Map<string, string>()

  constructor({ topics = { t: [1] }, nodes = 1, kafka, ...options }: ScriptedProducerOptions = {}) {
    this.scripted = new ScriptedKafka({ nodes, ...kafka })
    for (const [name, leaders] of Object.entries(topics)) this.setLeaders(name, leaders)
    let producerId = 1000n
    this.peer.on(InitProducerId, () => ({ errorCode: 0, producerId: ++producerId, producerEpoch: 0 }))
    this.peer.on(Produce, (request) => {
      const fate = this.fate(request, this.produced().length)
      if (fate !== 'hold') this.reply(request, fate)
      return undefined
    })
    this.producer = this.scripted.kafka.producer(options)
  }

  /** Connects the client, with its first metadata. */
  async connect(): Promise<void> {
    const described = this.scripted.kafka.admin().describeTopics([...this.#topics.values()])
    await this.runtime.advance(1_000)
    await described
  }

  /** Closes the client, which must leave nothing behind. */
  async close(): Promise<void> {
    this.fate = () => undefined
    expect(await this.scripted.close()).toEqual({ timers: 0, sockets: 0 })
  }

  get peer() {
    return this.scripted.peer
  }

  get runtime() {
    return this.scripted.runtime
  }

  /** The leaders as the metadata names them from now on. */
  setLeaders(topic: string, leaders: readonly number[]): void {
    this.#topics.set(topicIdOf(topic), topic)
    const leaderEpoch = (this.peer.topics.get(topic)?.partitions[0]?.leaderEpoch ?? 0) + 1
    const partitions = leaders.map((leader) =>
      leader < 0 ? { leader, leaderEpoch, error: 'LEADER_NOT_AVAILABLE' as const } : { leader, leaderEpoch },
    )
    this.peer.topics.set(topic, { partitions })
  }

  /** The Produce requests in the order of arrival. */
  produced(): ProduceRequest[] {
    return this.peer.requests(Produce)
  }

  batchesOf({ body }: ProduceRequest): ProducedBatch[] {
    return body.topicData.flatMap(({ name, topicId, partitionData }) => {
      const topic = name === '' ? this.#topics.get(topicId)! : name
      return partitionData.flatMap(({ index, records }) =>
        contentsOf(records!).map((content) => ({ topic, partition: index, ...content })),
      )
    })
  }

  /** Responds to a request, also to one that was held: in the order of arrival on its connection. */
  reply(request: ProduceRequest, { error, fields }: ProduceReply = {}): void {
    const offsets = new Map<string, number>()
    for (const batch of this.batchesOf(request)) {
      const place = `${batch.topic}-${batch.partition}`
      offsets.set(place, this.values(batch.topic, batch.partition).length)
      if (error === undefined) this.appended.push(batch)
    }
    if (request.body.acks === 0) return
    const responses = request.body.topicData.map(({ name, topicId, partitionData }) => ({
      name,
      topicId,
      partitionResponses: partitionData.map(({ index }) => ({
        index,
        errorCode: error === undefined ? 0 : errorCode(error),
        baseOffset: BigInt(offsets.get(`${name === '' ? this.#topics.get(topicId) : name}-${index}`) ?? -1),
        logAppendTimeMs: -1n,
        logStartOffset: 0n,
        recordErrors: [],
        errorMessage: null,
        currentLeader: { leaderId: -1, leaderEpoch: -1 },
        ...fields,
      })),
    }))
    request.respond({ responses })
  }

  /** The values that a partition appended, in its order. */
  values(topic: string, partition = 0): (string | null)[] {
    const own = this.appended.filter((batch) => batch.topic === topic && batch.partition === partition)
    return own.flatMap(({ values }) => values)
  }
}
