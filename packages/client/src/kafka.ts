import { Admin } from './admin/admin.ts'
import type { CallOptions, CloseOptions } from './call-options.ts'
import { Cluster } from './cluster/cluster.ts'
import { Consumer, type ConsumerSiblings } from './consumer/consumer.ts'
import { type RedriveHost, redrive } from './consumer/failures/redrive.ts'
import type { RedriveOptions, RedriveReport } from './consumer/failures/redrive-options.ts'
import type { ConsumerOptions, MessageOf, TopicSelector } from './consumer/options.ts'
import type { UntypedSelector } from './consumer/topic-selector.ts'
import { meaningOf } from './error-meaning.ts'
import { closedError, KafkaError } from './errors.ts'
import type { ClientEventMap } from './events.ts'
import { resolveProcessorOptions, type TransactionalProcessorOptions } from './exactly-once/options.ts'
import { TransactionalProcessor } from './exactly-once/processor.ts'
import { errorFields } from './logger.ts'
import { type HealthReport, Metrics, type MetricsSnapshot } from './metrics.ts'
import { type KafkaOptions, resolveKafkaOptions } from './options.ts'
import { type ProducerOptions, resolveProducerOptions } from './producer/options.ts'
import { Producer } from './producer/producer.ts'
import { resolveTransactionalOptions, type TransactionalProducerOptions } from './producer/transactions/options.ts'
import { TransactionalProducer } from './producer/transactions/transactional-producer.ts'
import { showOnly } from './redact.ts'
import { waitAtMost } from './runtime/wait.ts'
import type { ShareConsumerOptions } from './share/options.ts'
import { ShareConsumer } from './share/share-consumer.ts'

/** `kafka.health()`: for probes and status pages. */
export interface Health {
  /** `healthy` when every part is; `idle` before the first request. */
  readonly status: 'idle' | 'healthy' | 'unhealthy' | 'closed'
  readonly parts: readonly HealthReport[]
}

interface Child {
  close(options?: CloseOptions): Promise<void>
}

/** The open children of one kind. A child that is closed is dropped: a program may create and close many with one client. */
class Children {
  readonly #open = new Set<Child>()

