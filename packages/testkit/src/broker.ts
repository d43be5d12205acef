import type { ClusterContext } from './cluster-context.ts'
import type { BrokerServices } from './services.ts'
import type { Replica } from './state/replica.ts'

export interface Endpoint {
  readonly id: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
}

/** One node. */
export interface Broker {
  readonly id: number
  readonly cluster: ClusterContext
  readonly isUp: boolean
  /** Made at start, closed at death. */
  readonly services: BrokerServices
  /** The address of a live broker as this one knows it; undefined when it is fenced or unknown here. */
  endpointOf(brokerId: number): Endpoint | undefined
  /** The partition's leader as this broker knows it; -1 when there is none; undefined for an unknown partition. */
  leaderOf(topic: string, partition: number): number | undefined
  /** How many partitions a topic has as this broker knows it; 0 when it does not know the topic. */
  partitionCount(topic: string): number
  /** This broker's own replica. */
  replica(topic: string, partition: number): Replica | undefined
}
