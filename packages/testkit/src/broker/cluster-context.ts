import type { DelegationTokenManager } from '../controllers/delegation-tokens.ts'
import type { MutationQuotas } from '../controllers/mutation-quotas.ts'
import type { Release } from '../state/releases.ts'
import type { ReadReplicaSelector } from '../state/replicas/read-replica.ts'
import type { Authorizer } from '../state/rights/authorizer.ts'
import type { Broker, BrokerHost } from './broker.ts'

/** The cluster as handlers see it. Dynamic configs are in the controller. */
export interface ClusterContext extends BrokerHost {
  readonly clusterId: string
  /** The release of Kafka that the brokers offer; undefined: the latest. */
  readonly release?: Release | undefined
  readonly mutationQuotas: MutationQuotas
  /** Undefined: no authorization. */
  readonly authorizer: Authorizer | undefined
  /** Undefined: consumers read from leaders. */
  readonly readReplicas: ReadReplicaSelector | undefined
  readonly tokens: DelegationTokenManager
  brokers(): readonly Broker[]
}
