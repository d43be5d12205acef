import type { CallOptions, CloseOptions } from '../call-options.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { TopicPartition } from '../cluster/topology.ts'
import { assemble } from '../consumer/assemble.ts'
import type { ConsumerCore } from '../consumer/core.ts'
import type { ConsumerEventMap } from '../consumer/events.ts'
import type { ConsumerParts } from '../consumer/parts.ts'
import { isInside } from '../consumer/reading/run-context.ts'
import { lagOf, type PartitionStatus, statusOf } from '../consumer/status.ts'
import { Emitter } from '../emitter.ts'
import { asKafkaError, closedError, type KafkaError } from '../errors.ts'
import { checkOptions } from '../group/offset-input.ts'
import { errorFields } from '../logger.ts'
import { TransactionalProducer } from '../producer/transactions/transactional-producer.ts'
import { type Deferred, deferred, handled } from '../runtime/deferred.ts'
import { within, withSignal } from '../runtime/wait.ts'
import type { ResolvedProcessorOptions } from './options.ts'
import { ProducerSlot } from './producer-slot.ts'
import { Rounds } from './rounds.ts'
import type { RoundsHost } from './rounds-host.ts'
import { ProcessorRunner } from './runner.ts'

/** `starting`: not ready yet. `failed`: `done` has rejected, or will once everything is released. */
export type ProcessorStatus = 'starting' | 'running' | 'failed' | 'closing' | 'closed'

/** What a processor has done since it was created. */
export interface ProcessorCounts {
  /** Messages whose transaction was committed. */
  readonly records: number
  /** Transactions with messages. */
  readonly committed: number
  readonly aborted: number
}

export interface TransactionAbortedEvent {
  /** How many transactions have failed in sequence, this one included. */
  readonly failures: number
  readonly error: KafkaError
}

/** The events of a processor. They are notifications only: nothing awaits a listener. */
export interface ProcessorEventMap
  extends Pick<
    ConsumerEventMap,
    'rebalanced' | 'lost' | 'stalled' | 'stuck' | 'committed' | 'retry' | 'unreadable' | 'badRecord' | 'positionReset'
  > {
  /** A transaction was aborted for a reason other than its handlers; its messages are processed again. */
  aborted: (event: TransactionAbortedEvent) => void
}

const closeTimeoutMs = 10_000

/**
 * Reads, processes and writes, each message exactly once, as readers with `isolation: 'read_committed'` (the default) see it. Created by
 * `kafka.processTransactionally()`, and runs until it is closed or fails.
 */
export class TransactionalProcessor {
  readonly transactionalId: string
  /** Resolves when the processor is closed; rejects with the reason when it failed, once everything is released. */
  readonly done: Promise<void>
  readonly #cluster: Cluster
  readonly #core: ConsumerCore
  readonly #producer: ProducerSlot
  readonly #rounds: Rounds
  readonly #events: Emitter<Pick<ProcessorEventMap, 'aborted'>>
  readonly #onClosed: () => void
  readonly #done: Deferred<void> = deferred()
  /** Resolves when the transactionalId is registered. */
  readonly #registered: Deferred<void> = deferred()
  readonly #closing = new AbortController()
  #counts: ProcessorCounts = { records: 0, committed: 0, aborted: 0 }
  #failure: KafkaError | undefined
  #isReady = false
  #isClosed = false
  #closed: Promise<void> | undefined

