/** Kafka's numbers of the parts of ACLs. */
export const resourceTypes = {
  ANY: 1,
  TOPIC: 2,
  GROUP: 3,
  CLUSTER: 4,
  TRANSACTIONAL_ID: 5,
  DELEGATION_TOKEN: 6,
  USER: 7,
} as const

export const patternTypes = { ANY: 1, MATCH: 2, LITERAL: 3, PREFIXED: 4 } as const

export const operations = {
  ANY: 1,
  ALL: 2,
  READ: 3,
  WRITE: 4,
  CREATE: 5,
  DELETE: 6,
  ALTER: 7,
  DESCRIBE: 8,
  CLUSTER_ACTION: 9,
  DESCRIBE_CONFIGS: 10,
  ALTER_CONFIGS: 11,
  IDEMPOTENT_WRITE: 12,
  CREATE_TOKENS: 13,
  DESCRIBE_TOKENS: 14,
  TWO_PHASE_COMMIT: 15,
} as const

export const permissionTypes = { ANY: 1, DENY: 2, ALLOW: 3 } as const

/** The resource types that requests are authorized for. */
export type ResourceType = Exclude<keyof typeof resourceTypes, 'ANY'>
export type Operation = Exclude<keyof typeof operations, 'ANY' | 'ALL'>

/** The name of the only resource of type CLUSTER. */
export const clusterName = 'kafka-cluster'

/** As a resource name: all resources of the type. As a host: any host. */
export const wildcard = '*'

/** All users. */
export const everyone = 'User:*'

/** An ACL; ACLs with equal fields are one. */
export interface Acl {
  readonly resourceType: number
  readonly resourceName: string
  readonly patternType: number
  /** `User:alice`. */
  readonly principal: string
  readonly host: string
  readonly operation: number
  readonly permissionType: number
}

/** Null or ANY matches everything. */
export interface AclFilter {
  readonly resourceType: number
  readonly resourceName: string | null
  readonly patternType: number
  readonly principal: string | null
  readonly host: string | null
  readonly operation: number
  readonly permissionType: number
}

/** Equal for equal ACLs. */
export function aclKey(acl: Acl): string {
  const { resourceType, patternType, operation, permissionType, resourceName, principal, host } = acl
  return JSON.stringify([resourceType, resourceName, patternType, principal, host, operation, permissionType])
}

export function matchesFilter(filter: AclFilter, acl: Acl): boolean {
  const isOpen = (wanted: number, any: number) => wanted === any
  if (!isOpen(filter.resourceType, resourceTypes.ANY) && filter.resourceType !== acl.resourceType) return false
  if (!isOpen(filter.operation, operations.ANY) && filter.operation !== acl.operation) return false
  if (!isOpen(filter.permissionType, permissionTypes.ANY) && filter.permissionType !== acl.permissionType) return false
  if (filter.principal !== null && filter.principal !== acl.principal) return false
  if (filter.host !== null && filter.host !== acl.host) return false
  return matchesPattern(filter, acl)
}

function matchesPattern({ patternType, resourceName }: AclFilter, acl: Acl): boolean {
  const { ANY, MATCH } = patternTypes
  if (patternType !== ANY && patternType !== MATCH && patternType !== acl.patternType) return false
  if (resourceName === null) return true
  // MATCH: every ACL that applies to the resource of that name.
  return patternType === MATCH ? coversName(acl, resourceName) : resourceName === acl.resourceName
}

/** Whether the ACL applies to the resource of that name. */
function coversName({ patternType, resourceName }: Acl, name: string): boolean {
  if (patternType === patternTypes.PREFIXED) return name.startsWith(resourceName)
  return resourceName === name || resourceName === wildcard
}
