import { CreateAcls, type Decoded } from '@ottla/codec'
import { createAcls } from '../controllers/acls.ts'
import type { Acl } from '../state/rights/acl.ts'
import { isFilterOnly, isUnreadable, securityDisabled } from './acls-support.ts'
import { type Handler, serves } from './handler.ts'
import { closeConnection } from './reply.ts'
import { allVersions, codes } from './support.ts'

type Creation = Decoded<typeof CreateAcls.request>['creations'][number]

const handle: Handler<typeof CreateAcls> = ({ cluster }, { creations }) => {
  const acls = creations.map(aclOf)
  if (acls.some(isUnreadable)) return closeConnection
  if (cluster.authorizer === undefined) {
    return { throttleTimeMs: 0, results: creations.map(() => securityDisabled) }
  }
  // Kafka fails on these unexpectedly, for all creations.
  if (acls.some(isFilterOnly)) return { throttleTimeMs: 0, results: acls.map(() => unexpected) }
  const results = createAcls(cluster.controller, acls).map((refusal) => ({
    errorCode: codes.of(refusal?.error),
    errorMessage: refusal?.message ?? '',
  }))
  return { throttleTimeMs: 0, results }
}

const unexpected = { errorCode: codes.of('UNKNOWN_SERVER_ERROR'), errorMessage: null }

function aclOf({ resourcePatternType, ...rest }: Creation): Acl {
  return { ...rest, patternType: resourcePatternType }
}

export const createAclsHandler = serves(CreateAcls, allVersions(CreateAcls), handle)
