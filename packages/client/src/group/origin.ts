import type { ErrorCode, KafkaError } from '../errors.ts'
import type { GroupIdentity } from './membership.ts'

/** The method of messages and batches that returns where they come from. Shared by the ESM and the CJS build. */
export const originOf: unique symbol = Symbol.for('ottla.originOf')

/** A message or a batch of a consumer, for a transaction that commits its offset. */
export interface Delivered {
  readonly [originOf]: () => Origin
}

export interface Origin {
  readonly topic: string
  readonly partition: number
  /** The next offset to read after it. */
  readonly nextOffset: number
  /** Of its last record. */
  readonly leaderEpoch: number
  /** The assignment in which it was delivered; compared by object identity. */
  readonly assignment: object
  /** Undefined: the consumer has no groupId. */
  readonly group: OriginGroup | undefined
  /** Why its offset must not be committed any more: the assignment has ended, or the position was moved. */
  refusal(): KafkaError | undefined
  /** A transaction commits the offsets of this partition: the consumer no longer does that by itself. */
  claim(): void
}

/** The group of the consumer that delivered something. */
export interface OriginGroup {
  /** Of this moment. */
  readonly identity: GroupIdentity
  /** Not between a join and its assignment: the coordinator would accept the new generation for a partition that moves away. */
  readonly isSettled: boolean
  /** The coordinator refused the identity of this generation: the member finds out what it is now, or that its partitions are lost. */
  refused(code: ErrorCode, generation: number): void
}
