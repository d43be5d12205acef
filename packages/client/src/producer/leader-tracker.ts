import { describePartition, KafkaError, kafkaErrorOf, type Outcome } from '../errors.ts'
import type { ClientEventMap } from '../events.ts'
import type { DeadlineTimer } from '../runtime/deadline-timer.ts'
import type { ProducerCluster } from './producer-cluster.ts'
import type { PausablePartition } from './producer-parts.ts'
import { Sink, type SinkParts, silentAfterMs } from './sink.ts'
import type { TopicBuffer } from './topic-buffer.ts'

/** Connects each partition to the sink of its leader: follows the metadata, and refreshes it when a leader is missing. */
export class LeaderTracker {
  readonly #cluster: ProducerCluster
  readonly #topics: ReadonlyMap<string, TopicBuffer>
  readonly #timer: DeadlineTimer
  readonly #sinkParts: SinkParts
  readonly #sinks = new Map<number, Sink>()
  readonly #releases: (() => void)[]
  /** When the metadata was last refreshed because a broker is silent. */
  #lookedMs = Number.NEGATIVE_INFINITY
  #closed = false

  constructor(
    cluster: ProducerCluster,
    topics: ReadonlyMap<string, TopicBuffer>,
    timer: DeadlineTimer,
    sinkParts: Omit<SinkParts, 'refresh' | 'sent'>,
  ) {
    this.#cluster = cluster
    this.#topics = topics
    this.#timer = timer
    this.#sinkParts = {
      ...sinkParts,
      refresh: (reason, names) => this.refresh(reason, names),
      sent: () => this.#watchSilence(),
    }
    this.#releases = [cluster.onMetadata(() => this.#follow())]
    if (sinkParts.options.acks === 0) this.#releases.push(this.#onDisconnected())
    timer.add((nowMs) => this.#giveUpOnMissing(nowMs))
    timer.add((nowMs) => this.#lookAtSilent(nowMs))
  }

  /** With acks=0 a broker that is no longer the leader drops the records, and only closes the connection. */
  #onDisconnected(): () => void {
    const { events } = this.#cluster
    const listener: ClientEventMap['disconnected'] = ({ broker, purpose }) => {
      const sink = this.#sinks.get(broker.id)
      if (purpose !== this.#sinkParts.purpose || sink === undefined) return
      const led = (topic: TopicBuffer) => topic.partitions.some((partition) => partition.sink === sink)
      const topics = [...this.#topics.values()].filter(led).map(({ name }) => name)
      if (topics.length > 0) this.refresh('a broker closed the connection of a producer with acks=0', topics)
    }
    events.on('disconnected', listener)
    return () => events.off('disconnected', listener)
  }

  get inFlight(): number {
    let requests = 0
    for (const sink of this.#sinks.values()) requests += sink.inFlight
    return requests
  }

  /** Connects a topic's partitions to their leaders. */
  assign(topic: TopicBuffer): void {
    for (const { partition, leader, leaderEpoch } of topic.info?.partitions ?? []) {
      topic.partitions[partition]?.setLeader(leader < 0 ? undefined : this.#sinkOf(leader), leaderEpoch)
    }
  }

  #sinkOf(brokerId: number): Sink {
    let sink = this.#sinks.get(brokerId)
    if (sink === undefined) {
      sink = new Sink(brokerId, this.#sinkParts)
      this.#sinks.set(brokerId, sink)
    }
    return sink
  }

  #follow(): void {
    for (const topic of this.#topics.values()) {
      if (topic.info === undefined) continue
      const info = this.#cluster.topic(topic.name)
      if (info === undefined || info.partitions.length === 0) this.#missed(topic)
      else {
        topic.missingSinceMs = undefined
        if (info === topic.info) continue
        topic.update(info)
        this.assign(topic)
      }
    }
    this.#leaveSilentLeaders(this.#cluster.runtime.monoNow())
  }

  /** A request was sent: while it has no response, the metadata is refreshed each second. */
  #watchSilence(): void {
    if (this.#movesWhileSilent) this.#timer.wakeBy(this.#cluster.runtime.monoNow() + silentAfterMs)
  }

  /** Without idempotence, a batch that is sent again while its request is in flight could be written twice. */
  get #movesWhileSilent(): boolean {
    return this.#sinkParts.options.idempotent
  }

  #leaveSilentLeaders(nowMs: number): void {
    if (!this.#movesWhileSilent) return
    for (const sink of this.#sinks.values()) sink.leaveSilentLeader(nowMs)
  }

  /** One refresh for all brokers that are silent: others in the client share it. */
  #lookAtSilent(nowMs: number): number {
    if (!this.#movesWhileSilent) return Number.POSITIVE_INFINITY
    this.#leaveSilentLeaders(nowMs)
    let nextMs = Number.POSITIVE_INFINITY
    const topics = new Set<string>()
    for (const sink of this.#sinks.values()) {
      const { silentSinceMs } = sink
      if (silentSinceMs === undefined) continue
      if (nowMs - silentSinceMs >= silentAfterMs) for (const topic of sink.topicsInFlight) topics.add(topic)
      nextMs = Math.min(nextMs, Math.max(silentSinceMs, this.#lookedMs) + silentAfterMs)
    }
    if (topics.size === 0 || nowMs < this.#lookedMs + silentAfterMs) return nextMs
    this.#lookedMs = nowMs
    this.refresh('a broker has not responded to a produce request', [...topics])
    return nowMs + silentAfterMs
  }

  /** The last known leaders are kept: a broker that restarts may report the topic as unknown for a moment. */
  #missed(topic: TopicBuffer): void {
    if (!topic.known || topic.missingSinceMs !== undefined) return
    topic.missingSinceMs = this.#cluster.runtime.monoNow()
    this.#timer.wakeBy(topic.missingSinceMs + this.#cluster.options.topicTimeoutMs)
  }

  #giveUpOnMissing(nowMs: number): number {
    const { topicTimeoutMs } = this.#cluster.options
    let nextMs = Number.POSITIVE_INFINITY
    for (const topic of this.#topics.values()) {
      if (topic.missingSinceMs === undefined) continue
      const untilMs = topic.missingSinceMs + topicTimeoutMs
      if (untilMs > nowMs) {
        nextMs = Math.min(nextMs, untilMs)
        continue
      }
      // Records that are sent from now on look the topic up again.
      topic.known = false
      for (const partition of topic.partitions) {
        partition.dropWaiting((outcome) => this.#goneError(topic.name, partition.index, outcome))
      }
      // What is in flight may be requeued after this.
      topic.missingSinceMs = topic.isEmpty ? undefined : nowMs
      if (!topic.isEmpty) nextMs = Math.min(nextMs, nowMs + topicTimeoutMs)
    }
    return nextMs
  }

  #goneError(topic: string, partition: number, outcome: Outcome): KafkaError {
    const { topicTimeoutMs } = this.#cluster.options
    const errorCode = this.#cluster.topic(topic)?.errorCode ?? 0
    if (errorCode !== 0) return kafkaErrorOf(errorCode, 'Producing', { topic, partition, outcome })
    const message = `Topic '${topic}' was deleted: no broker has had it for ${topicTimeoutMs} ms`
    return new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', message, { topic, partition, retriable: true, outcome })
  }

  /** Refreshes metadata. A failure is not reported here: it shows in the results of the records. */
  refresh(reason: string, topics: readonly string[]): void {
    if (this.#closed) return
    this.#cluster.refreshMetadata(reason, topics).catch((error: unknown) => {
      this.#cluster.logger.debug('refreshing metadata for a producer failed', { reason, error: String(error) })
    })
  }

  missing(partition: PausablePartition): void {
    const { topic, index } = partition
    this.refresh(`no leader for ${describePartition({ topic: topic.name, partition: index })}`, [topic.name])
  }

  close(): void {
    this.#closed = true
    for (const release of this.#releases) release()
  }
}
