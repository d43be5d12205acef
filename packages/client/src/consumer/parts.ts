import type { Runtime } from '@ottla/runtime'
import type { EventEmitter } from 'eventemitter3'
import type { ConnectionPurpose } from '../cluster/broker.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { KafkaError } from '../errors.ts'
import type { Membership } from '../group/membership.ts'
import type { Committer } from './committer.ts'
import type { CursorMap } from './cursor.ts'
import type { ConsumerEventMap } from './events.ts'
import type { MissingTopics } from './missing-topics.ts'
import type { OffsetLookup } from './offsets.ts'
import type { ResolvedConsumerOptions } from './options.ts'
import type { Positions } from './positions.ts'
import type { Prefetch } from './prefetch.ts'
import type { Assignment } from './rebalance.ts'
import type { Source } from './source.ts'
import type { Subscription } from './subscription.ts'

/**
 * The parts of one consumer, as `wiring.ts` connects them. A part that is created later must not be read in a
 * constructor.
 */
export interface ConsumerParts {
  readonly cluster: Cluster
  readonly runtime: Runtime
  readonly options: ResolvedConsumerOptions
  readonly fetchPurpose: ConnectionPurpose
  readonly latePurpose: ConnectionPurpose
  readonly groupPurpose: ConnectionPurpose
  readonly heartbeatPurpose: ConnectionPurpose
  readonly events: EventEmitter<ConsumerEventMap>
  readonly cursors: CursorMap
  readonly lookup: OffsetLookup
  readonly subscription: Subscription
  readonly missing: MissingTopics
  readonly prefetch: Prefetch
  readonly source: Source
  readonly membership: Membership | undefined
  readonly committer: Committer
  readonly positions: Positions
  readonly assignment: Assignment
  /** Whether requesting the next message marks the previous one as processed. */
  readonly mark: boolean
  readonly state: string
  readonly fatal: KafkaError | undefined
  /** Aborts when the consumer closes. */
  readonly closing: AbortSignal
  readonly graceMs: number
  assigned(): void
  lag(): number
  emit<E extends keyof ConsumerEventMap>(event: E, ...data: Parameters<ConsumerEventMap[E]>): void
  fail(error: KafkaError): void
  evict(error: KafkaError): void
}
