import type { EventEmitter } from 'eventemitter3'
import { Admin } from './admin/admin.ts'
import { type AwaitOptions, Cluster } from './cluster/cluster.ts'
import { Consumer } from './consumer/consumer.ts'
import type { ConsumerOptions } from './consumer/options.ts'
import { closedError, KafkaError } from './errors.ts'
import { type ClientEventMap, type ClientEvents, createEvents } from './events.ts'
import { type HealthReport, Metrics, type MetricsSnapshot } from './metrics.ts'
import { type KafkaOptions, resolveKafkaOptions } from './options.ts'
import type { ProducerOptions } from './producer/options.ts'
import { Producer } from './producer/producer.ts'
import { showOnly } from './redact.ts'
import { scopeOf, withSignal } from './runtime/wait.ts'

/** `kafka.health()`: for probes and status pages. */
export interface Health {
  /** `healthy`: every part is. A client that has done nothing yet is `idle`. */
  readonly status: 'idle' | 'healthy' | 'unhealthy' | 'closed'
  readonly parts: readonly HealthReport[]
}

export interface CloseOptions {
  /** From the call until everything is closed, what is left over included. Default 10 000. */
  readonly timeoutMs?: number | undefined
}

interface Child {
  close(options?: CloseOptions): Promise<void>
}

/** The open children of one kind: kept until they are closed, by whomever. */
class Children {
  readonly #open = new Set<Child>()

  add<T extends Child>(child: T): T {
    this.#open.add(child)
    const { close } = child
    const forget = () => this.#open.delete(child)
    // A program may make and close many of them with one client: those closed must not stay.
    child.close = (options) => {
      const closing = close.call(child, options)
      closing.then(forget, forget)
      return closing
    }
    return child
  }

  list(): Child[] {
    return [...this.#open]
  }
}

type Listener<E extends keyof ClientEventMap> = EventEmitter.EventListener<ClientEventMap, E>

/**
 * A client of one Kafka cluster. The constructor validates its options and opens nothing; sockets open when a producer, a
 * consumer or an admin needs them, and are shared by them. Close it when done:
 *
 *     const kafka = new Kafka({ brokers: ['localhost:9092'] })
 *     try { … } finally { await kafka.close() }
 */
export class Kafka {
  readonly #events: ClientEvents = createEvents()
  readonly #metrics = new Metrics()
  readonly #cluster: Cluster
  readonly #consumers = new Children()
  readonly #producers = new Children()
  readonly #admins = new Children()
  #closing: Promise<void> | undefined
  #closed = false

  /** Throws INVALID_OPTION for an option that is unknown or does not fit. */
  constructor(options: KafkaOptions) {
    const resolved = resolveKafkaOptions(options)
    this.#cluster = new Cluster(resolved, this.#events, this.#metrics)
    showOnly(this, () => ({ kafka: resolved.clientId, status: this.health().status }))
  }

  /** Every call makes a producer of its own. */
  producer(options?: ProducerOptions): Producer {
    this.#checkOpen()
    return this.#producers.add(new Producer(this.#cluster, options))
  }

  consumer(options: ConsumerOptions): Consumer {
    this.#checkOpen()
    return this.#consumers.add(new Consumer(this.#cluster, options))
  }

  admin(): Admin {
    this.#checkOpen()
    return this.#admins.add(new Admin(this.#cluster))
  }

  /**
   * Resolves when a broker answers. Rejects at once for what no retry helps (a wrong password, a certificate that is not
   * trusted …), else NO_BROKER_REACHABLE after `timeoutMs` (default 10 000), with each
   * address and why it failed.
   */
  async ready({ timeoutMs = 10_000, signal }: AwaitOptions = {}): Promise<void> {
    const cluster = this.#cluster
    try {
      await cluster.retry({ operation: 'Connecting', timeoutMs, signal }, () => cluster.refreshMetadata('ready'))
    } catch (error) {
      // Why nobody answered says more than that time is up.
      throw KafkaError.is(error) && error.code === 'TIMED_OUT' ? (error.cause ?? error) : error
    }
  }

  /** Counters, gauges and latencies of the client and its children since it was made. */
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

  on<E extends keyof ClientEventMap>(event: E, listener: Listener<E>): this {
    this.#events.on(event, listener)
    return this
  }

  once<E extends keyof ClientEventMap>(event: E, listener: Listener<E>): this {
    this.#events.once(event, listener)
    return this
  }

  off<E extends keyof ClientEventMap>(event: E, listener: Listener<E>): this {
    this.#events.off(event, listener)
    return this
  }

  /**
   * Closes consumers, then producers (which deliver what they hold), then the sockets. Resolves when nothing is left: no
   * socket, no timer, no listener. What is not done by the deadline rejects with CLOSED. Calling it again gives the same
   * promise.
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
    this.#events.removeAllListeners()
  }

  async #closeAll(children: Iterable<Child>, deadlineMs: number): Promise<void> {
    const { runtime, logger } = this.#cluster
    const timeoutMs = Math.max(1, deadlineMs - runtime.monoNow())
    const scope = scopeOf(runtime, deadlineMs, [])
    const closing = Array.from(children, (child) => withSignal(child.close({ timeoutMs }), scope.signal))
    for (const result of await Promise.allSettled(closing)) {
      if (result.status === 'rejected' && !scope.expired) logger.warn('closing failed', { error: result.reason })
    }
    scope.release()
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw closedError('this client')
  }
}
