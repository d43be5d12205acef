import type { ErrorName } from '@ottla/codec'
import {
  type Acl,
  type AclFilter,
  aclKey,
  clusterName,
  operations,
  patternTypes,
  permissionTypes,
  resourceTypes,
} from '../state/rights/acl.ts'
import { noAcls } from '../state/rights/acl-image.ts'
import type { Controller } from './controller.ts'

export interface AclRefusal {
  readonly error: ErrorName
  readonly message: string
}

/** The result for each ACL: undefined when it exists now (also when it existed before). */
export function createAcls(controller: Controller, acls: readonly Acl[]): (AclRefusal | undefined)[] {
  const image = controller.state.acls ?? noAcls
  const added = new Map<string, Acl>()
  const results = acls.map((acl) => {
    const refusal = refusalOf(acl)
    if (refusal === undefined && !image.has(acl)) added.set(aclKey(acl), acl)
    return refusal
  })
  if (added.size > 0) controller.decide({ acls: [...image.all(), ...added.values()] })
  return results
}

/** The ACLs each filter removed, or why it failed. An ACL that matches several filters is in each of their results. */
export function deleteAcls(controller: Controller, filters: readonly AclFilter[]): (readonly Acl[] | AclRefusal)[] {
  const image = controller.state.acls ?? noAcls
  const removed = new Set<Acl>()
  const results = filters.map((filter) => {
    const refusal = filterRefusal(filter)
    if (refusal !== undefined) return refusal
    const found = image.matching(filter)
    for (const acl of found) removed.add(acl)
    return found
  })
  if (removed.size > 0) controller.decide({ acls: [...image.all()].filter((acl) => !removed.has(acl)) })
  return results
}

function refusalOf(acl: Acl): AclRefusal | undefined {
  if (acl.resourceType === resourceTypes.CLUSTER && acl.resourceName !== clusterName) {
    return refuse(`The only valid name for the CLUSTER resource is ${clusterName}`)
  }
  if (acl.resourceName === '') return refuse('Invalid empty resource name')
  if (!isKnown(resourceTypes, acl.resourceType)) return refuse('Invalid resourceType UNKNOWN')
  if (!isKnown(patternTypes, acl.patternType)) return refuse('Invalid patternType UNKNOWN')
  if (!isKnown(operations, acl.operation)) return refuse('Invalid operation UNKNOWN')
  if (!isKnown(permissionTypes, acl.permissionType)) return refuse('Invalid permissionType UNKNOWN')
  if (acl.principal.includes(':')) return undefined
  const why = 'no colon is present separating the principal type from the principal name'
  return refuse(`Could not parse principal from \`${acl.principal}\` (${why})`)
}

function filterRefusal({ resourceType, patternType, operation, permissionType }: AclFilter): AclRefusal | undefined {
  const isPattern = isKnown(resourceTypes, resourceType) && isKnown(patternTypes, patternType)
  if (!isPattern) return refuse('Unknown patternFilter.')
  const isEntry = isKnown(operations, operation) && isKnown(permissionTypes, permissionType)
  return isEntry ? undefined : refuse('Unknown entryFilter.')
}

const refuse = (message: string): AclRefusal => ({ error: 'INVALID_REQUEST', message })

const isKnown = (table: Readonly<Record<string, number>>, value: number) => Object.values(table).includes(value)
