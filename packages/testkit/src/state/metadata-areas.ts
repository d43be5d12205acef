import { noResourceConfigs, type ResourceConfigs } from './configs/resource-configs.ts'
import { type Features, newFeatures } from './features.ts'
import { type ClientQuotas, noQuotas } from './quotas/client-quotas.ts'
import type { Acl } from './rights/acl.ts'
import type { DelegationTokens } from './rights/delegation-tokens.ts'
import type { ScramUsers } from './rights/scram-users.ts'

/** The controller's metadata besides brokers and topics. Each area is immutable: a decision replaces the whole area. */
export interface MetadataAreas {
  /** Dynamic broker configs by broker id; '' is the cluster default. */
  readonly brokerConfigs: ReadonlyMap<string, ReadonlyMap<string, string>>
  /** Configs of groups and of client metrics. */
  readonly resourceConfigs: ResourceConfigs
  readonly clientQuotas: ClientQuotas
  readonly acls: readonly Acl[]
  readonly scramUsers: ScramUsers
  readonly delegationTokens: DelegationTokens
  /** The finalized feature levels. */
  readonly features: Features
  /** The end offset of the metadata log after this decision, set by the controller. */
  readonly metadataOffset: number
}

/** The areas of a new cluster. */
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

/** Applies the areas that a decision changes. */
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
