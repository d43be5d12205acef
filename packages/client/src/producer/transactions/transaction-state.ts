import { meaningOf } from '../../error-meaning.ts'
import type { KafkaError } from '../../errors.ts'
import type { Identity, SendControl, TransactionPolicy } from '../identity.ts'
import type { TransactionProtocol } from './coordinator-requests.ts'
import type { Registration } from './registration.ts'
import { abortableError, abortedRecordError, endsProducer, numbersLostError } from './transaction-errors.ts'

/** From this version of Produce on, the broker adds the partitions to the transaction; below, AddPartitionsToTxn has to. */
const addingVersion = 12

export interface StateHost {
  /** Protocol 1: the partitions of the open transaction. */
  readonly registration: Pick<Registration, 'has' | 'reset'>
  /** The error of the whole producer for one that ends it. */
  fatalError(error: KafkaError): KafkaError
}

/**
 * The identity of a transactional producer, and the state of its one transaction. Batches get an identity only while a transaction
 * is open and can still be committed. The first failure decides: everything of the transaction that is not settled is rejected.
 */
export class TransactionState implements TransactionPolicy {
  readonly transactionalId: string
  readonly #host: StateHost
  #control: SendControl | undefined
  #identity: Identity | undefined
  #protocol: TransactionProtocol = 1
  #isOpen = false
  /** The coordinator has a transaction, or may have one. */
  #isBegun = false
  /** Why the open transaction cannot be committed. */
  #failure: KafkaError | undefined
  /** Why no further transaction is possible. */
  #fatal: KafkaError | undefined
  /** The next transaction needs another epoch: something with this one may arrive late, or its sequence numbers are lost. */
  #mustRenew = false

  constructor(transactionalId: string, host: StateHost) {
    this.transactionalId = transactionalId
    this.#host = host
  }

  // ---- for batches

  attach(control: SendControl): void {
    this.#control = control
  }

  get current(): Identity | undefined {
    return this.#identity
  }

  get isIdle(): boolean {
    return !this.#isOpen
  }

  get delay(): string | undefined {
    if (this.#protocol === 2 || this.#isBegun) return undefined
    return 'the partition is not part of the transaction yet'
  }

  get produceVersions() {
    return this.#protocol === 1 ? { maxVersion: addingVersion - 1 } : { minVersion: addingVersion }
  }

  ensure(topic: string, partition: number): Identity | undefined {
    if (!this.#isOpen || this.#mustRenew || this.#failure !== undefined || this.#fatal !== undefined) return undefined
    if (this.#protocol === 1 && !this.#host.registration.has(topic, partition)) return undefined
    this.#isBegun = true
    return this.#identity
  }

  /** Only the coordinator raises the epoch: numbers that start from 0 under the same one would be taken for duplicates. */
  retire(identity: Identity): void {
    if (identity !== this.#identity) return
    this.#mustRenew = true
    // A batch that fails says more: its own error follows in the same turn.
    queueMicrotask(() => {
      if (identity === this.#identity) this.fail(numbersLostError())
    })
  }

  failed(error: KafkaError): void {
    // A record that its caller withdrew before it was sent is no failure.
    if (meaningOf(error.code).ended !== 'aborted') this.fail(error)
  }

  // ---- for the transaction

  get protocol(): TransactionProtocol {
    return this.#protocol
  }

  get isBegun(): boolean {
    return this.#isBegun
  }

  get failure(): KafkaError | undefined {
    return this.#failure
  }

  get fatal(): KafkaError | undefined {
    return this.#fatal
  }

  /** Whether InitProducerId has to be sent before the next transaction. */
  get needsIdentity(): boolean {
    return this.#identity === undefined || this.#mustRenew
  }

  /** A new epoch: sequence numbers start from 0. */
  renewed(identity: Identity): void {
    this.#identity = identity
    this.#mustRenew = false
  }

  /** Something with the identity may arrive late at a broker, which must not take it for a part of the next transaction. */
  mustRenew(): void {
    this.#mustRenew = true
  }

  open(protocol: TransactionProtocol): void {
    this.#host.registration.reset()
    this.#protocol = protocol
    this.#isOpen = true
    this.#isBegun = false
    this.#failure = undefined
  }

  /** A request is about to be sent that begins the transaction at the coordinator. */
  begun(): void {
    this.#isBegun = true
  }

  /** More partitions have an identity. */
  resume(): void {
    this.#control?.resume()
  }

  /** Something of the open transaction failed: it can only be aborted from now on, or the producer ends. */
  fail(error: KafkaError): void {
    if (!this.#isOpen || this.#failure !== undefined || this.#fatal !== undefined) return
    // A produce response with an old epoch says only that: the coordinator decides when the transaction is aborted.
    if (meaningOf(error.code).producer === undefined && endsProducer(error)) this.end(error)
    else this.poison(error)
  }

  /** The transaction can only be aborted from now on. */
  poison(error: KafkaError): void {
    if (this.#failure !== undefined || this.#fatal !== undefined) return
    this.#failure = error
    // Not within the settlement of the batch that failed.
    queueMicrotask(() => {
      if (this.#failure === error) this.#control?.rejectAll((outcome) => abortableError(error, outcome))
    })
  }

  /** The application aborts: what is not acknowledged yet is rejected immediately. */
  abort(): void {
    this.#failure ??= abortedRecordError('unknown')
    this.#control?.rejectAll((outcome) => abortedRecordError(outcome))
  }

  /** The producer can never commit or abort again. */
  end(error: KafkaError): KafkaError {
    this.#fatal ??= this.#host.fatalError(error)
    const fatal = this.#fatal
    queueMicrotask(() => this.#control?.rejectAll((outcome) => fatal.with({ outcome })))
    return fatal
  }

  /** The coordinator has ended the transaction, or there was none to end. */
  closed(): void {
    this.#isOpen = false
    this.#isBegun = false
    this.#failure = undefined
  }
}
