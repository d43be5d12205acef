import { standardAuthorizer } from '../state/rights/authorizer.ts'

export interface AclOptions {
  /** They may do everything: `User:alice`, or `alice`. */
  readonly superUsers?: readonly string[]
  /** What no ACL names is open to everyone. Default: it is closed. */
  readonly allowEveryoneIfNoAclFound?: boolean
}

/** The broker configs that say the same. */
export function authorizerConfig(acls: boolean | AclOptions | undefined): Record<string, string | boolean> {
  if (acls === undefined || acls === false) return {}
  const { superUsers = [], allowEveryoneIfNoAclFound = false } = acls === true ? {} : acls
  return {
    'authorizer.class.name': standardAuthorizer,
    'super.users': superUsers.map((user) => (user.includes(':') ? user : `User:${user}`)).join(';'),
    'allow.everyone.if.no.acl.found': allowEveryoneIfNoAclFound,
  }
}
