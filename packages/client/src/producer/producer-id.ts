import { InitProducerId } from '@ottla/codec'
import { meaningOf } from '../error-meaning.ts'
import { asKafkaError, KafkaError, kafkaErrorOf } from '../errors.ts'
import type { Identity, IdentityPolicy } from './identity.ts'
import type { ProducerCluster } from './producer-cluster.ts'

const lastEpoch = 0x7fff
// A broker ignores it without a transactionalId; Java sends its default anyway.
const transactionTimeoutMs = 60_000

/**
 * The producer's id and epoch. An id without a transactionalId belongs to one producer, which may increment the epoch itself
 * (KIP-360): a new id is requested only at the start and when the epochs are used up.
 */
export class ProducerIdentities implements IdentityPolicy {
  readonly isIdle = false
  readonly #cluster: ProducerCluster
  readonly #timeoutMs: number
  readonly #closing: AbortSignal
  readonly #onReady: () => void
  readonly #onFailed: (error: KafkaError) => void
  readonly #onRetired: ((previous: Identity, current: Identity | undefined) => void) | undefined
  #current: Identity | undefined
  #requesting = false
  #lastError: KafkaError | undefined

  constructor(
    cluster: ProducerCluster,
    options: {
      readonly timeoutMs: number
      readonly closing: AbortSignal
      /** An identity was received. */
      readonly onReady: () => void
      /** The identity is not used any more; undefined: there is no next one yet. */
      readonly onRetired?: (previous: Identity, current: Identity | undefined) => void
      /** The request failed: nothing can be sent. The next `ensure` tries again. */
      readonly onFailed: (error: KafkaError) => void
    },
  ) {
    this.#cluster = cluster
    this.#timeoutMs = options.timeoutMs
    this.#closing = options.closing
    this.#onReady = options.onReady
    this.#onFailed = options.onFailed
    this.#onRetired = options.onRetired
  }

  get current(): Identity | undefined {
    return this.#current
  }

  /** Why nothing can be sent; undefined when there is an identity. */
  get delay(): string | undefined {
    if (this.#current !== undefined) return undefined
    return `there is no producer id: ${this.#lastError?.message ?? 'no broker has responded'}`
  }

  /** Why the last request for an identity failed; undefined when there is one. */
  get lastError(): KafkaError | undefined {
    return this.#current === undefined ? this.#lastError : undefined
  }

  /** The identity. Without one it is requested, and `onReady` is called later. */
  ensure(): Identity | undefined {
    if (this.#current === undefined && !this.#requesting && !this.#closing.aborted) void this.#request()
    return this.#current
  }

  /** Sequence numbers of this identity no longer follow those of the broker: partitions start from 0 with another one. */
  retire(identity: Identity, entirely = false): void {
    if (this.#current !== identity) return
    const exhausted = entirely || identity.epoch >= lastEpoch
    this.#current = exhausted ? undefined : { ...identity, epoch: identity.epoch + 1 }
    this.#onRetired?.(identity, this.#current)
  }

  async #request(): Promise<void> {
    this.#requesting = true
    try {
      this.#current = await this.#cluster.retry(
        { operation: 'Getting a producer id', timeoutMs: this.#timeoutMs, signal: this.#closing },
        (_attempt, signal) => this.#init(signal),
      )
    } catch (cause) {
      this.#requesting = false
      const error = asKafkaError(cause, 'Getting a producer id')
      // Each batch has a deadline of its own: those that have time left request it again.
      if (meaningOf(error.code).ended === 'deadline') this.#onReady()
      else this.#onFailed(error)
      return
    }
    this.#lastError = undefined
    this.#requesting = false
    this.#onReady()
  }

  async #init(signal: AbortSignal): Promise<Identity> {
    try {
      return await this.#requestId(signal)
    } catch (error) {
      if (KafkaError.is(error) && !signal.aborted) this.#lastError = error
      throw error
    }
  }

  /** An id that is not used costs the cluster nothing: a broker that hangs need not delay the first record. */
  #requestId(signal: AbortSignal): Promise<Identity> {
    const body = { transactionalId: null, transactionTimeoutMs }
    return this.#cluster.firstResult(async (broker) => {
      const { errorCode, producerId, producerEpoch } = await broker.request(InitProducerId, body, { signal })
      if (errorCode !== 0) {
        const hint = 'Grant IDEMPOTENT_WRITE on the cluster (brokers before 3.0 require it), or set idempotent: false.'
        throw kafkaErrorOf(errorCode, 'Getting a producer id', { broker, hint })
      }
      return { producerId, epoch: producerEpoch, transactional: false }
    })
  }
}
