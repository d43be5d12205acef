import { type ErrorName, errorOf } from '@ottla/codec'
import { BatchWriter } from '@ottla/codec/records'
import type { Runtime } from '@ottla/runtime'
import type { Replica } from '../replicas/replica.ts'
import type { CoordinatorRecord } from './coordinator-record.ts'

/** The log of a coordinator's shard: one partition of an internal topic, written with acks=all. */
export interface CoordinatorLog {
  /**
   * Appends the records as one batch; with a producer, as part of its transaction. Without records it waits for the
   * earlier writes.
   */
  write(records: readonly CoordinatorRecord[], handlers: WriteHandlers, producer?: TransactionalProducer): void
  /** Calls `committed` for the writes that have been replicated since. */
  catchUp(): void
}

export interface WriteHandlers {
  /** Called synchronously when the log has appended the batch. */
  readonly appended?: () => void
  /** Called when the in-sync replicas have the batch: in the order of the log, and even after `done`. */
  readonly committed?: () => void
  /** Called once; with an error when the log refused the batch, on a timeout, or when the leadership is lost. */
  readonly done: (error: ErrorName | undefined) => void
}

export interface TransactionalProducer {
  readonly producerId: bigint
  readonly producerEpoch: number
}

/** What a coordinator needs of its replica. */
export type CoordinatorReplica = Pick<
  Replica,
  'topic' | 'partition' | 'isLeader' | 'highWatermark' | 'logEndOffset' | 'appendAndReplicate' | 'batches'
>

/** The shard has its own write timeout, so the replica must not apply one. */
const NO_TIMEOUT_MS = 2_147_483_647

interface PendingWrite {
  readonly endOffset: number
  readonly committed: (() => void) | undefined
}

interface Waiter {
  readonly settle: (error: ErrorName | undefined) => void
}

/** The log of a shard whose partition this broker leads. */
export class ReplicaCoordinatorLog implements CoordinatorLog {
  readonly #replica: CoordinatorReplica
  readonly #runtime: Pick<Runtime, 'wallNow' | 'setTimer' | 'clearTimer'>
  readonly #timeoutMs: number
  /** Writes that are not replicated yet, in log order. A write stays here after its request timed out. */
  readonly #pending: PendingWrite[] = []
  readonly #waiters = new Set<Waiter>()

  constructor(
    replica: CoordinatorReplica,
    runtime: Pick<Runtime, 'wallNow' | 'setTimer' | 'clearTimer'>,
    timeoutMs: number,
  ) {
    this.#replica = replica
    this.#runtime = runtime
    this.#timeoutMs = timeoutMs
  }

  write(records: readonly CoordinatorRecord[], handlers: WriteHandlers, producer?: TransactionalProducer): void {
    if (records.length === 0) {
      this.#barrier(handlers.done)
      return
    }
    this.writeBatch(batchOf(records, Math.floor(this.#runtime.wallNow()), producer), handlers)
  }

  /** Appends a sealed batch: a transaction marker. */
  writeBatch(bytes: Uint8Array, handlers: WriteHandlers): void {
    const waiter = this.#wait(handlers.done)
    let isRefused = false
    let isAppended = false
    const onAppended = (): void => {
      if (isAppended) return
      isAppended = true
      handlers.appended?.()
      this.#pending.push({ endOffset: this.#replica.logEndOffset, committed: handlers.committed })
    }
    this.#replica.appendAndReplicate(bytes, NO_TIMEOUT_MS, (outcome) => {
      isRefused = outcome.errorCode !== 0 && outcome.baseOffset < 0
      if (!isRefused) onAppended()
      this.catchUp()
      waiter.settle(outcome.errorCode === 0 ? undefined : errorOf(outcome.errorCode).name)
    })
    if (!isRefused) onAppended()
  }

  catchUp(): void {
    const { highWatermark } = this.#replica
    for (;;) {
      const first = this.#pending[0]
      if (!first || first.endOffset > highWatermark) return
      this.#pending.shift()
      first.committed?.()
    }
  }

  /** The leadership is lost: fails the pending writes. */
  close(): void {
    this.#pending.length = 0
    for (const waiter of [...this.#waiters]) waiter.settle('NOT_LEADER_OR_FOLLOWER')
  }

  /** Waits until all earlier writes are replicated. */
  #barrier(done: WriteHandlers['done']): void {
    this.catchUp()
    const last = this.#pending.at(-1)
    if (!last) {
      done(undefined)
      return
    }
    const waiter = this.#wait(done)
    this.#pending.push({ endOffset: last.endOffset, committed: () => waiter.settle(undefined) })
  }

  #wait(done: WriteHandlers['done']): Waiter {
    const waiter: Waiter = {
      settle: (error) => {
        if (!this.#waiters.delete(waiter)) return
        this.#runtime.clearTimer(timer)
        done(error)
      },
    }
    const timer = this.#runtime.setTimer(() => waiter.settle('REQUEST_TIMED_OUT'), this.#timeoutMs)
    this.#waiters.add(waiter)
    return waiter
  }
}

function batchOf(records: readonly CoordinatorRecord[], nowMs: number, producer?: TransactionalProducer): Uint8Array {
  const writer = new BatchWriter()
  for (const { key, value } of records) writer.append(nowMs, key, value, [])
  const { producerId, producerEpoch } = producer ?? { producerId: -1n, producerEpoch: -1 }
  return writer.seal({ producerId, producerEpoch, baseSequence: -1, transactional: producer !== undefined })
}

/** The error that a member receives when its group's state could not be written. */
export function writeErrorForMember(error: ErrorName): ErrorName {
  switch (error) {
    case 'UNKNOWN_TOPIC_OR_PARTITION':
    case 'NOT_ENOUGH_REPLICAS':
    case 'NOT_ENOUGH_REPLICAS_AFTER_APPEND':
    case 'REQUEST_TIMED_OUT':
      return 'COORDINATOR_NOT_AVAILABLE'
    case 'NOT_LEADER_OR_FOLLOWER':
    case 'KAFKA_STORAGE_ERROR':
      return 'NOT_COORDINATOR'
    case 'MESSAGE_TOO_LARGE':
    case 'RECORD_LIST_TOO_LARGE':
    case 'INVALID_FETCH_SIZE':
      return 'UNKNOWN_SERVER_ERROR'
    default:
      return error
  }
}
