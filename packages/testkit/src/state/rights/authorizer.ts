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

/** Who asks, and from where. */
export interface Subject {
  /** `User:alice`. */
  readonly principal: string
  readonly host: string
}

export interface AuthorizerOptions {
  readonly superUsers: readonly string[]
  readonly allowEveryoneIfNoAclFound: boolean
}

/** To be allowed one of these is to be allowed to describe. */
const impliesDescribe: ReadonlySet<number> = new Set([
  operations.DESCRIBE,
  operations.READ,
  operations.WRITE,
  operations.DELETE,
  operations.ALTER,
])
const impliesDescribeConfigs: ReadonlySet<number> = new Set([operations.DESCRIBE_CONFIGS, operations.ALTER_CONFIGS])

/** Kafka's StandardAuthorizer: what denies wins, what allows comes next, and without either it is the default's turn. */
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
      // Whoever it is about: a resource that has ACLs is no longer open to everyone.
      isNamed = true
      if (!isAbout(acl, subject)) continue
      if (acl.permissionType === permissionTypes.DENY) {
        if (acl.operation === operations.ALL || acl.operation === wanted) return false
      } else if (allows(acl.operation, wanted)) isAllowed = true
    }
    return isAllowed || (!isNamed && this.#allowsByDefault)
  }

  /** Whether there can be a resource of a type for which it is allowed, whatever its name. */
  authorizeAny(acls: AclImage, subject: Subject, operation: Operation, type: ResourceType): boolean {
    if (this.authorize(acls, subject, operation, type, 'hardcode')) return true
    const wanted = operations[operation]
    const own = acls
      .ofType(resourceTypes[type])
      .filter((acl) => isAbout(acl, subject) && (acl.operation === wanted || acl.operation === operations.ALL))
    const denied = own.filter(({ permissionType }) => permissionType === permissionTypes.DENY)
    if (denied.some((acl) => isLiteral(acl) && acl.resourceName === wildcard)) return false
    const allowed = own.filter(({ permissionType }) => permissionType === permissionTypes.ALLOW)
    return allowed.some((acl) => !denied.some((other) => outweighs(other, acl)))
  }
}

/** The authorizer that a broker's configs ask for. Throws TypeError for what makes no sense. */
export function authorizerOf(config: BrokerConfig): Authorizer | undefined {
  const className = config.text('authorizer.class.name')
  if (className === '') return undefined
  if (className !== standardAuthorizer) {
    throw new TypeError(`config authorizer.class.name: ${className} is not ${standardAuthorizer}`)
  }
  const superUsers = config
    .text('super.users')
    .split(';')
    .map((user) => user.trim())
    .filter((user) => user !== '')
  for (const user of superUsers) {
    if (!/^[^:]+:/.test(user)) throw new TypeError(`config super.users: write '${user}' as User:name`)
  }
  return new Authorizer({ superUsers, allowEveryoneIfNoAclFound: config.boolean('allow.everyone.if.no.acl.found') })
}

export const standardAuthorizer = 'org.apache.kafka.metadata.authorizer.StandardAuthorizer'

function isAbout(acl: Acl, { principal, host }: Subject): boolean {
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

/** Whether what is denied leaves nothing of what is allowed. */
function outweighs(denied: Acl, allowed: Acl): boolean {
  if (isLiteral(allowed) && allowed.resourceName === wildcard) return false
  if (isLiteral(denied)) return isLiteral(allowed) && denied.resourceName === allowed.resourceName
  return allowed.resourceName.startsWith(denied.resourceName)
}
