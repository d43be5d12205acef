import { CoordinatorConnection } from '../../cluster/coordinator-connection.ts'
import type { OwnConnections } from '../../cluster/own-connections.ts'
import { meaningOf } from '../../error-meaning.ts'
import { asKafkaError, KafkaError } from '../../errors.ts'
import { waitAtMost, withSignal } from '../../runtime/wait.ts'
import type { Identity } from '../identity.ts'
import { Producer } from '../producer.ts'
import { type CallLimits, CoordinatorRequests, type Ended } from './coordinator-requests.ts'
import { commitOffsets } from './offsets-commit.ts'
import type { GroupOffsets } from './offsets-input.ts'
import type { ResolvedTransactionalOptions } from './options.ts'
import { Registration } from './registration.ts'
import type { TransactionCluster } from './transaction-cluster.ts'
import { abortableError, endsProducer, expiredError, fencedError, unresolvedError } from './transaction-errors.ts'
import { TransactionState } from './transaction-state.ts'

/** Limits of one step, counted from the call that it belongs to. */
export interface StepLimits {
  /** On `monoNow`. */
  readonly deadlineMs: number
  readonly signal?: AbortSignal | undefined
}

/** The steps of transactions, one at a time: begin, then offsets, then commit or abort. */
export class TransactionFlow {
  readonly producer: Producer
  readonly state: TransactionState
  readonly #cluster: TransactionCluster
  readonly #options: ResolvedTransactionalOptions
  readonly #closing: AbortSignal
  readonly #connections: OwnConnections
  readonly #requests: CoordinatorRequests
  readonly #offsets: CoordinatorConnection
  readonly #registration: Registration
  /** Protocol 1: the groups that are part of the open transaction. */
  readonly #groups = new Set<string>()
  /** When the open transaction began, on `monoNow`. */
  #openedMs: number | undefined

