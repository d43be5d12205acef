import type { AssignedPartition } from '../consumer/partition/assigned-partition.ts'
import type { Era } from '../consumer/partition/era.ts'
import type { Position } from '../consumer/partition/position.ts'
import type { Transaction } from '../producer/transactions/transaction.ts'
import { deferred } from '../runtime/deferred.ts'
import { HandlerTransaction } from './handler-transaction.ts'
import type { RoundFailure } from './round-failure.ts'

/** Where the part of a partition in a round begins. */
export interface Base {
  readonly position: Position
  readonly era: Era
}

/**
 * One transaction of a processor: what was handed out in it, by partition, and the handlers that still run. It is open until it is
 * sealed; what is in it then is committed together, or handed out again.
 */
export class Round {
  readonly transaction: Transaction
  /** What handlers get. */
  readonly tx: HandlerTransaction
  /** On `monoNow`. */
  readonly openedMs: number
  readonly #bases = new Map<AssignedPartition, Base>()
  readonly #due = deferred<void>()
  readonly #quiet = deferred<void>()
  readonly #ended = deferred<void>()
  readonly #cut = new AbortController()
  #stage: 'open' | 'sealed' | 'committing' | 'ended' = 'open'
  #inHand = 0
  #records = 0
  #failure: RoundFailure | undefined
  /** When it is aborted if it is not being committed by then, on `monoNow`. */
  #cutOffMs: number

  constructor(transaction: Transaction, openedMs: number, cutOffMs: number) {
    this.transaction = transaction
    this.tx = new HandlerTransaction(transaction)
    this.openedMs = openedMs
    this.#cutOffMs = cutOffMs
  }

  get isOpen(): boolean {
    return this.#stage === 'open' && this.#failure === undefined
  }

  /** Whether it can still be aborted. */
  get isUndecided(): boolean {
    return this.#stage === 'open' || this.#stage === 'sealed'
  }

  get failure(): RoundFailure | undefined {
    return this.#failure
  }

  get records(): number {
    return this.#records
  }

  get inHand(): number {
    return this.#inHand
  }

  get cutOffMs(): number {
    return this.#cutOffMs
  }

  /** The partitions of which something was handed out. */
  get bases(): ReadonlyMap<AssignedPartition, Base> {
    return this.#bases
  }

  /** Aborts when it fails. */
  get signal(): AbortSignal {
    return this.#cut.signal
  }

  /** Resolves when it is to be ended: it is old or large enough, a revocation waits for it, or it failed. */
  get due(): Promise<void> {
    return this.#due.promise
  }

  /** Resolves, once it is sealed, when no handler of it runs, or when it failed. */
  get quiet(): Promise<void> {
    return this.#quiet.promise
  }

  /** Resolves when it was committed or aborted. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  // ---- handlers

  /** A handler of the partition begins. */
  enter(partition: AssignedPartition): void {
    this.#inHand++
    if (this.#bases.has(partition)) return
    this.#bases.set(partition, { position: partition.progress.position, era: partition.era })
  }

  /** It has ended; `records`: how many are processed. */
  leave(records: number): void {
    this.#inHand--
    this.#records += records
    if (this.#inHand === 0 && this.#stage !== 'open') this.#quiet.resolve()
  }

  // ---- its end

  demand(): void {
    this.#due.resolve()
  }

  cutOffBy(atMs: number): void {
    this.#cutOffMs = Math.min(this.#cutOffMs, atMs)
  }

  /** The first failure counts. */
  fail(failure: RoundFailure, reason: Error): void {
    if (!this.isUndecided || this.#failure !== undefined) return
    this.#failure = failure
    this.#cut.abort(reason)
    this.#due.resolve()
    this.#quiet.resolve()
  }

  /** No handler begins any more. */
  seal(): void {
    if (this.#stage === 'open') this.#stage = 'sealed'
    if (this.#inHand === 0) this.#quiet.resolve()
  }

  /** Whether it may be committed: from now on only the coordinator decides. */
  beginCommit(): boolean {
    if (this.#failure !== undefined) return false
    this.#stage = 'committing'
    return true
  }

  end(): void {
    this.#stage = 'ended'
    this.#ended.resolve()
  }
}
