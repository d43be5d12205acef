import type { CallOptions, CloseOptions } from '../../call-options.ts'
import { asKafkaError, closedError, KafkaError } from '../../errors.ts'
import { errorFields } from '../../logger.ts'
import { waitAtMost, within } from '../../runtime/wait.ts'
import type { ProducerEventMap } from '../events.ts'
import { callLimitsOf, type ResolvedTransactionalOptions } from './options.ts'
import { Transaction } from './transaction.ts'
import type { TransactionCluster } from './transaction-cluster.ts'
import { type StepLimits, TransactionFlow } from './transaction-flow.ts'
import { TurnQueue } from './turn-queue.ts'

const closeTimeoutMs = 10_000

/**
 * Sends records in transactions (KIP-98). Created by `kafka.transactionalProducer()`; opens nothing before the first call. It has one
 * transaction at a time: further ones wait for their turn.
 */
export class TransactionalProducer {
  readonly transactionalId: string
  readonly #cluster: TransactionCluster
  readonly #flow: TransactionFlow
  readonly #onClosed: () => void
  readonly #closing = new AbortController()
  /** Aborts when `close` is called. */
  readonly #refusing = new AbortController()
  readonly #turns = new TurnQueue()
  /** The open one, or one that could not be aborted. */
  #current: Transaction | undefined
  #closed: Promise<void> | undefined

  /** @internal */
  constructor(cluster: TransactionCluster, options: ResolvedTransactionalOptions, onClosed: () => void = () => {}) {
    this.transactionalId = options.transactionalId
    this.#cluster = cluster
    this.#onClosed = onClosed
    this.#flow = new TransactionFlow(cluster, options, this.#closing.signal)
  }

  /**
   * Registers the transactionalId: ends what an earlier instance has left open, and fences it. The first transaction does it
   * otherwise; a service does it at its start, so that the former instance stops.
   */
  async ready(options?: CallOptions): Promise<void> {
    const limits = this.#limits('producer.ready()', options)
    const endTurn = await this.#turn('Registering the transactionalId', limits)
    try {
      await this.#flow.ready(limits)
    } finally {
      endTurn()
    }
  }

  /**
   * Runs `work` in a transaction: commits it when the promise of `work` resolves, aborts it when it rejects. Returns what `work`
   * returns; rejects with what it throws, or with the error of the commit. Calls at the same time run one after the other.
   */
  async transaction<T>(work: (transaction: Transaction) => Promise<T> | T, options?: CallOptions): Promise<T> {
    if (typeof work !== 'function') {
      throw new KafkaError('INVALID_ARGUMENT', 'The argument of producer.transaction() must be a function')
    }
    const transaction = await this.begin(options)
    try {
      const result = await work(transaction)
      const { status } = transaction
      if (status !== 'committed' && status !== 'aborted') await transaction.commit(options)
      return result
    } catch (error) {
      await this.#abortAfter(transaction, error)
      throw error
    }
  }

  async #abortAfter(transaction: Transaction, error: unknown): Promise<void> {
    const { status } = transaction
    if (status !== 'open' && status !== 'failed') return
    try {
      await transaction.abort()
    } catch (failure) {
      // The next transaction aborts it first; the error of the application says more.
      const { logger } = this.#cluster
      if (failure !== error)
        logger.warn('aborting a transaction failed', errorFields(asKafkaError(failure, 'Aborting')))
    }
  }

  /** Begins a transaction, which the caller ends by `commit` or `abort`. Waits for the end of the one that is open. */
  async begin(options?: CallOptions): Promise<Transaction> {
    const limits = this.#limits('producer.begin()', options)
    const endTurn = await this.#turn('Beginning a transaction', limits)
    try {
      await this.#current?.abort({ timeoutMs: this.#restMs(limits) })
      await this.#flow.begin(limits)
      return this.#open(endTurn)
    } catch (error) {
      endTurn()
      throw error
    }
  }

  #open(endTurn: () => void): Transaction {
    const transaction = new Transaction({
      flow: this.#flow,
      limits: (caller, given) => this.#limits(caller, given),
      onEnded: () => {
        if (this.#current === transaction) this.#current = undefined
        endTurn()
      },
      onUnfinished: () => endTurn(),
    })
    this.#current = transaction
    return transaction
  }

  /** Calls the listener at each event of this kind. */
  on<E extends keyof ProducerEventMap>(event: E, listener: ProducerEventMap[E]): this {
    this.#flow.producer.on(event, listener)
    return this
  }

  once<E extends keyof ProducerEventMap>(event: E, listener: ProducerEventMap[E]): this {
    this.#flow.producer.once(event, listener)
    return this
  }

  off<E extends keyof ProducerEventMap>(event: E, listener: ProducerEventMap[E]): this {
    this.#flow.producer.off(event, listener)
    return this
  }

  /**
   * Aborts the open transaction, unless it is being committed, and releases everything. What is not settled after `timeoutMs` rejects
   * with CLOSED and its outcome. Idempotent.
   */
  close(options: CloseOptions = {}): Promise<void> {
    this.#closed ??= this.#close(options.timeoutMs ?? closeTimeoutMs).finally(this.#onClosed)
    return this.#closed
  }

  async #close(timeoutMs: number): Promise<void> {
    const { runtime } = this.#cluster
    const deadlineMs = runtime.monoNow() + timeoutMs
    // Calls that wait for their turn reject; those that have it are aborted at the deadline.
    this.#refusing.abort(closedError('producer', 'not-written'))
    await waitAtMost(runtime, timeoutMs, this.#endOpen(timeoutMs))
    this.#closing.abort(closedError('producer'))
    await this.#flow.close(Math.max(1, deadlineMs - runtime.monoNow()))
  }

  /** Never rejects. A commit that was called before is waited for. */
  async #endOpen(timeoutMs: number): Promise<void> {
    const transaction = this.#current
    if (transaction === undefined) return
    try {
      if (transaction.status === 'ending') await transaction.ended()
      else await transaction.abort({ timeoutMs: Math.max(1, Math.ceil(timeoutMs)) })
    } catch (error) {
      const fields = errorFields(asKafkaError(error, 'Closing'))
      this.#cluster.logger.warn('a transaction was left open: the coordinator aborts it at its timeout', fields)
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #turn(operation: string, { deadlineMs, signal }: StepLimits): Promise<() => void> {
    if (this.#closed !== undefined) throw closedError('producer', 'not-written')
    const { runtime } = this.#cluster
    const limits = {
      operation,
      timeoutMs: deadlineMs - runtime.monoNow(),
      signals: [signal, this.#refusing.signal],
      timedOut: () => openError(operation),
    }
    return within(runtime, limits, (bounded) => this.#turns.take(bounded))
  }

  #limits(caller: string, options: CallOptions | undefined): StepLimits {
    const { runtime, options: client } = this.#cluster
    const { timeoutMs, signal } = callLimitsOf(caller, options)
    return { deadlineMs: runtime.monoNow() + (timeoutMs ?? client.apiTimeoutMs), signal }
  }

  #restMs({ deadlineMs }: StepLimits): number {
    return Math.max(1, Math.ceil(deadlineMs - this.#cluster.runtime.monoNow()))
  }
}

function openError(operation: string): KafkaError {
  const message = `${operation} did not get its turn in time: another transaction of this producer is open`
  return new KafkaError('TIMED_OUT', message, {
    retriable: true,
    outcome: 'not-written',
    hint: 'End each transaction by commit() or abort(), or create another producer with a transactionalId of its own.',
  })
}
