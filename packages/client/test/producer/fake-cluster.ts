import { type Api, type ErrorName, errorCode, InitProducerId, Produce, type ProduceRequest } from '@ottla/codec'
import type { Broker, RequestOptions } from '../../src/cluster/broker.ts'
import type { TopicInfo } from '../../src/cluster/topology.ts'
import { KafkaError } from '../../src/errors.ts'
import { silentLogger } from '../../src/logger.ts'
import { Metrics } from '../../src/metrics.ts'
import { resolveKafkaOptions } from '../../src/options.ts'
import type { ProducerCluster } from '../../src/producer/producer-cluster.ts'
import { FakeLog } from './fake-log.ts'
import { FakeRuntime } from './fake-runtime.ts'

/** What becomes of a produce request, in place of being appended and answered. */
export type Fate =
  | {
      readonly kind: 'error'
      readonly code: ErrorName
      readonly append?: boolean
      readonly fields?: object | ((partition: number) => object)
    }
  | { readonly kind: 'lose'; readonly append: boolean }
  /** Nothing happens before the test settles it. */
  | { readonly kind: 'hold' }
  /** Appended now, answered later. */
  | { readonly kind: 'delay'; readonly ms: number }

/** A produce request that arrived; `settle` answers one that was held. */
export interface FakeProduce {
  readonly brokerId: number
  readonly body: ProduceRequest
  readonly options: RequestOptions
  readonly batches: { topic: string; partition: number; bytes: Uint8Array }[]
  settle(fate?: Exclude<Fate, { kind: 'hold' }>): void
}

interface FakeTopic {
  topicId: string
  leaders: number[]
  leaderEpoch: number
}

/** Brokers and metadata under the test's hand. Requests are served at once and in order, unless the test decides otherwise. */
export class FakeCluster {
  readonly runtime = new FakeRuntime()
  readonly metrics = new Metrics()
  readonly logger = silentLogger
  readonly options
  readonly produced: FakeProduce[] = []
  readonly logs = new Map<string, FakeLog>()
  readonly refreshes: string[] = []
  version = 12
  initialised = 0
  /** Decides about each produce request; undefined: append and answer. */
  fate: (request: FakeProduce, number: number) => Fate | undefined = () => undefined
  onInit: () => { errorCode: number; producerId: bigint; producerEpoch: number } = () => ({
    errorCode: 0,
    producerId: BigInt(1000 + this.initialised),
    producerEpoch: 0,
  })
  readonly #topics = new Map<string, FakeTopic>()
  readonly #infos = new Map<string, TopicInfo>()
  readonly #listeners = new Set<() => void>()
  readonly #awaited = new Map<string, Set<(info: TopicInfo) => void>>()

  constructor(topics: Record<string, number[]>, topicTimeoutMs = 5000) {
    this.options = resolveKafkaOptions({
      brokers: ['fake:1'],
      runtime: this.runtime,
      logger: silentLogger,
      topicTimeoutMs,
    })
    for (const [name, leaders] of Object.entries(topics)) this.setTopic(name, leaders)
  }

  get port(): ProducerCluster {
    return this as unknown as ProducerCluster
  }

  get listeners(): number {
    return this.#listeners.size
  }

  log(topic: string, partition = 0): FakeLog {
    const name = `${topic}/${partition}`
    const log = this.logs.get(name) ?? new FakeLog()
    this.logs.set(name, log)
    return log
  }

