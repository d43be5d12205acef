import {
  type Acl,
  type AclFilter,
  operations,
  patternTypes,
  permissionTypes,
  resourceTypes,
} from '../state/rights/acl.ts'
import { codes } from './support.ts'

/** A filter in the fields of DescribeAcls and DeleteAcls. */
interface WrittenFilter {
  readonly resourceTypeFilter: number
  readonly resourceNameFilter: string | null
  readonly patternTypeFilter: number
  readonly principalFilter: string | null
  readonly hostFilter: string | null
  readonly operation: number
  readonly permissionType: number
}

export const securityDisabled = {
  errorCode: codes.of('SECURITY_DISABLED'),
  errorMessage: 'No Authorizer is configured.',
} as const

export function filterOf(written: WrittenFilter): AclFilter {
  const { operation, permissionType } = written
  return {
    resourceType: written.resourceTypeFilter,
    resourceName: written.resourceNameFilter,
    patternType: written.patternTypeFilter,
    principal: written.principalFilter,
    host: written.hostFilter,
    operation,
    permissionType,
  }
}

type Kinds = Pick<Acl, 'resourceType' | 'patternType' | 'operation' | 'permissionType'>

/** 0 is invalid in every field, and Kafka closes the connection. Other unknown values are rejected later. */
export function isUnreadable({ resourceType, patternType, operation, permissionType }: Kinds): boolean {
  return [resourceType, patternType, operation, permissionType].includes(0)
}

/** Has a value that is valid only in filters. */
export function isFilterOnly({ resourceType, patternType, operation, permissionType }: Kinds): boolean {
  const isOpenPattern = patternType === patternTypes.ANY || patternType === patternTypes.MATCH
  const isOpenEntry = operation === operations.ANY || permissionType === permissionTypes.ANY
  return resourceType === resourceTypes.ANY || isOpenPattern || isOpenEntry
}
