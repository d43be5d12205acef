import { DescribeAcls } from '@ottla/codec'
import type { Acl } from '../state/rights/acl.ts'
import { noAcls } from '../state/rights/acl-image.ts'
import { filterOf, isUnreadable } from './acls-support.ts'
import { type Handler, serves } from './handler.ts'
import { closeConnection } from './reply.ts'
import { allVersions, codes } from './support.ts'

const handle: Handler<typeof DescribeAcls> = ({ broker, cluster }, request) => {
  const filter = filterOf(request)
  if (isUnreadable(filter)) return closeConnection
  if (cluster.authorizer === undefined) {
    const errorMessage = 'No Authorizer is configured on the broker'
    return { throttleTimeMs: 0, errorCode: codes.of('SECURITY_DISABLED'), errorMessage, resources: [] }
  }
  const found = (broker.view.acls ?? noAcls).matching(filter)
  const byResource = new Map<string, Acl[]>()
  for (const acl of found) {
    const key = JSON.stringify([acl.resourceType, acl.patternType, acl.resourceName])
    byResource.set(key, [...(byResource.get(key) ?? []), acl])
  }
  return { throttleTimeMs: 0, errorCode: 0, errorMessage: '', resources: [...byResource.values()].flatMap(described) }
}

/** The ACLs of one resource. */
function described(acls: readonly Acl[]) {
  const [first] = acls
  if (first === undefined) return []
  const { resourceType, resourceName, patternType } = first
  return [
    {
      resourceType,
      resourceName,
      patternType,
      acls: acls.map(({ principal, host, operation, permissionType }) => ({
        principal,
        host,
        operation,
        permissionType,
      })),
    },
  ]
}

export const describeAclsHandler = serves(DescribeAcls, allVersions(DescribeAcls), handle)