  /** Makes or changes a topic: `leaders[i]` leads partition i, -1 = nobody. */
  setTopic(name: string, leaders: number[], topicId = Buffer.from(name.padEnd(16, '.')).toString('base64url')): void {
    const leaderEpoch = (this.#topics.get(name)?.leaderEpoch ?? 0) + 1
    this.#topics.set(name, { topicId, leaders, leaderEpoch })
    const partitions = leaders.map((leader, partition) => ({
      topic: name,
      topicId,
      partition,
      leader,
      leaderEpoch,
      replicas: [leader],
      isr: [leader],
      offlineReplicas: [],
      errorCode: 0,
    }))
    const info = { name, topicId, partitions, errorCode: 0, isInternal: false }
    this.#infos.set(name, info)
    for (const resolve of this.#awaited.get(name) ?? []) resolve(info)
    this.#awaited.delete(name)
    for (const listener of this.#listeners) listener()
  }

  /** The metadata forgets a topic. */
  forget(name: string): void {
    this.#infos.delete(name)
    for (const listener of this.#listeners) listener()
  }

  topic(name: string): TopicInfo | undefined {
    return this.#infos.get(name)
  }

  awaitTopic(name: string): Promise<TopicInfo> {
    const known = this.#infos.get(name)
    if (known !== undefined) return Promise.resolve(known)
    return new Promise((resolve, reject) => {
      const waiting = this.#awaited.get(name) ?? new Set()
      this.#awaited.set(name, waiting.add(resolve))
      this.runtime.setTimer(() => {
        const message = `Topic '${name}' does not exist`
        reject(new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', message, { topic: name }))
      }, this.options.topicTimeoutMs)
    })
  }

  refreshMetadata(reason: string): Promise<void> {
    this.refreshes.push(reason)
    return Promise.resolve()
  }

  watchTopics(): () => void {
    return () => {}
  }

  onMetadata(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  learnLeader(topic: string, partition: number, leaderId: number): void {
    const leaders = [...this.#topics.get(topic)!.leaders]
    leaders[partition] = leaderId
    this.setTopic(topic, leaders)
  }

  learnBrokers(): void {}

  async retry<T>(_what: object, attempt: (n: number, signal: AbortSignal) => Promise<T>): Promise<T> {
    return attempt(1, new AbortController().signal)
  }

  findBroker(): Promise<Broker> {
    return Promise.resolve(this.broker(1))
  }

  broker(id: number): Broker {
    return {
      id,
      host: 'fake',
      port: id,
      rack: null,
      request: (api: Api, body: unknown, options: RequestOptions) => this.#request(id, api, body, options),
      fireAndForget: (api: Api, body: unknown, options: RequestOptions) => this.#request(id, api, body, options),
    } as unknown as Broker
  }

  #request(brokerId: number, api: Api, body: unknown, options: RequestOptions): Promise<unknown> {
    if (api.key === InitProducerId.key) {
      this.initialised++
      return Promise.resolve({ throttleTimeMs: 0, ...this.onInit() })
    }
    if (api.key !== Produce.key) throw new Error(`no ${api.name} here`)
    const version = Math.min(this.version, options.maxVersion ?? 99)
    const request = (typeof body === 'function' ? body(version) : body) as ProduceRequest
    return new Promise((resolve, reject) => {
      const batches = (request.topicData ?? []).flatMap(({ name, topicId, partitionData }) =>
        partitionData.map(({ index, records }) => ({
          topic: name ?? this.#nameOf(topicId ?? ''),
          partition: index,
          bytes: records!,
        })),
      )
      const places = batches.map(({ topic, partition }) => `${topic}/${partition}`)
      if (new Set(places).size < places.length) reject(new Error('two batches of one partition in a request'))
      const settle = (fate?: Exclude<Fate, { kind: 'hold' }>) =>
        this.#settle({ request, batches, options, fate, resolve, reject })
      const produced: FakeProduce = { brokerId, body: request, options, batches, settle }
      this.produced.push(produced)
      const fate = this.fate(produced, this.produced.length)
      if (fate?.kind !== 'hold') settle(fate)
    })
  }

  #nameOf(topicId: string): string {
    for (const [name, topic] of this.#topics) if (topic.topicId === topicId) return name
    return ''
  }

  #settle(given: {
    request: ProduceRequest
    batches: FakeProduce['batches']
    options: RequestOptions
    fate: Exclude<Fate, { kind: 'hold' }> | undefined
    resolve: (response: unknown) => void
    reject: (error: unknown) => void
  }): void {
    const { batches, options, fate, resolve, reject } = given
    if (fate?.kind === 'lose' && !fate.append) {
      reject(new KafkaError('CONNECTION_LOST', 'gone', { retriable: true, outcome: 'unknown' }))
      return
    }
    options.onFlushed?.()
    const byTopic = new Map<string, object[]>()
    for (const { topic, partition, bytes } of batches) {
      const appends = fate?.kind !== 'error' || fate.append === true
      const appended = appends ? this.log(topic, partition).append(bytes) : undefined
      const code = fate?.kind === 'error' ? errorCode(fate.code) : appended!.errorCode
      const response = {
        index: partition,
        errorCode: code,
        baseOffset: code === 0 ? appended!.baseOffset : -1n,
        logAppendTimeMs: -1n,
        logStartOffset: 0n,
        recordErrors: [],
        errorMessage: null,
        currentLeader: { leaderId: -1, leaderEpoch: -1 },
        ...(fate?.kind === 'error' ? fieldsOf(fate.fields, partition) : undefined),
      }
      byTopic.set(topic, [...(byTopic.get(topic) ?? []), response])
    }
    if (fate?.kind === 'lose') {
      reject(new KafkaError('CONNECTION_LOST', 'gone', { retriable: true, outcome: 'unknown' }))
      return
    }
    const respond = () => resolve({ responses, throttleTimeMs: 0, nodeEndpoints: [] })
    const responses = Array.from(byTopic, ([name, partitionResponses]) => ({
      name: this.version >= 13 ? '' : name,
      topicId: this.version >= 13 ? this.#topics.get(name)!.topicId : 'AAAAAAAAAAAAAAAAAAAAAA',
      partitionResponses,
    }))
    if (fate?.kind === 'delay') this.runtime.setTimer(respond, fate.ms)
    else respond()
  }
}

function fieldsOf(fields: object | ((partition: number) => object) | undefined, partition: number): object | undefined {
  return typeof fields === 'function' ? (fields as (partition: number) => object)(partition) : fields
}
