import type { BrokerConfig } from '../configs/broker-config.ts'
import {
  type Acl,
  everyone,
  type Operation,
  operations,
  patternTypes,
  permissionTypes,
  type ResourceType,
  resourceTypes,
  wildcard,
} from './acl.ts'
import type { AclImage } from './acl-image.ts'

/** The principal and host of a request. */
export interface Subject {
  /** `User:alice`. */
  readonly principal: string
  readonly host: string
}

export interface AuthorizerOptions {
  readonly superUsers: readonly string[]
  readonly allowEveryoneIfNoAclFound: boolean
}

/** Each of these operations implies DESCRIBE. */
const impliesDescribe: ReadonlySet<number> = new Set([
  operations.DESCRIBE,
  operations.READ,
  operations.WRITE,
  operations.DELETE,
  operations.ALTER,
])
const impliesDescribeConfigs: ReadonlySet<number> = new Set([operations.DESCRIBE_CONFIGS, operations.ALTER_CONFIGS])

/** Kafka's StandardAuthorizer: a DENY wins over an ALLOW; without either the default applies. */
export class Authorizer {
  readonly #superUsers: ReadonlySet<string>
  readonly #allowsByDefault: boolean

  constructor({ superUsers, allowEveryoneIfNoAclFound }: AuthorizerOptions) {
    this.#superUsers = new Set(superUsers)
    this.#allowsByDefault = allowEveryoneIfNoAclFound
  }

  authorize(acls: AclImage, subject: Subject, operation: Operation, type: ResourceType, name: string): boolean {
    if (this.#superUsers.has(subject.principal)) return true
    const wanted = operations[operation]
    let isNamed = false
    let isAllowed = false
    for (const acl of acls.covering(resourceTypes[type], name)) {
      // Any ACL, for any principal, ends the default access to the resource.
      isNamed = true
      if (!appliesTo(acl, subject)) continue
      if (acl.permissionType === permissionTypes.DENY) {
        if (acl.operation === operations.ALL || acl.operation === wanted) return false
      } else if (allows(acl.operation, wanted)) isAllowed = true
    }
    return isAllowed || (!isNamed && this.#allowsByDefault)
  }

  /** Whether the operation is allowed for at least one possible resource of a type. */
  authorizeAny(acls: AclImage, subject: Subject, operation: Operation, type: ResourceType): boolean {
    if (this.authorize(acls, subject, operation, type, 'hardcode')) return true
    const wanted = operations[operation]
    const own = acls
      .ofType(resourceTypes[type])
      .filter((acl) => appliesTo(acl, subject) && (acl.operation === wanted || acl.operation === operations.ALL))
    const denied = own.filter(({ permissionType }) => permissionType === permissionTypes.DENY)
    if (denied.some((acl) => isLiteral(acl) && acl.resourceName === wildcard)) return false
    const allowed = own.filter(({ permissionType }) => permissionType === permissionTypes.ALLOW)
    return allowed.some((acl) => !denied.some((other) => outweighs(other, acl)))
  }
}

/** The authorizer of a broker's configs; undefined without one. Throws TypeError for invalid configs. */
export function authorizerOf(config: BrokerConfig): Authorizer | undefined {
  const className = config.text('authorizer.class.name')
  if (className === '') return undefined
  if (className !== standardAuthorizer) {
    throw new TypeError(`Config 'authorizer.class.name' must be ${standardAuthorizer}, not '${className}'`)
  }
  const superUsers = config
    .text('super.users')
    .split(';')
    .map((user) => user.trim())
    .filter((user) => user !== '')
  for (const user of superUsers) {
    if (!/^[^:]+:/.test(user)) throw new TypeError(`Config 'super.users' must list users as User:name, not '${user}'`)
  }
  return new Authorizer({ superUsers, allowEveryoneIfNoAclFound: config.boolean('allow.everyone.if.no.acl.found') })
}

export const standardAuthorizer = 'org.apache.kafka.metadata.authorizer.StandardAuthorizer'

function appliesTo(acl: Acl, { principal, host }: Subject): boolean {
  if (acl.principal !== principal && acl.principal !== everyone) return false
  return acl.host === wildcard || acl.host === host
}

function allows(operation: number, wanted: number): boolean {
  if (operation === operations.ALL) return true
  if (wanted === operations.DESCRIBE) return impliesDescribe.has(operation)
  if (wanted === operations.DESCRIBE_CONFIGS) return impliesDescribeConfigs.has(operation)
  return operation === wanted
}

const isLiteral = ({ patternType }: Acl) => patternType === patternTypes.LITERAL

/** Whether the denied resources include all allowed ones. */
function outweighs(denied: Acl, allowed: Acl): boolean {
  if (isLiteral(allowed) && allowed.resourceName === wildcard) return false
  if (isLiteral(denied)) return isLiteral(allowed) && denied.resourceName === allowed.resourceName
  return allowed.resourceName.startsWith(denied.resourceName)
}
