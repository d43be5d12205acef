import type { CallOptions, CloseOptions } from '../call-options.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { TopicPartition } from '../cluster/topology.ts'
import type { AnyMessage, Message } from '../consumer/message.ts'
import type { ReadOptions } from '../consumer/reading/message-reader.ts'
import { isInside } from '../consumer/reading/run-context.ts'
import type { TopicSelector } from '../consumer/topic-selector.ts'
import { textOf } from '../error-data.ts'
import { checkOptions } from '../group/offset-input.ts'
import { within, withSignal } from '../runtime/wait.ts'
import { placeOf, ShareCore } from './core.ts'
import type { ShareConsumerEventMap } from './events.ts'
import type { JobOf } from './job.ts'
import { JobLoop } from './job-loop.ts'
import { JobRunner } from './job-runner.ts'
import { resolveShareOptions, type ShareConsumerOptions } from './options.ts'
import { type JobRunOptions, resolveJobRun } from './run-options.ts'

const closeTimeoutMs = 10_000

/**
 * A member of a share group (KIP-932): the records of a partition are shared by all members, and each record is processed on its own.
 * A record that was delivered is locked until it is accepted, released or rejected, or until its lock ends. Opens no connection before
 * the first read. It has one reader at a time: `run` or `for await`.
 */
export class ShareConsumer<M extends AnyMessage = Message> implements AsyncIterable<JobOf<M>> {
  readonly #core: ShareCore
  readonly #onClosed: () => void
  #closed: Promise<void> | undefined

  /** @internal */
  constructor(cluster: Cluster, options: ShareConsumerOptions<TopicSelector>, onClosed: () => void = () => {}) {
    this.#onClosed = onClosed
    this.#core = new ShareCore(cluster, resolveShareOptions(options))
  }

  /**
   * Iterates over jobs. Requesting the next one accepts the previous one, unless something else was decided about it; `break` and an
   * exception release it, and close nothing.
   */
  [Symbol.asyncIterator](): JobLoop<M> {
    return this.jobs()
  }

  /** The same, with a signal that ends the loop. */
  jobs(options: ReadOptions = {}): JobLoop<M> {
    checkOptions(options, 'shareConsumer.jobs()', ['signal'])
    return new JobLoop<M>(this.#core.reading, this.#core.actions, options)
  }

  /**
   * Passes jobs to `each`, until close or the signal. What returns is accepted, what throws is released; the locks of running handlers
   * are renewed.
   */
  async run(options: JobRunOptions<M>): Promise<void> {
    const { reading, actions, options: own, lifecycle, events, cluster } = this.#core
    const resolved = resolveJobRun(options as JobRunOptions)
    await new JobRunner<M>(resolved, reading, actions, {
      maxProcessingMs: own.maxProcessingMs,
      ended: lifecycle.ended,
      onFailed: (record, error) => {
        const { topic, partition, offset, deliveryCount } = placeOf(record)
        const fields = { topic, partition, offset, deliveryCount, error: textOf(error) }
        cluster.logger.warn('a handler failed; its record is released', fields)
        events.emit('jobFailed', { ...placeOf(record), error })
      },
    }).run()
  }

  /** Joins the group without reading; resolves with the first assignment. */
  async ready(options: CallOptions = {}): Promise<void> {
    checkOptions(options, 'shareConsumer.ready()', ['timeoutMs', 'signal'])
    const { cluster, lifecycle } = this.#core
    const { timeoutMs = cluster.options.apiTimeoutMs, signal } = options
    const limits = { operation: 'Waiting for the assignment', timeoutMs, signals: [signal] }
    this.#core.start()
    await within(cluster.runtime, limits, (bounded) => withSignal(lifecycle.started, bounded))
  }

  /** The assigned partitions. Other members may have the same ones. */
  assignment(): TopicPartition[] {
    return Array.from(this.#core.source.partitions, ({ topic, partition }) => ({ topic, partition }))
  }

  /** Number of records that are acquired and not acknowledged. */
  acquired(): number {
    return this.#core.locks.size
  }

  on<E extends keyof ShareConsumerEventMap>(event: E, listener: ShareConsumerEventMap[E]): this {
    this.#core.events.on(event, listener)
    return this
  }

  once<E extends keyof ShareConsumerEventMap>(event: E, listener: ShareConsumerEventMap[E]): this {
    this.#core.events.once(event, listener)
    return this
  }

  off<E extends keyof ShareConsumerEventMap>(event: E, listener: ShareConsumerEventMap[E]): this {
    this.#core.events.off(event, listener)
    return this
  }

  /**
   * Waits briefly for records in hand to be acknowledged, releases everything else, and leaves the group. Ends a pending `next()`.
   * Called inside a handler of `run`, it does not wait for that handler. Idempotent; never rejects.
   */
  close(options: CloseOptions = {}): Promise<void> {
    checkOptions(options, 'shareConsumer.close()', ['timeoutMs'])
    const { timeoutMs = closeTimeoutMs } = options
    const isCalledByHandler = isInside(this.#core.reading.reader)
    this.#closed ??= this.#core.close(timeoutMs).finally(this.#onClosed)
    return isCalledByHandler ? Promise.resolve() : this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
