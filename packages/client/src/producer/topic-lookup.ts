import type { TopicInfo } from '../cluster/topology.ts'
import { meaningOf } from '../error-meaning.ts'
import { asKafkaError, type KafkaError } from '../errors.ts'
import { deliveryTimedOut } from './delay.ts'
import type { ResolvedProducerOptions } from './options.ts'
import type { ProducerCluster } from './producer-cluster.ts'
import type { AwaitingRecord, TopicBuffer } from './topic-buffer.ts'

export interface LookupHooks {
  /** The partitions of the topic are known. */
  found(topic: TopicBuffer, info: TopicInfo): void
  /** The metadata of a known topic is fresh: its first `count` waiting records can be appended, or their partition does not exist. */
  checked(topic: TopicBuffer, count: number): void
  /** The first waiting records fail, up to one that `fails` excepts. */
  failed(topic: TopicBuffer, error: KafkaError, fails: (entry: AwaitingRecord) => boolean): void
  /** No record waits for the topic any more. */
  ended(topic: TopicBuffer): void
}

/** Requests the metadata that records wait for: of a topic, or of a partition that the cache lacks. One look-up a topic at a time. */
export class TopicLookup {
  readonly #cluster: ProducerCluster
  readonly #options: ResolvedProducerOptions
  readonly #closing: AbortSignal
  readonly #hooks: LookupHooks

  constructor(cluster: ProducerCluster, options: ResolvedProducerOptions, closing: AbortSignal, hooks: LookupHooks) {
    this.#cluster = cluster
    this.#options = options
    this.#closing = closing
    this.#hooks = hooks
  }

  /** Records wait for the topic. Those that a result of the look-up lets in are part of it. */
  begin(topic: TopicBuffer): void {
    if (topic.lookingUp) return
    topic.lookingUp = true
    void this.#run(topic)
  }

  async #run(topic: TopicBuffer): Promise<void> {
    while (topic.awaiting.size > 0) {
      try {
        if (topic.known) await this.#check(topic)
        else await this.#find(topic)
      } catch (cause) {
        this.#failed(topic, cause)
      }
    }
    topic.lookingUp = false
    this.#hooks.ended(topic)
  }

  async #find(topic: TopicBuffer): Promise<void> {
    const info = await this.#cluster.awaitTopic(topic.name, {
      timeoutMs: this.#remainingMs(topic),
      signal: this.#closing,
    })
    this.#hooks.found(topic, info)
  }

  /** Records name a partition that the cached metadata lacks: it may have been added since. The brokers decide. */
  async #check(topic: TopicBuffer): Promise<void> {
    const operation = `Looking up the partitions of topic '${topic.name}'`
    let count = 0
    const limits = { operation, timeoutMs: this.#remainingMs(topic), signal: this.#closing }
    await this.#cluster.retry(limits, async (_attempt, signal) => {
      count = topic.awaiting.size
      await this.#cluster.refreshMetadata(operation, [topic.name], { signal })
    })
    this.#hooks.checked(topic, count)
  }

  /** Until the first record that waits for the topic has waited for `deliveryTimeoutMs`. */
  #remainingMs({ awaiting }: TopicBuffer): number {
    const nowMs = this.#cluster.runtime.monoNow()
    return Math.max(1, (awaiting.peek()?.acceptedMs ?? nowMs) + this.#options.deliveryTimeoutMs - nowMs)
  }

  /** When time is up, it is so for the oldest records only. */
  #failed(topic: TopicBuffer, cause: unknown): void {
    const error = asKafkaError(cause, `Looking up topic '${topic.name}'`).with({ outcome: 'not-written' })
    if (meaningOf(error.code).ended !== 'deadline') {
      this.#hooks.failed(topic, error, () => true)
      return
    }
    const { deliveryTimeoutMs } = this.#options
    const details = { topic: topic.name, outcome: 'not-written', cause: error } as const
    const late = deliveryTimedOut(`topic '${topic.name}'`, deliveryTimeoutMs, error.message, details)
    const expiredMs = this.#cluster.runtime.monoNow() - deliveryTimeoutMs
    // The retries end when the next pause would exceed the time: a little early.
    this.#hooks.failed(
      topic,
      late,
      ({ acceptedMs }) => acceptedMs <= expiredMs + this.#cluster.options.retryBackoffMaxMs,
    )
  }
}
