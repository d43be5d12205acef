import type { Runtime } from '@ottla/runtime'
import type { Broker } from './broker.ts'
import type { Controller } from './controller.ts'
import type { DelegationTokenManager } from './controllers/delegation-tokens.ts'
import type { MutationQuotas } from './controllers/mutation-quotas.ts'
import type { Interventions } from './faults/interventions.ts'
import type { Links } from './network/links.ts'
import type { Release } from './releases.ts'
import type { BrokerConfig } from './state/configs/broker-config.ts'
import type { LogStorage } from './state/replicas/log-storage.ts'
import type { Authorizer } from './state/rights/authorizer.ts'
import type { SaslOptions } from './state/rights/sasl-options.ts'

/** The cluster as its brokers and handlers see it. */
export interface ClusterContext {
  readonly clusterId: string
  readonly runtime: Runtime
  /** Static broker configs (`createCluster({ config })` over the defaults); dynamic ones are in the controller. */
  readonly config: BrokerConfig
  /** The release that it is taken for; undefined: the latest. */
  readonly release?: Release | undefined
  readonly controller: Controller
  readonly mutationQuotas: MutationQuotas
  readonly links: Links
  readonly sasl: SaslOptions | undefined
  /** Undefined: everyone may do everything. */
  readonly authorizer: Authorizer | undefined
  readonly tokens: DelegationTokenManager
  /** Faults and the log of traffic. */
  readonly interventions: Interventions
  /** The disk of a broker; undefined: its logs are in memory alone. */
  readonly storageOf?: (brokerId: number) => LogStorage | undefined
  broker(id: number): Broker | undefined
  brokers(): readonly Broker[]
  /** Tells whoever runs the test what a client did that cannot be answered. */
  diagnose(message: string): void
}
