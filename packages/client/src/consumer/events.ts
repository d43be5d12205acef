import { Emitter } from '../emitter.ts'
import type { KafkaError } from '../errors.ts'
import type { RebalanceInfo, TopicPartition } from '../group/membership.ts'
import type { Logger } from '../logger.ts'

/**
 * The events of `consumer.on(…)`. They are notifications only: nothing awaits a listener, and errors reject the reader
 * instead.
 */
export interface ConsumerEventMap {
  /** A rebalance has completed, including its hooks. */
  rebalanced: (event: RebalanceInfo) => void
  /** Partitions were lost: another member may have them. */
  lost: (event: { partitions: readonly TopicPartition[] }) => void
  /** Processing of an item exceeded `maxProcessingMs`; its signal was aborted. */
  stalled: (event: { topic: string; partition: number; offset: bigint; elapsedMs: number }) => void
  /**
   * A partition that is not paused makes no progress: 'no-reader' (nothing reads for `maxProcessingMs`: the member leaves
   * the group, and joins again at the next read), 'not-fetched' (with the reason, if it is known), 'not-read', 'not-settled' (an item is
   * in hand for longer than `maxProcessingMs`). Reported once per occasion; `health()` is unhealthy while it lasts.
   */
  stuck: (event: {
    topic: string
    partition: number
    reason: 'no-reader' | 'not-fetched' | 'not-read' | 'not-settled'
    elapsedMs: number
    error: KafkaError | undefined
  }) => void
  committed: (event: { offsets: readonly { topic: string; partition: number; offset: bigint }[] }) => void
  /** An automatic commit failed; it is retried. */
  commitFailed: (event: { error: KafkaError }) => void
  /** A handler of `run` failed and will be called again after `backoffMs`. */
  retry: (event: {
    topic: string
    partition: number
    offset: bigint
    attempt: number
    backoffMs: number
    error: unknown
  }) => void
  /** The position was reset: by `offsetReset`, or because the log was truncated or the topic recreated. */
  positionReset: (event: {
    topic: string
    partition: number
    from: bigint | undefined
    to: bigint
    reason: 'no-committed-offset' | 'out-of-range' | 'truncated' | 'recreated'
  }) => void
  closed: () => void
}

/** The events of one consumer. */
export class ConsumerEvents {
  readonly #emitter = new Emitter<ConsumerEventMap>()
  readonly #logger: Logger

  constructor(logger: Logger) {
    this.#logger = logger
  }

  on<E extends keyof ConsumerEventMap>(event: E, listener: ConsumerEventMap[E]): void {
    this.#emitter.on(event, listener)
  }

  once<E extends keyof ConsumerEventMap>(event: E, listener: ConsumerEventMap[E]): void {
    this.#emitter.once(event, listener)
  }

  off<E extends keyof ConsumerEventMap>(event: E, listener: ConsumerEventMap[E]): void {
    this.#emitter.off(event, listener)
  }

  hasListeners(event: keyof ConsumerEventMap): boolean {
    return this.#emitter.hasListeners(event)
  }

  emit<E extends keyof ConsumerEventMap>(event: E, ...data: Parameters<ConsumerEventMap[E]>): void {
    this.#emitter.emit(this.#logger, event, ...data)
  }

  close(): void {
    this.#emitter.removeAll()
  }
}
