import { standardAuthorizer } from '../state/rights/authorizer.ts'

export interface AclOptions {
  /** Principals with all rights: `User:alice`, or `alice`. */
  readonly superUsers?: readonly string[]
  /** Everyone may access resources without ACLs. Default: no one but super users. */
  readonly allowEveryoneIfNoAclFound?: boolean
}

/** The corresponding broker configs. */
export function authorizerConfig(acls: boolean | AclOptions | undefined): Record<string, string | boolean> {
  if (acls === undefined || acls === false) return {}
  const { superUsers = [], allowEveryoneIfNoAclFound = false } = acls === true ? {} : acls
  return {
    'authorizer.class.name': standardAuthorizer,
    'super.users': superUsers.map((user) => (user.includes(':') ? user : `User:${user}`)).join(';'),
    'allow.everyone.if.no.acl.found': allowEveryoneIfNoAclFound,
  }
}