  /** @internal */
  constructor(cluster: Cluster, options: ResolvedProcessorOptions, onClosed: () => void = () => {}) {
    this.transactionalId = options.producer.transactionalId
    this.#cluster = cluster
    this.#onClosed = onClosed
    this.#events = new Emitter(cluster.logger)
    this.#producer = new ProducerSlot(() => new TransactionalProducer(cluster, options.producer))
    let rounds: Rounds | undefined
    this.#core = assemble(cluster, options.consumer, {
      createFlush: (parts) => {
        rounds = new Rounds(this.#hostOf(parts), options.policy, this.#producer)
        return rounds
      },
    })
    this.#rounds = rounds!
    this.done = handled(this.#done.promise)
    handled(this.#registered.promise)
    void this.#run(options)
  }

  get status(): ProcessorStatus {
    if (this.#isClosed && this.#failure === undefined) return 'closed'
    if (this.#failure !== undefined || this.#core.parts.lifecycle.fatal !== undefined) return 'failed'
    if (this.#closed !== undefined) return 'closing'
    return this.#isReady ? 'running' : 'starting'
  }

  get counts(): ProcessorCounts {
    return this.#counts
  }

  /**
   * Resolves when the transactionalId is registered, so that a former instance is fenced, and the partitions are assigned. Rejects when
   * the processor fails before, or after `timeoutMs`.
   */
  async ready(options: CallOptions = {}): Promise<void> {
    checkOptions(options, 'processor.ready()', ['timeoutMs', 'signal'])
    const { runtime, options: client } = this.#cluster
    const { timeoutMs = client.apiTimeoutMs, signal } = options
    const limits = { operation: 'Waiting for the processor', timeoutMs, signals: [signal] }
    const started = this.#registered.promise.then(() => this.#core.parts.lifecycle.started)
    await within(runtime, limits, (bounded) => withSignal(started, bounded))
    this.#isReady = true
  }

  /** The assigned partitions. */
  assignment(): TopicPartition[] {
    return Array.from(this.#core.parts.assignment.partitions.all, ({ topic, partition }) => ({ topic, partition }))
  }

  /** The progress and the state of each assigned partition. */
  partitions(): PartitionStatus[] {
    const { assignment, handOut } = this.#core.parts
    const nowMs = this.#cluster.runtime.monoNow()
    return Array.from(assignment.partitions.all, (partition) => statusOf(partition, handOut.deliveries, nowMs))
  }

  /** Number of records not yet delivered, as of the last fetches; undefined while it is not known. */
  lag(): number | undefined {
    return lagOf(this.#core.parts.assignment.partitions.all)
  }

  /** Calls the listener at each event of this kind. */
  on<E extends keyof ProcessorEventMap>(event: E, listener: ProcessorEventMap[E]): this {
    return this.#listen('on', event, listener)
  }

  once<E extends keyof ProcessorEventMap>(event: E, listener: ProcessorEventMap[E]): this {
    return this.#listen('once', event, listener)
  }

  off<E extends keyof ProcessorEventMap>(event: E, listener: ProcessorEventMap[E]): this {
    return this.#listen('off', event, listener)
  }

  /**
   * Waits briefly for running handlers, commits their transaction, leaves the group, and releases everything. What is not committed by
   * then is aborted: another instance, or the next one, processes it. Called inside a handler, it does not wait for that handler.
   * Idempotent; never rejects.
   */
  close(options: CloseOptions = {}): Promise<void> {
    checkOptions(options, 'processor.close()', ['timeoutMs'])
    const isCalledByHandler = isInside(this.#core.parts.handOut.reader)
    this.#closed ??= this.#close(options.timeoutMs ?? closeTimeoutMs)
    return isCalledByHandler ? Promise.resolve() : this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  // ---- inside

  async #run({ handlers }: ResolvedProcessorOptions): Promise<void> {
    const { lifecycle, handOut } = this.#core.parts
    try {
      // Before the group: what a former instance has left open would keep this one from reading its commits.
      if (!(await this.#rounds.register())) throw lifecycle.fatal ?? this.#closing.signal.reason
      this.#registered.resolve()
      const host = {
        closing: lifecycle.closeBegun,
        ended: lifecycle.ended,
        get fatal() {
          return lifecycle.fatal
        },
      }
      await new ProcessorRunner(host, handOut, this.#rounds, handlers).run()
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#failed(asKafkaError(error, 'Processing in transactions'))
    }
    this.#registered.reject(this.#failure ?? this.#closing.signal.reason)
    await this.close()
    if (this.#failure === undefined) this.#done.resolve()
    else this.#done.reject(this.#failure)
  }

  #hostOf(parts: ConsumerParts): RoundsHost {
    const { runtime, events } = parts
    const { logger, options } = this.#cluster
    return {
      ...{ runtime, logger, options },
      get deliveries() {
        return parts.handOut.deliveries
      },
      committed: (places, signal) => this.#core.committed(places, { signal }),
      releaseKept: () => parts.prefetch.releaseKept(),
      ready: (partition) => parts.ready(partition),
      onCommitted: (offsets, records) => {
        parts.commitHealth.succeeded()
        const { records: before, committed } = this.#counts
        if (records > 0) this.#counts = { ...this.#counts, records: before + records, committed: committed + 1 }
        if (!events.hasListeners('committed')) return
        const list = offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset: BigInt(offset) }))
        events.emit('committed', { offsets: list })
      },
      onAborted: () => {
        this.#counts = { ...this.#counts, aborted: this.#counts.aborted + 1 }
      },
      onFailure: (notice) => {
        parts.commitHealth.failed(runtime.monoNow())
        logger.warn('a transaction failed, and is repeated', {
          failures: notice.failures,
          ...errorFields(notice.error),
        })
        this.#events.emit('aborted', notice)
      },
      onRetry: ({ offset, ...notice }) => events.emit('retry', { ...notice, offset: BigInt(offset) }),
      fail: (error) => parts.fail(error),
    }
  }

  #listen<E extends keyof ProcessorEventMap>(
    how: 'on' | 'once' | 'off',
    event: E,
    listener: ProcessorEventMap[E],
  ): this {
    if (event === 'aborted') this.#events[how](event, listener as ProcessorEventMap['aborted'])
    else this.#core.parts.events[how](event, listener as never)
    return this
  }

  #failed(error: KafkaError): void {
    this.#failure = error
    this.#core.fail(error)
  }

  async #close(timeoutMs: number): Promise<void> {
    const { runtime } = this.#cluster
    const deadlineMs = runtime.monoNow() + timeoutMs
    this.#closing.abort(closedError('processor'))
    try {
      await this.#core.close(timeoutMs)
      await this.#producer.close(Math.max(1, deadlineMs - runtime.monoNow()))
      await this.#rounds.closed()
    } finally {
      this.#isClosed = true
      this.#events.removeAll()
      this.#onClosed()
    }
  }
}
