/** Kafka's numbers of what ACLs are made of. */
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

/** What a request may need a right for. */
export type ResourceType = Exclude<keyof typeof resourceTypes, 'ANY'>
export type Operation = Exclude<keyof typeof operations, 'ANY' | 'ALL'>

/** The name of the one resource of the type CLUSTER. */
export const clusterName = 'kafka-cluster'

/** As a resource's name: all of them. As a host: any. */
export const wildcard = '*'

/** All users. */
export const everyone = 'User:*'

/** One rule: it is what its fields say, and is there once or not at all. */
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

/** What is left open is null, or ANY. */
export interface AclFilter {
  readonly resourceType: number
  readonly resourceName: string | null
  readonly patternType: number
  readonly principal: string | null
  readonly host: string | null
  readonly operation: number
  readonly permissionType: number
}

/** Two ACLs with the same key are one. */
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
  // MATCH: whatever has a say on the resource of that name.
  return patternType === MATCH ? coversName(acl, resourceName) : resourceName === acl.resourceName
}

/** Whether it has a say on the resource of that name. */
function coversName({ patternType, resourceName }: Acl, name: string): boolean {
  if (patternType === patternTypes.PREFIXED) return name.startsWith(resourceName)
  return resourceName === name || resourceName === wildcard
}