  /** `create` receives the callback for the end of the child's `close`. */
  add<T extends Child>(create: (onClosed: () => void) => T): T {
    const child = create(() => this.#open.delete(child))
    this.#open.add(child)
    return child
  }

  list(): Child[] {
    return [...this.#open]
  }
}

/**
 * A client of one Kafka cluster. The constructor validates its options and opens nothing. Sockets are opened when a producer,
 * consumer or admin client needs them, which share them. Close the client when you are done:
 *
 *     const kafka = new Kafka({ brokers: ['localhost:9092'] })
 *     try { … } finally { await kafka.close() }
 */
export class Kafka {
  readonly #metrics: Metrics
  readonly #cluster: Cluster
  readonly #consumers = new Children()
  readonly #producers = new Children()
  readonly #admins = new Children()
  #closing: Promise<void> | undefined
  #closed = false

  /** Throws INVALID_OPTION for an option that is unknown or does not fit. */
  constructor(options: KafkaOptions) {
    const resolved = resolveKafkaOptions(options)
    this.#metrics = new Metrics(resolved.clientId)
    this.#cluster = new Cluster(resolved, this.#metrics)
    showOnly(this, () => ({ kafka: resolved.clientId, status: this.health().status }))
  }

  /** Each call creates a separate producer. */
  producer(options?: ProducerOptions): Producer {
    this.#checkOpen()
    const resolved = resolveProducerOptions(options, this.#cluster.options.requestTimeoutMs)
    return this.#producers.add((onClosed) => new Producer(this.#cluster, resolved, onClosed))
  }

  /** For records that become visible together, and with them the offsets of consumed messages. */
  transactionalProducer(options: TransactionalProducerOptions): TransactionalProducer {
    this.#checkOpen()
    const resolved = resolveTransactionalOptions(options, this.#cluster.options.requestTimeoutMs)
    return this.#producers.add((onClosed) => new TransactionalProducer(this.#cluster, resolved, onClosed))
  }

  /** Its messages have the types of its topics: bytes for names and patterns, what the serdes read for typed topics. */
  consumer<S extends TopicSelector = UntypedSelector>(options: ConsumerOptions<S>): Consumer<MessageOf<S>> {
    this.#checkOpen()
    return this.#consumers.add(
      (onClosed) => new Consumer<MessageOf<S>>(this.#cluster, options, onClosed, this.#siblings),
    )
  }

  /**
   * Consumes, transforms and produces exactly once: what `each` sends for a message becomes visible together with the offset of the
   * message, or not at all. It begins immediately, and runs until it is closed or fails: see `done`.
   */
  processTransactionally<S extends TopicSelector = UntypedSelector>(
    options: TransactionalProcessorOptions<S>,
  ): TransactionalProcessor {
    this.#checkOpen()
    const resolved = resolveProcessorOptions(options, this.#cluster.options.requestTimeoutMs)
    return this.#consumers.add((onClosed) => new TransactionalProcessor(this.#cluster, resolved, onClosed))
  }

  /** A member of a share group (KIP-932): the members share the records, not the partitions. Needs brokers of Kafka 4.1 or later. */
  shareConsumer<S extends TopicSelector = UntypedSelector>(
    options: ShareConsumerOptions<S>,
  ): ShareConsumer<MessageOf<S>> {
    this.#checkOpen()
    return this.#consumers.add((onClosed) => new ShareConsumer<MessageOf<S>>(this.#cluster, options, onClosed))
  }

  /** For retry topics and dead letters. */
  readonly #siblings: ConsumerSiblings = {
    producer: () => this.producer(),
    consumer: (options) => this.consumer(options),
  }

  /**
   * Moves the records of a dead letter topic back to their original topics, up to its end as of now. At least once: a group remembers
   * which ones were moved. Rejects with the first record that cannot be stored; a second call continues there.
   */
  async redrive(options: RedriveOptions): Promise<RedriveReport> {
    this.#checkOpen()
    const { runtime } = this.#cluster
    const host: RedriveHost = {
      runtime,
      createConsumer: (own) => this.consumer(own),
      createProducer: () => this.producer(),
      ends: (topic, signal) => endsOf(this.admin(), topic, signal),
    }
    return redrive(host, options)
  }

  admin(): Admin {
    this.#checkOpen()
    return this.#admins.add((onClosed) => new Admin(this.#cluster, onClosed))
  }

  /**
   * Resolves when a broker responds. Rejects immediately where a retry cannot help (a wrong password, a certificate that is not
   * trusted), else after `timeoutMs` (default 10 000) with NO_BROKER_REACHABLE, which lists each address and why it failed.
   */
  async ready({ timeoutMs = 10_000, signal }: CallOptions = {}): Promise<void> {
    const cluster = this.#cluster
    try {
      await cluster.retry({ operation: 'Connecting', timeoutMs, signal }, () => cluster.refreshMetadata('ready'))
    } catch (error) {
      // The reason why no broker responded says more than the deadline.
      throw KafkaError.is(error) && meaningOf(error.code).ended === 'deadline' ? (error.cause ?? error) : error
    }
  }

  /** What the client and its children have counted since the client was created, with labels in `families`. */
  metrics(): MetricsSnapshot {
    return this.#metrics.snapshot()
  }

  health(): Health {
    const parts = this.#metrics.healthReports()
    if (this.#closed) return { status: 'closed', parts }
    const idle = this.#cluster.clusterId === null && this.#cluster.brokers().length === 0
    const failed = this.#metrics.counter('connectFailures').value > 0
    if (idle && !failed) return { status: 'idle', parts }
    return { status: parts.every(({ healthy }) => healthy) ? 'healthy' : 'unhealthy', parts }
  }

  on<E extends keyof ClientEventMap>(event: E, listener: ClientEventMap[E]): this {
    this.#cluster.events.on(event, listener)
    return this
  }

  once<E extends keyof ClientEventMap>(event: E, listener: ClientEventMap[E]): this {
    this.#cluster.events.once(event, listener)
    return this
  }

  off<E extends keyof ClientEventMap>(event: E, listener: ClientEventMap[E]): this {
    this.#cluster.events.off(event, listener)
    return this
  }

  /**
   * Closes consumers, then producers (which deliver their buffered records), then admin clients and sockets. Resolves when no
   * socket, timer or listener is left. Calls that are not finished by the deadline reject with CLOSED. A second call returns the
   * same promise.
   */
  close({ timeoutMs = 10_000 }: CloseOptions = {}): Promise<void> {
    this.#closing ??= this.#close(timeoutMs)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(timeoutMs: number): Promise<void> {
    const { runtime } = this.#cluster
    const deadlineMs = runtime.monoNow() + timeoutMs
    for (const children of [this.#consumers, this.#producers, this.#admins]) {
      await this.#closeAll(children.list(), deadlineMs)
    }
    await this.#cluster.close()
    this.#closed = true
    this.#cluster.events.removeAll()
  }

  async #closeAll(children: Iterable<Child>, deadlineMs: number): Promise<void> {
    const { runtime, logger } = this.#cluster
    const timeoutMs = Math.max(1, deadlineMs - runtime.monoNow())
    let late = false
    const closing = Array.from(children, async (child) => {
      try {
        await child.close({ timeoutMs })
      } catch (error) {
        if (!late) logger.warn('closing a part of the client failed', errorFields(error))
      }
    })
    late = !(await waitAtMost(runtime, timeoutMs, Promise.all(closing)))
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw closedError('client')
  }
}

/** The end of each partition of a topic. Closes the admin client. */
async function endsOf(
  admin: Admin,
  topic: string,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<number, bigint>> {
  try {
    const [described] = await admin.describeTopics([topic], { signal })
    const queries = (described?.partitions ?? []).map(({ partition }) => ({ topic, partition, at: 'latest' as const }))
    const listed = await admin.listOffsets(queries, { signal, isolation: 'read_committed' })
    return new Map(listed.map(({ partition, offset }) => [partition, offset]))
  } finally {
    await admin.close()
  }
}
