import type { Runtime } from '@ottla/runtime'
import { closedError, type ErrorCode, KafkaError, type Outcome } from '../errors.ts'
import { DeadlineTimer } from '../runtime/deadline-timer.ts'
import { handled } from '../runtime/deferred.ts'
import { type AckKind, type Acknowledgement, ackType } from './acknowledgement.ts'
import type { HeldRecord } from './held-record.ts'

export interface LocksHost {
  /** Sends it to the broker that holds the lock. */
  send(brokerId: number, ack: Acknowledgement): void
  /** What to do with a lock when half of it is over. */
  atHalfTime(record: HeldRecord, nowMs: number): 'renew' | 'release' | 'keep'
  /** Whether the broker can renew locks: it has ShareAcknowledge from version 2 on. */
  canRenew(brokerId: number): boolean
  /** The lock of a record ended before the record was acknowledged. */
  onLost(record: HeldRecord, error: KafkaError): void
  onSettled(record: HeldRecord, kind: AckKind, error: KafkaError | undefined): void
  /** Fewer records are held. */
  onFreed(): void
}

/** Why locks are lost. `why` completes the sentence of the error. */
export interface LossReason {
  readonly code: ErrorCode
  readonly why: string
  readonly cause?: unknown
  readonly outcome?: Outcome
}

interface Following extends Pick<Acknowledgement, 'sent' | 'settled'> {
  /** Why it is not needed any more. */
  readonly isOver?: () => KafkaError | undefined
}

const noRenewalHint = 'Renewing needs brokers of Kafka 4.2 or later: raise share.record.lock.duration.ms of the group.'

/** The records that this member has acquired: the only owner of their locks and of what is decided about them. */
export class Locks {
  readonly #runtime: Runtime
  readonly #host: LocksHost
  readonly #timer: DeadlineTimer
  /** Neither acknowledged nor lost. */
  readonly #open = new Set<HeldRecord>()
  /** Acknowledged, and the broker has not responded yet. */
  readonly #deciding = new Set<HeldRecord>()

  constructor(runtime: Runtime, host: LocksHost) {
    this.#runtime = runtime
    this.#host = host
    this.#timer = new DeadlineTimer(runtime, (nowMs) => this.#due(nowMs))
  }

  /** Number of records that are neither acknowledged nor lost. */
  get size(): number {
    return this.#open.size
  }

