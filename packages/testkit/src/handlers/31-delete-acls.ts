import { DeleteAcls } from '@ottla/codec'
import { deleteAcls } from '../controllers/acls.ts'
import { filterOf, isUnreadable, securityDisabled } from './acls-support.ts'
import { type Handler, serves } from './handler.ts'
import { closeConnection } from './reply.ts'
import { allVersions, codes } from './support.ts'

const handle: Handler<typeof DeleteAcls> = ({ cluster }, { filters }) => {
  const wanted = filters.map(filterOf)
  if (wanted.some(isUnreadable)) return closeConnection
  if (cluster.authorizer === undefined) {
    return { throttleTimeMs: 0, filterResults: filters.map(() => ({ ...securityDisabled, matchingAcls: [] })) }
  }
  const filterResults = deleteAcls(cluster.controller, wanted).map((removed) =>
    'error' in removed
      ? { errorCode: codes.of(removed.error), errorMessage: removed.message, matchingAcls: [] }
      : {
          errorCode: 0,
          errorMessage: null,
          matchingAcls: removed.map((acl) => ({ errorCode: 0, errorMessage: null, ...acl })),
        },
  )
  return { throttleTimeMs: 0, filterResults }
}

export const deleteAclsHandler = serves(DeleteAcls, allVersions(DeleteAcls), handle)
