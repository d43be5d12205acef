import type { BrokerAddress, KafkaError } from '../errors.ts'

export interface DeliveryFailedEvent {
  readonly topic: string
  /** Undefined: the partition was not determined. */
  readonly partition: number | undefined
  /** How many records failed together: those of a batch, or of a topic whose partitions are unknown. */
  readonly records: number
  /**
   * Some of them were passed to `enqueue` without a callback, so that no promise and no callback reports them: this event is the only
   * report.
   */
  readonly unreported: boolean
  readonly error: KafkaError
}

export interface ProducerIdentity {
  readonly producerId: bigint
  readonly epoch: number
}

export interface IdentityChangedEvent {
  readonly previous: ProducerIdentity
  /** Undefined: the brokers refuse the id or its epochs are used up, and a new id is requested. */
  readonly current: ProducerIdentity | undefined
}

export interface LeaderMovedEvent {
  /** The id of the broker that has not responded. */
  readonly brokerId: number
  /** For how long. */
  readonly silentMs: number
  /** The partitions in flight that have another leader now. */
  readonly partitions: readonly { readonly topic: string; readonly partition: number }[]
}

export interface ProduceThrottledEvent {
  readonly broker: BrokerAddress
  readonly throttleMs: number
}

/** The events of `producer.on(…)`. They are notifications: the producer waits for no listener, and none requires handling. */
export interface ProducerEventMap {
  /** Records failed for good, with or without a callback. Not for those whose caller aborted the call. */
  deliveryFailed: (event: DeliveryFailedEvent) => void
  /** Sequence numbers begin again under another epoch or id, after a failure (KIP-360). Nothing is lost or written twice by it. */
  identityChanged: (event: IdentityChangedEvent) => void
  /** A broker was silent while leaders moved away from it: its connection is closed, and the batches are sent to the new leaders. */
  leaderMoved: (event: LeaderMovedEvent) => void
  /** A broker throttles this producer (KIP-219): the next request to it waits. */
  throttled: (event: ProduceThrottledEvent) => void
}
