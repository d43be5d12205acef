import type { TopicPartition } from '../cluster/topology.ts'
import type { Emitter } from '../emitter.ts'
import type { KafkaError } from '../errors.ts'

export interface ShareRebalancedEvent {
  readonly groupId: string
  readonly memberId: string
  readonly assigned: readonly TopicPartition[]
  readonly added: readonly TopicPartition[]
  readonly revoked: readonly TopicPartition[]
}

/** A record of a share group, in an event. */
export interface ShareRecordPlace {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly deliveryCount: number
}

export interface JobFailedEvent extends ShareRecordPlace {
  /** What the handler threw. */
  readonly error: unknown
}

export interface LockLostEvent extends ShareRecordPlace {
  readonly error: KafkaError
}

export interface AcknowledgeFailedEvent extends ShareRecordPlace {
  readonly type: 'accept' | 'release' | 'reject'
  readonly error: KafkaError
}

/** What was done with records that cannot be read. */
export interface ShareUnreadableEvent {
  readonly topic: string
  readonly partition: number
  readonly firstOffset: bigint
  readonly lastOffset: bigint
  readonly action: 'reject' | 'release'
  readonly error: unknown
}

/** The events of `shareConsumer.on(…)`. They are notifications only: nothing awaits a listener. */
export interface ShareConsumerEventMap {
  /** The assignment of this member changed. */
  rebalanced: (event: ShareRebalancedEvent) => void
  /** A handler of `run` threw, and its record was released. */
  jobFailed: (event: JobFailedEvent) => void
  /** The lock of a record ended before the record was acknowledged: the broker delivers it again. */
  lockLost: (event: LockLostEvent) => void
  /** The broker did not apply what was decided about a record, also where nothing awaits it. */
  acknowledgeFailed: (event: AcknowledgeFailedEvent) => void
  /** Records could not be read: they are corrupt, compressed in an unknown way, or a serde refused them. */
  unreadable: (event: ShareUnreadableEvent) => void
  closed: () => void
}

export type ShareConsumerEvents = Emitter<ShareConsumerEventMap>
