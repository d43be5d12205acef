import { noResourceConfigs, type ResourceConfigs } from './configs/resource-configs.ts'
import { type Features, newFeatures } from './features.ts'
import { type ClientQuotas, noQuotas } from './quotas/client-quotas.ts'
import type { Acl } from './rights/acl.ts'
import type { DelegationTokens } from './rights/delegation-tokens.ts'
import type { ScramUsers } from './rights/scram-users.ts'

/** What the controller decides beside brokers and topics. Each is immutable: a decision brings the whole of it. */
export interface MetadataAreas {
  /** Dynamic broker configs: by broker id, '' for the default of all. */
  readonly brokerConfigs: ReadonlyMap<string, ReadonlyMap<string, string>>
  /** Configs of groups and of client metrics. */
  readonly resourceConfigs: ResourceConfigs
  readonly clientQuotas: ClientQuotas
  readonly acls: readonly Acl[]
  readonly scramUsers: ScramUsers
  readonly delegationTokens: DelegationTokens
  /** Levels of features as they are finalized. */
  readonly features: Features
  /** Where the metadata log ends with this decision; the controller says so. */
  readonly metadataOffset: number
}

/** As in a new cluster. */
export const noAreas: MetadataAreas = {
  brokerConfigs: new Map(),
  resourceConfigs: noResourceConfigs,
  clientQuotas: noQuotas,
  acls: [],
  scramUsers: new Map(),
  delegationTokens: new Map(),
  features: newFeatures,
  metadataOffset: 0,
}

/** With those areas that a decision changes. */
export function withAreas(areas: MetadataAreas, delta: Partial<MetadataAreas>): MetadataAreas {
  const {
    brokerConfigs = areas.brokerConfigs,
    resourceConfigs = areas.resourceConfigs,
    clientQuotas = areas.clientQuotas,
    acls = areas.acls,
    scramUsers = areas.scramUsers,
    delegationTokens = areas.delegationTokens,
    features = areas.features,
    metadataOffset = areas.metadataOffset,
  } = delta
  const security = { acls, scramUsers, delegationTokens }
  return { brokerConfigs, resourceConfigs, clientQuotas, ...security, features, metadataOffset }
}
