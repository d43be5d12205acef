import type { KafkaError, Outcome } from '../errors.ts'

/** The producer id and epoch that sequence numbers belong to. Compared by object identity. */
export interface Identity {
  readonly producerId: bigint
  readonly epoch: number
  /** It belongs to a transactionalId: only the coordinator gives out the next epoch. */
  readonly transactional: boolean
}

/** Where batches get their identity. Idempotent: `ProducerIdentities`; in transactions: `TransactionState`. */
export interface IdentityPolicy {
  readonly current: Identity | undefined
  /** Why nothing can be sent; undefined when there is an identity. */
  readonly delay: string | undefined
  /** The error behind `delay`, where there is one. */
  readonly lastError?: KafkaError | undefined
  /** No batch exists, so that the identity can be replaced before the next one: between transactions. */
  readonly isIdle: boolean
  /** The identity for the next batch of a partition; undefined: not yet, and the partitions are scheduled again once there is one. */
  ensure(topic: string, partition: number): Identity | undefined
  /** Sequence numbers of this identity no longer follow those of the broker. `entirely`: the broker rejects the producer id itself. */
  retire(identity: Identity, entirely?: boolean): void
}

/** What a transaction does with the batches of its producer. */
export interface SendControl {
  /** Partitions that had no identity may have one now. */
  resume(): void
  /** Settles everything that is not settled with an error: nothing more of it is sent. */
  rejectAll(errorOf: (outcome: Outcome) => KafkaError): void
}

/** How a Produce request belongs to a transaction. */
export interface ProduceInTransaction {
  readonly transactionalId: string
  /** From version 12 on the broker adds the partitions to the transaction (KIP-890): all requests of one are below, or none. */
  readonly produceVersions: { readonly minVersion?: number; readonly maxVersion?: number }
}

/** The transactions of a producer, as its batches see them. */
export interface TransactionPolicy extends IdentityPolicy, ProduceInTransaction {
  /** Called once, before the first record. */
  attach(control: SendControl): void
  /** A record failed: the transaction that it belongs to cannot be committed. */
  failed(error: KafkaError): void
}
