import type { Broker } from './broker.ts'
import type { Replica } from './state/replica.ts'

/**
 * What runs on a broker above its partitions: coordinators whose state lives in the log of an internal topic. A service is
 * made when its broker starts and closed when it dies; it keeps nothing but what it can read again from the log.
 */
export interface BrokerService {
  /** The broker became the leader: read the state with `replica.read…`, then serve. */
  onLeadershipGained?(replica: Replica): void
  /** The broker is no longer the leader: forget the state and fail what waits with NOT_COORDINATOR. */
  onLeadershipLost?(topic: string, partition: number): void
  /** A topic is gone: committed offsets for it must go too. */
  onTopicDeleted?(topic: string): void
  /** The broker dies or the cluster closes: clear timers, cancel what is held. */
  close(): void
}

/** The services by name, as handlers reach them: `context.broker.services.groups`. */
export type BrokerServices = Readonly<Record<never, BrokerService>>

export function createServices(_broker: Broker): BrokerServices {
  return {}
}
