import type { CallOptions } from '../../call-options.ts'
import type { KafkaError } from '../../errors.ts'
import { handled } from '../../runtime/deferred.ts'
import type { OnSettled } from '../calls.ts'
import type { SendOptions, WaitOptions } from '../producer.ts'
import type { Receipt } from '../receipt.ts'
import type { ProducerRecord } from '../record-input.ts'
import { type OffsetsSource, readOffsets } from './offsets-input.ts'
import { abortableError, stateError } from './transaction-errors.ts'
import type { StepLimits, TransactionFlow } from './transaction-flow.ts'

/** `failed`: something of it failed, and it can only be aborted. `unknown`: the producer ended before it was known how it ends. */
export type TransactionStatus = 'open' | 'failed' | 'ending' | 'committed' | 'aborted' | 'unknown'

export interface SendOffsetsOptions extends CallOptions {
  /** Stored with the offset of each message or batch; visible in `consumer.committed()`. */
  readonly metadata?: string | undefined
}

export interface TransactionHost {
  readonly flow: TransactionFlow
  /** Limits of a call; `caller` is its name. Throws INVALID_OPTION. */
  limits(caller: string, options: CallOptions | undefined): StepLimits
  /** The transaction has ended: the next one may begin. */
  onEnded(): void
  /** It could not be aborted: the next one aborts it first. */
  onUnfinished(): void
}

/**
 * Records and offsets that become visible together, or not at all, to consumers with `isolation: 'read_committed'` (the default).
 * After the first failure it can only be aborted: `commit` rejects with TRANSACTION_ABORTABLE, whose cause is that failure.
 */
export class Transaction {
  readonly #host: TransactionHost
  #status: 'open' | 'ending' | 'committed' | 'aborted' | 'unknown' = 'open'
  readonly #offsets = new Set<Promise<void>>()
  #committing: Promise<void> | undefined
  #aborting: Promise<void> | undefined

  /** @internal */
  constructor(host: TransactionHost) {
    this.#host = host
  }

  get status(): TransactionStatus {
    const { failure, fatal } = this.#host.flow.state
    if (this.#status === 'open' && (failure ?? fatal) !== undefined) return 'failed'
    return this.#status
  }

  /**
   * As `producer.send`. A rejection that no caller handles is reported by `commit` in any case. A record that fails makes the whole
   * transaction fail; INVALID_ARGUMENT does not, because nothing of the call was accepted.
   */
  send(record: ProducerRecord, options?: SendOptions): Promise<Receipt>
  send(records: readonly ProducerRecord[], options?: SendOptions): Promise<Receipt[]>
  send(
    input: ProducerRecord | readonly ProducerRecord[],
    options?: SendOptions,
  ): Promise<Receipt> | Promise<Receipt[]> {
    const refusal = this.#refusal()
    if (refusal !== undefined) return handled(Promise.reject<never>(refusal))
    const { producer } = this.#host.flow
    return handled(producer.send(input as ProducerRecord, options))
  }

  /** As `producer.enqueue`. A failure is reported by `commit` in any case. */
  enqueue(record: ProducerRecord, onSettled?: OnSettled): boolean {
    const refusal = this.#refusal()
    if (refusal !== undefined) throw refusal
    return this.#host.flow.producer.enqueue(record, onSettled)
  }

  /** As `producer.room`. */
  async room(options?: WaitOptions): Promise<void> {
    const refusal = this.#refusal()
    if (refusal !== undefined) throw refusal
    await this.#host.flow.producer.room(options)
  }

  /** As `producer.flush`. `commit` does it by itself. */
  flush(options?: WaitOptions): Promise<void> {
    return this.#host.flow.producer.flush(options)
  }

  /**
   * Commits offsets of consumed messages with this transaction, for "read, process, write" (KIP-447): they are stored in the group
   * when the transaction commits. The coordinator checks the member; a message whose partition was revoked since rejects with
   * INVALID_STATE. Any failure makes the transaction fail, except INVALID_ARGUMENT. Set `commit: 'none'` in the consumer.
   */
  async sendOffsets(source: OffsetsSource, options: SendOffsetsOptions = {}): Promise<void> {
    const refusal = this.#refusal()
    if (refusal !== undefined) throw refusal
    const { metadata, ...call } = options
    const groups = readOffsets(source, metadata)
    const limits = this.#host.limits('transaction.sendOffsets()', call)
    const sending = this.#host.flow.sendOffsets(groups, limits)
    this.#offsets.add(sending)
    try {
      await sending
    } finally {
      this.#offsets.delete(sending)
    }
  }

  /**
   * Waits until all records are acknowledged, and commits. Rejects with TRANSACTION_ABORTABLE when it can only be aborted; with
   * `outcome: 'unknown'` when the coordinator did not respond until the deadline: then only `close` of the producer is possible. The
   * signal has no effect any more once the commit was sent.
   */
  commit(options?: CallOptions): Promise<void> {
    const isFirst = this.#status === 'open'
    const committing = this.#commit(options)
    if (isFirst) this.#committing = committing
    return committing
  }

  async #commit(options: CallOptions | undefined): Promise<void> {
    const { flow } = this.#host
    const limits = this.#host.limits('transaction.commit()', options)
    if (this.#status !== 'open') throw this.#endedError('committed')
    const { failure, fatal } = flow.state
    if (fatal !== undefined) throw fatal
    if (failure !== undefined) throw abortableError(failure)
    this.#status = 'ending'
    await Promise.allSettled(this.#offsets)
    try {
      await flow.commit(limits)
    } catch (error) {
      this.#failedToEnd()
      throw error
    }
    this.#status = 'committed'
    this.#host.onEnded()
  }

  /** @internal Resolves when a commit or abort that was called has ended, in whatever way. */
  async ended(): Promise<void> {
    await Promise.allSettled([this.#committing, this.#aborting])
  }

  /**
   * Discards the transaction; records that are not acknowledged reject with TRANSACTION_ABORTED. After a rejection it can be called
   * again. Does nothing when the transaction was aborted before.
   */
  abort(options?: CallOptions): Promise<void> {
    if (this.#status === 'aborted') return Promise.resolve()
    this.#aborting ??= this.#abort(options).finally(() => {
      this.#aborting = undefined
    })
    return this.#aborting
  }

  async #abort(options: CallOptions | undefined): Promise<void> {
    const { flow } = this.#host
    const limits = this.#host.limits('transaction.abort()', options)
    if (flow.state.fatal !== undefined && this.#status === 'open') {
      this.#status = 'unknown'
      this.#host.onEnded()
    }
    if (this.#status !== 'open') throw flow.state.fatal ?? this.#endedError('aborted')
    this.#status = 'ending'
    try {
      flow.state.abort()
      await Promise.allSettled(this.#offsets)
      await flow.abort(limits)
    } catch (error) {
      this.#failedToEnd()
      if (flow.state.fatal === undefined) this.#host.onUnfinished()
      throw error
    }
    this.#status = 'aborted'
    this.#host.onEnded()
  }

  #failedToEnd(): void {
    this.#status = this.#host.flow.state.fatal === undefined ? 'open' : 'unknown'
    if (this.#status === 'unknown') this.#host.onEnded()
  }

  /** Why nothing more can be added. */
  #refusal(): KafkaError | undefined {
    const { failure, fatal } = this.#host.flow.state
    if (this.#status !== 'open') return this.#endedError('extended')
    return fatal ?? (failure && abortableError(failure))
  }

  #endedError(what: string): KafkaError {
    const state = this.#status === 'ending' ? 'is being ended' : `is ${this.#status} already`
    return stateError(`The transaction cannot be ${what}: it ${state}`)
  }
}