  /** Number of these in the application's hands. */
  get inHand(): number {
    let count = 0
    for (const { handedAtMs } of this.#open) if (handedAtMs !== undefined) count++
    return count
  }

  add(record: HeldRecord): void {
    this.#open.add(record)
    this.#timer.wakeBy(Math.min(record.renewAtMs, record.lockEndsMs))
  }

  /** Rejects with what the broker reports, or with the reason why the lock was lost. */
  acknowledge(record: HeldRecord, kind: AckKind): Promise<void> {
    if (record.decided === undefined) this.#expire(record)
    const { isNew, done } = record.decide(kind)
    if (!isNew) return done
    this.#open.delete(record)
    this.#deciding.add(record)
    this.#send(record, ackType[kind], {
      sent: () => record.decisionSent(),
      settled: ({ error }) => this.#settled(record, kind, error),
    })
    this.#host.onFreed()
    return done
  }

  /** The same without waiting for the response: a failure is reported to the host only. */
  settle(record: HeldRecord, kind: AckKind): void {
    if (record.decided === undefined && this.#expire(record)) handled(this.acknowledge(record, kind))
  }

  renew(record: HeldRecord): Promise<void> {
    this.#expire(record)
    if (record.lost === undefined && record.decided === undefined && !this.#host.canRenew(record.brokerId)) {
      const { topic, partition } = record.partition
      const message = 'The broker cannot renew the lock of a record'
      throw new KafkaError('UNSUPPORTED_VERSION', message, { topic, partition, hint: noRenewalHint })
    }
    const { isNew, done } = record.beginRenewal()
    if (!isNew) return done
    let sentMs = 0
    this.#send(record, ackType.renew, {
      isOver: () => record.decidedError('renew'),
      sent: () => {
        sentMs = this.#runtime.monoNow()
      },
      settled: ({ error, lockEndsMs }) => {
        if (error !== undefined) record.notRenewed(error)
        else if (lockEndsMs !== undefined) record.renewed(sentMs, lockEndsMs)
        this.#timer.wakeBy(Math.min(record.renewAtMs, record.lockEndsMs))
      },
    })
    return done
  }

  /** The locks of these records are gone, whatever the application does. */
  lose(which: (record: HeldRecord) => boolean, { code, why, cause, outcome }: LossReason): void {
    const before = this.#open.size
    for (const record of [...this.#open, ...this.#deciding]) {
      if (which(record)) this.#lose(record, record.lostError(code, why, { cause, outcome: outcome ?? 'not-written' }))
    }
    if (this.#open.size < before) this.#host.onFreed()
  }

  /** Decides about all records, or those that wait, that are not decided. Results are not awaited. */
  releaseAll(which: (record: HeldRecord) => boolean = () => true): void {
    for (const record of [...this.#open]) {
      if (which(record)) this.settle(record, 'release')
    }
  }

  /** What the application still has is given up: the signals of its jobs abort. */
  abortAll(): void {
    const { code } = closedError('consumer')
    for (const record of [...this.#open]) {
      this.#lose(record, record.lostError(code, 'the consumer is closed', { outcome: 'not-written' }))
    }
  }

  stop(): void {
    this.#timer.stop()
  }

  #send(record: HeldRecord, type: number, { isOver, sent, settled }: Following): void {
    const { partition, offset, brokerId } = record
    const refusal = (nowMs: number) => {
      if (record.lost !== undefined) return record.lost
      return nowMs >= record.lockEndsMs ? expiredError(record) : isOver?.()
    }
    const range = { firstOffset: offset, lastOffset: offset }
    this.#host.send(brokerId, { partition, ...range, type, refusal, sent, settled })
  }

  #settled(record: HeldRecord, kind: AckKind, error: KafkaError | undefined): void {
    this.#deciding.delete(record)
    record.settled(error)
    this.#host.onSettled(record, kind, error)
  }

  #lose(record: HeldRecord, error: KafkaError): void {
    const wasOpen = this.#open.delete(record)
    record.lose(error)
    if (wasOpen) this.#host.onLost(record, error)
  }

  /** Returns whether the lock holds. */
  #expire(record: HeldRecord): boolean {
    if (record.lost !== undefined) return false
    if (this.#runtime.monoNow() < record.lockEndsMs) return true
    this.#lose(record, expiredError(record))
    this.#host.onFreed()
    return false
  }

  #due(nowMs: number): number {
    let next = Number.POSITIVE_INFINITY
    let isFreed = false
    for (const record of [...this.#open]) {
      if (nowMs >= record.lockEndsMs) {
        this.#lose(record, expiredError(record))
        isFreed = true
        continue
      }
      if (nowMs >= record.renewAtMs) this.#halfTime(record, nowMs)
      if (!this.#open.has(record)) continue
      const isLater = record.renewAtMs > nowMs
      next = Math.min(next, record.lockEndsMs, isLater ? record.renewAtMs : Number.POSITIVE_INFINITY)
    }
    if (isFreed) this.#host.onFreed()
    return next
  }

  #halfTime(record: HeldRecord, nowMs: number): void {
    const choice = this.#host.atHalfTime(record, nowMs)
    if (choice === 'release') this.settle(record, 'release')
    else if (choice === 'renew' && this.#host.canRenew(record.brokerId)) handled(this.renew(record))
  }
}

function expiredError(record: HeldRecord): KafkaError {
  return record.lostError('INVALID_RECORD_STATE', 'it ended before the record was acknowledged', {
    outcome: 'not-written',
  })
}
