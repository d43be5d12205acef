import type { AnyMessage } from '../consumer/message.ts'
import { describePartition, type ErrorCode, KafkaError, type Outcome } from '../errors.ts'
import { type Deferred, deferred, handled } from '../runtime/deferred.ts'
import type { AckKind } from './acknowledgement.ts'
import type { SharePartition } from './share-partition.ts'

export interface HeldRecordData {
  readonly partition: SharePartition
  /** The leader that holds the lock. */
  readonly brokerId: number
  readonly offset: number
  readonly deliveryCount: number
  readonly message: AnyMessage
  /** When the request was sent that acquired it, on `monoNow`: the lock cannot end earlier than counted from there. */
  readonly lockSinceMs: number
  readonly lockEndsMs: number
}

/** What was decided about a record, until the broker has responded. */
interface Decision {
  readonly kind: AckKind
  readonly done: Deferred<void>
  isSent: boolean
}

/** An acquired record, from the response that brought it to the end of its lock. */
export class HeldRecord {
  readonly partition: SharePartition
  readonly brokerId: number
  readonly offset: number
  readonly deliveryCount: number
  readonly message: AnyMessage
  #lockSinceMs: number
  #lockEndsMs: number
  #handedAtMs: number | undefined
  #decision: Decision | undefined
  #renewal: Deferred<void> | undefined
  #isRenewable = true
  #lost: KafkaError | undefined
  #controller: AbortController | undefined

  constructor(data: HeldRecordData) {
    this.partition = data.partition
    this.brokerId = data.brokerId
    this.offset = data.offset
    this.deliveryCount = data.deliveryCount
    this.message = data.message
    this.#lockSinceMs = data.lockSinceMs
    this.#lockEndsMs = data.lockEndsMs
  }

  get lockEndsMs(): number {
    return this.#lockEndsMs
  }

  /** When half of the lock is over; Infinity while a renewal is in progress, and after one was refused. */
  get renewAtMs(): number {
    if (this.#renewal !== undefined || !this.#isRenewable) return Number.POSITIVE_INFINITY
    return (this.#lockSinceMs + this.#lockEndsMs) / 2
  }

  /** When the application received it, on `monoNow`; undefined: it waits. */
  get handedAtMs(): number | undefined {
    return this.#handedAtMs
  }

  get decided(): AckKind | undefined {
    return this.#decision?.kind
  }

  /** Why the member does not have the lock any more. */
  get lost(): KafkaError | undefined {
    return this.#lost
  }

  /** Aborts when the lock is lost. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#lost !== undefined && !this.#controller.signal.aborted) this.#controller.abort(this.#lost)
    return this.#controller.signal
  }

  handed(nowMs: number): void {
    this.#handedAtMs = nowMs
  }

  /** A second decision of the same kind waits for the first one; another one is refused. */
  decide(kind: AckKind): { readonly isNew: boolean; readonly done: Promise<void> } {
    if (this.#decision !== undefined) {
      const refusal = this.#decision.kind === kind ? undefined : this.decidedError(kind)
      if (refusal !== undefined) throw refusal
      return { isNew: false, done: this.#decision.done.promise }
    }
    if (this.#lost !== undefined) throw this.#lost
    const done = deferred<void>()
    handled(done.promise)
    this.#decision = { kind, done, isSent: false }
    return { isNew: true, done: done.promise }
  }

  decisionSent(): void {
    if (this.#decision !== undefined) this.#decision.isSent = true
  }

  settled(error: KafkaError | undefined): void {
    if (error === undefined) this.#decision?.done.resolve()
    else this.#decision?.done.reject(this.#place(error))
  }

  /** Calls made meanwhile share a renewal. */
  beginRenewal(): { readonly isNew: boolean; readonly done: Promise<void> } {
    const refusal = this.decidedError('renew')
    if (refusal !== undefined) throw refusal
    if (this.#lost !== undefined) throw this.#lost
    if (this.#renewal !== undefined) return { isNew: false, done: this.#renewal.promise }
    this.#renewal = deferred<void>()
    handled(this.#renewal.promise)
    return { isNew: true, done: this.#renewal.promise }
  }

  renewed(sinceMs: number, endsMs: number): void {
    this.#lockSinceMs = sinceMs
    this.#lockEndsMs = endsMs
    this.#renewal?.resolve()
    this.#renewal = undefined
  }

  /** The lock stays as it is, until it ends. */
  notRenewed(error: KafkaError): void {
    this.#isRenewable = false
    this.#renewal?.reject(this.#place(error))
    this.#renewal = undefined
  }

  /** An acknowledgement that was sent already waits for its response, which decides. */
  lose(error: KafkaError): void {
    if (this.#lost !== undefined) return
    this.#lost = error
    this.#controller?.abort(error)
    this.#renewal?.reject(error)
    this.#renewal = undefined
    if (this.#decision?.isSent === false) this.#decision.done.reject(error)
  }

  /** `why` completes the sentence; the code says what happened. */
  lostError(code: ErrorCode, why: string, { cause, outcome }: { cause?: unknown; outcome?: Outcome } = {}): KafkaError {
    const { topic, partition } = this.partition
    const place = describePartition({ topic, partition, offset: this.offset })
    return new KafkaError(
      code,
      `The lock of the record (${place}) is lost: ${why}; the record will be delivered again`,
      {
        topic,
        partition,
        offset: BigInt(this.offset),
        ...{ cause, outcome },
      },
    )
  }

  #place(error: KafkaError): KafkaError {
    const { topic, partition } = this.partition
    return error.with({ topic, partition, offset: BigInt(this.offset) })
  }

  /** Undefined: nothing is decided yet. */
  decidedError(wanted: AckKind | 'renew'): KafkaError | undefined {
    const decided = this.decided
    if (decided === undefined) return undefined
    const { topic, partition } = this.partition
    const place = describePartition({ topic, partition, offset: this.offset })
    const message = `job.${wanted}() is not possible: job.${decided}() was called before (${place})`
    return new KafkaError('INVALID_STATE', message, { topic, partition, offset: BigInt(this.offset) })
  }
}