  /** `closing` aborts when the producer stops to wait for anything. */
  constructor(cluster: TransactionCluster, options: ResolvedTransactionalOptions, closing: AbortSignal) {
    this.#cluster = cluster
    this.#options = options
    this.#closing = closing
    this.#connections = cluster.ownConnections()
    const connection = new CoordinatorConnection(this.#connections.purpose('transactions'))
    this.#offsets = new CoordinatorConnection(this.#connections.purpose('offsets'))
    this.#requests = new CoordinatorRequests(cluster, connection, options)
    this.#registration = new Registration({
      add: (partitions) => {
        this.state.begun()
        const limits = { timeoutMs: options.producer.deliveryTimeoutMs, closing }
        return this.#requests.addPartitions(this.#identity, partitions, limits)
      },
      onAdded: () => this.state.resume(),
      onFailed: (error) => this.state.fail(error),
    })
    this.state = new TransactionState(options.transactionalId, {
      registration: this.#registration,
      fatalError: (error) => this.#fatalError(error),
    })
    this.producer = new Producer(cluster, options.producer, () => {}, this.state)
  }

  get #identity(): Identity {
    return this.state.current ?? { producerId: -1n, epoch: -1, transactional: true }
  }

  /** Gets an identity if one is needed, which fences other instances and ends what they left open. */
  async ready(limits: StepLimits): Promise<void> {
    const { state } = this
    this.#checkFatal()
    if (!state.needsIdentity) return
    try {
      state.renewed(await this.#requests.init(state.current, this.#limits(limits)))
    } catch (error) {
      throw this.#failed(error)
    }
  }

  async begin(limits: StepLimits): Promise<void> {
    await this.ready(limits)
    const protocol = await this.#requests.protocol(this.#limits(limits)).catch((error) => {
      throw this.#failed(error)
    })
    this.#groups.clear()
    this.#openedMs = this.#cluster.runtime.monoNow()
    this.state.open(protocol)
  }

  /** Stores offsets in the open transaction. A failure poisons it. */
  async sendOffsets(groups: readonly GroupOffsets[], limits: StepLimits): Promise<void> {
    const { state } = this
    const bounded = this.#limits(limits)
    try {
      for (const offsets of groups) {
        const refusal = offsets.refusal()
        if (refusal !== undefined) throw refusal
        state.begun()
        if (state.protocol === 1) await this.#addGroup(offsets.groupId, bounded)
        const transaction = { ...this.#options, identity: this.#identity, protocol: state.protocol }
        await commitOffsets(this.#cluster, this.#offsets, offsets, transaction, bounded)
        offsets.claim()
      }
    } catch (cause) {
      const error = asKafkaError(cause, 'Sending offsets to a transaction')
      state.fail(error)
      throw state.fatal ?? error
    }
  }

  async #addGroup(groupId: string, limits: CallLimits): Promise<void> {
    if (this.#groups.has(groupId)) return
    await this.#requests.addGroup(this.#identity, groupId, limits)
    this.#groups.add(groupId)
  }

  /** All records are acknowledged, all offsets stored: commits. Afterwards the transaction has ended, unless it can only be aborted. */
  async commit(limits: StepLimits): Promise<void> {
    const { state } = this
    await this.#flush(limits)
    this.#checkFatal()
    if (state.failure !== undefined) throw abortableError(state.failure)
    if (state.isBegun) {
      try {
        this.#ended(await this.#end(true, limits))
      } catch (cause) {
        throw this.#commitFailed(asKafkaError(cause, 'Committing a transaction'))
      }
    }
    this.#closed()
  }

  async #flush({ deadlineMs, signal }: StepLimits): Promise<void> {
    const { runtime } = this.#cluster
    const flushed = withSignal(this.producer.flush(), signal)
    let cause: unknown
    try {
      if (await waitAtMost(runtime, Math.max(1, deadlineMs - runtime.monoNow()), flushed)) return
    } catch (error) {
      cause = error
    }
    const isAborted = signal?.aborted === true
    const code = isAborted ? 'ABORTED' : 'TIMED_OUT'
    const why = isAborted ? 'the signal aborted' : 'the deadline passed'
    const message = `The transaction was not committed: ${why} before all records were acknowledged`
    this.state.fail(new KafkaError(code, message, { retriable: true, outcome: 'not-written', cause }))
  }

  #commitFailed(error: KafkaError): KafkaError {
    const { state } = this
    const { transaction } = meaningOf(error.code)
    if (transaction === undefined && !endsProducer(error) && error.outcome !== 'not-written') {
      return state.end(unresolvedError(this.#options.transactionalId, error))
    }
    // It is not committed. With protocol 2 this is how the coordinator reports that it has aborted it at its timeout.
    const reason = transaction === 'wrong-state' && this.#isExpired ? expiredError(this.#options, error) : error
    state.fail(reason)
    return state.fatal ?? abortableError(reason)
  }

  /** Ends the transaction, whatever became of its records. Can be called again after a failure. */
  async abort(limits: StepLimits): Promise<void> {
    const { state } = this
    state.abort()
    // What is in flight reaches its broker before the end of the transaction, or has failed.
    await this.#drained(limits)
    this.#checkFatal()
    if (state.isBegun) {
      try {
        this.#ended(await this.#end(false, limits))
      } catch (cause) {
        const error = asKafkaError(cause, 'Aborting a transaction')
        if (!this.#isNothingToAbort(error)) throw this.#failed(error)
      }
      // Without a new epoch, a write that is still on its way could become part of the next transaction.
      if (state.protocol === 1) state.mustRenew()
    }
    this.#closed()
  }

  async #drained({ deadlineMs }: StepLimits): Promise<void> {
    const { runtime } = this.#cluster
    const drained = Promise.all([this.producer.drained(), this.#registration.settled()])
    if (await waitAtMost(runtime, Math.max(1, deadlineMs - runtime.monoNow()), drained)) return
    const message = 'The transaction was not aborted in time: a broker has not responded to its records'
    throw new KafkaError('TIMED_OUT', message, { retriable: true, outcome: 'not-written' })
  }

  /** The coordinator has no transaction of this identity: none was begun, or it has forgotten the transactionalId. */
  #isNothingToAbort({ code }: KafkaError): boolean {
    const { transaction } = meaningOf(code)
    if (transaction !== 'id-lost' && transaction !== 'wrong-state') return false
    this.state.mustRenew()
    return true
  }

  #closed(): void {
    this.#openedMs = undefined
    this.state.closed()
  }

  #end(committed: boolean, limits: StepLimits): Promise<Ended> {
    const { protocol } = this.state
    // Once it is sent, the caller's signal no longer ends it.
    return this.#requests.end(this.#identity, { committed, protocol }, this.#limits({ deadlineMs: limits.deadlineMs }))
  }

  #ended({ identity, isRepeated }: Ended): void {
    const { state } = this
    if (identity !== undefined) state.renewed(identity)
    // An earlier copy of the request may reach the coordinator during the next transaction of the same epoch.
    else if (isRepeated) state.mustRenew()
  }

  /** Releases connections and timers; what is not settled rejects with CLOSED. */
  async close(timeoutMs: number): Promise<void> {
    await this.producer.close({ timeoutMs })
    this.#connections.close()
  }

  #limits({ deadlineMs, signal }: StepLimits): CallLimits {
    return { deadlineMs, signal, closing: this.#closing }
  }

  #checkFatal(): void {
    if (this.state.fatal !== undefined) throw this.state.fatal
  }

  /** The error to reject with; one that ends the producer ends it. */
  #failed(cause: unknown): KafkaError {
    const error = asKafkaError(cause, 'A transaction')
    return endsProducer(error) ? this.state.end(error) : error
  }

  #fatalError(error: KafkaError): KafkaError {
    if (meaningOf(error.code).transaction !== 'fenced') return error.with({ fatal: true })
    return fencedError(this.#options, this.#isExpired, error)
  }

  /** Whether the transaction is open for longer than the coordinator allows. */
  get #isExpired(): boolean {
    const openMs = this.#openedMs === undefined ? 0 : this.#cluster.runtime.monoNow() - this.#openedMs
    return openMs >= this.#options.transactionTimeoutMs
  }
}
