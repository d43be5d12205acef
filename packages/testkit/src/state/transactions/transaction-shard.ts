import type { ErrorName } from '@ottla/codec'
import type { Runtime } from '@ottla/runtime'
import { type CoordinatorLog, writeErrorForMember } from '../coordinators/coordinator-log.ts'
import { KeyedTimers } from '../coordinators/keyed-timers.ts'
import { completed, newImage, type Transaction, type TransactionImage } from './transaction.ts'
import { transactionRecord, transactionTombstone } from './transaction-records.ts'

/** Kafka's broker configs of the same names, in camelCase. */
export interface TransactionConfig {
  readonly maxTimeoutMs: number
  /** How often transactions are checked for their timeout. */
  readonly abortTimedOutIntervalMs: number
  /** How long an unused transactional id is kept. */
  readonly idExpirationMs: number
  /** How often expired ids are removed. */
  readonly removeExpiredIntervalMs: number
}

/** A marker for one partition. */
export interface Marker {
  readonly topic: string
  readonly partition: number
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
  readonly committed: boolean
}

export interface TransactionShardOptions {
  readonly runtime: Pick<Runtime, 'wallNow' | 'setTimer' | 'clearTimer'>
  readonly log: Pick<CoordinatorLog, 'write'>
  readonly config: TransactionConfig
  readonly coordinatorEpoch: number
  readonly newProducerId: () => bigint
  /** Writes a marker in a later turn. `done(false)`: it must be tried again. */
  readonly writeMarker: (marker: Marker, done: (isWritten: boolean) => void) => void
}

type Done = (error: ErrorName | undefined) => void

const retryMs = 20

/** The states in which a transactional id may expire. An open transaction keeps its id. */
const idleStates: readonly string[] = ['Empty', 'CompleteCommit', 'CompleteAbort']

/** The transactional ids of one partition of __transaction_state, on its leader. */
export class TransactionShard {
  readonly transactions = new Map<string, Transaction>()
  readonly #options: TransactionShardOptions
  readonly #timers: KeyedTimers
  #isUnloaded = false

  constructor(options: TransactionShardOptions) {
    this.#options = options
    this.#timers = new KeyedTimers(options.runtime)
  }

  get config(): TransactionConfig {
    return this.#options.config
  }

  newProducerId(): bigint {
    return this.#options.newProducerId()
  }

  nowMs(): number {
    return Math.floor(this.#options.runtime.wallNow())
  }

  create(transactionalId: string, timeoutMs: number): Transaction {
    const image = newImage(this.newProducerId(), timeoutMs, this.nowMs())
    const transaction = { transactionalId, image, isChanging: false }
    this.transactions.set(transactionalId, transaction)
    this.#watchExpiry()
    return transaction
  }

  /** Removes a transactional id; until the tombstone is in the log, requests get CONCURRENT_TRANSACTIONS. */
  remove(transaction: Transaction): void {
    const { transactionalId } = transaction
    transaction.isChanging = true
    this.#options.log.write([transactionTombstone(transactionalId)], {
      done: (error) => {
        transaction.isChanging = false
        if (error === undefined) this.transactions.delete(transactionalId)
      },
    })
  }

  /** Writes the change to the log; it takes effect when it is replicated. */
  change(transaction: Transaction, to: TransactionImage, done: Done): void {
    const next = { ...to, previousProducerId: transaction.image.producerId }
    transaction.isChanging = true
    this.#options.log.write([transactionRecord(transaction.transactionalId, next)], {
      done: (error) => {
        transaction.isChanging = false
        if (error !== undefined) {
          done(writeErrorForMember(error))
          return
        }
        transaction.image = next
        if (next.state === 'Ongoing') this.watchTimeouts()
        done(undefined)
      },
    })
  }

  /** Writes markers to all partitions, then completes the transaction. */
  sendMarkers(transaction: Transaction): void {
    const { image } = transaction
    const open = new Set<string>()
    for (const [topic, partitions] of image.partitions) {
      for (const partition of partitions) open.add(`${topic}-${partition}`)
    }
    if (open.size === 0) {
      this.#complete(transaction)
      return
    }
    for (const [topic, partitions] of image.partitions) {
      for (const partition of partitions) {
        this.#sendMarker(transaction, { topic, partition }, () => {
          open.delete(`${topic}-${partition}`)
          if (open.size === 0) this.#complete(transaction)
        })
      }
    }
  }

  /** After loading from the log: continues where the previous coordinator stopped. */
  resume(): void {
    for (const transaction of this.transactions.values()) {
      const { state } = transaction.image
      if (state === 'PrepareCommit' || state === 'PrepareAbort') this.sendMarkers(transaction)
    }
    this.watchTimeouts()
    this.#watchExpiry()
  }

  /** Called for each transaction that exceeds its timeout. */
  onTimeout: (transaction: Transaction) => void = () => {}

  watchTimeouts(): void {
    if (this.#isUnloaded || this.#timers.has('timeouts')) return
    const isAnyOpen = [...this.transactions.values()].some(({ image }) => image.state === 'Ongoing')
    if (!isAnyOpen) return
    this.#timers.schedule('timeouts', this.config.abortTimedOutIntervalMs, () => {
      const nowMs = this.nowMs()
      for (const transaction of [...this.transactions.values()]) {
        const { state, startMs, timeoutMs } = transaction.image
        if (state === 'Ongoing' && !transaction.isChanging && startMs + timeoutMs < nowMs) this.onTimeout(transaction)
      }
      this.watchTimeouts()
    })
  }

  #watchExpiry(): void {
    if (this.#isUnloaded || this.#timers.has('expiry') || this.transactions.size === 0) return
    this.#timers.schedule('expiry', this.config.removeExpiredIntervalMs, () => {
      this.#expireTransactionalIds()
      this.#watchExpiry()
    })
  }

  /** Drops transactional ids that were unused for transactional.id.expiration.ms: their producers start from scratch. */
  #expireTransactionalIds(): void {
    const unusedSinceMs = this.nowMs() - this.config.idExpirationMs
    for (const transaction of [...this.transactions.values()]) {
      const { image, isChanging } = transaction
      const isExpired = !isChanging && idleStates.includes(image.state) && image.lastUpdateMs <= unusedSinceMs
      if (isExpired) this.remove(transaction)
    }
  }

  /** This broker no longer leads the partition. */
  unload(): void {
    this.#isUnloaded = true
    this.#timers.cancelAll()
    this.transactions.clear()
  }

  #sendMarker(transaction: Transaction, to: { topic: string; partition: number }, done: () => void): void {
    if (this.#isUnloaded) return
    const { image, transactionalId } = transaction
    const { producerId, producerEpoch, state } = image
    const { coordinatorEpoch } = this.#options
    const marker = { ...to, producerId, producerEpoch, coordinatorEpoch, committed: state === 'PrepareCommit' }
    this.#options.writeMarker(marker, (isWritten) => {
      if (this.#isUnloaded) return
      if (isWritten) {
        done()
        return
      }
      const key = `marker ${transactionalId.length} ${transactionalId} ${to.topic}-${to.partition}`
      this.#timers.schedule(key, retryMs, () => this.#sendMarker(transaction, to, done))
    })
  }

  #complete(transaction: Transaction): void {
    if (this.#isUnloaded) return
    this.change(transaction, completed(transaction.image, this.nowMs()), (error) => {
      // A full disk reports NOT_COORDINATOR too, and moves no coordinator here.
      if (error === undefined || this.#isUnloaded) return
      this.#timers.schedule(`complete ${transaction.transactionalId}`, retryMs, () => this.#complete(transaction))
    })
  }
}
