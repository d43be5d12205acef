import { type ClientQuotas, noQuotas } from './client-quotas.ts'
import type { DelegationTokens } from './delegation-tokens.ts'
import { noResourceConfigs, type ResourceConfigs } from './resource-configs.ts'
import type { ScramUsers } from './scram-users.ts'

/** What the controller decides beside brokers and topics. Each is immutable: a decision brings the whole of it. */
export interface MetadataAreas {
  /** Dynamic broker configs: by broker id, '' for the default of all. */
  readonly brokerConfigs: ReadonlyMap<string, ReadonlyMap<string, string>>
  /** Configs of groups and of client metrics. */
  readonly resourceConfigs: ResourceConfigs
  readonly clientQuotas: ClientQuotas
  readonly scramUsers: ScramUsers
  readonly delegationTokens: DelegationTokens
}

/** As in a new cluster. */
export const noAreas: MetadataAreas = {
  brokerConfigs: new Map(),
  resourceConfigs: noResourceConfigs,
  clientQuotas: noQuotas,
  scramUsers: new Map(),
  delegationTokens: new Map(),
}

/** With those areas that a decision changes. */
export function withAreas(areas: MetadataAreas, delta: Partial<MetadataAreas>): MetadataAreas {
  const {
    brokerConfigs = areas.brokerConfigs,
    resourceConfigs = areas.resourceConfigs,
    clientQuotas = areas.clientQuotas,
    scramUsers = areas.scramUsers,
    delegationTokens = areas.delegationTokens,
  } = delta
  return { brokerConfigs, resourceConfigs, clientQuotas, scramUsers, delegationTokens }
}
