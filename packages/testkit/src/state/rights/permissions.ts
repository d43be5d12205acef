import { clusterName, type Operation, operations, type ResourceType } from './acl.ts'
import type { AclImage } from './acl-image.ts'
import type { Authorizer, Subject } from './authorizer.ts'

/** The operations on each type of resource. */
const operationsOf: Readonly<Record<ResourceType, readonly Operation[]>> = {
  TOPIC: ['READ', 'WRITE', 'CREATE', 'DELETE', 'ALTER', 'DESCRIBE', 'DESCRIBE_CONFIGS', 'ALTER_CONFIGS'],
  GROUP: ['READ', 'DELETE', 'DESCRIBE', 'DESCRIBE_CONFIGS', 'ALTER_CONFIGS'],
  CLUSTER: ['CREATE', 'ALTER', 'DESCRIBE', 'CLUSTER_ACTION', 'DESCRIBE_CONFIGS', 'ALTER_CONFIGS', 'IDEMPOTENT_WRITE'],
  TRANSACTIONAL_ID: ['WRITE', 'DESCRIBE', 'TWO_PHASE_COMMIT'],
  DELEGATION_TOKEN: ['DESCRIBE'],
  USER: ['CREATE_TOKENS', 'DESCRIBE_TOKENS'],
}

/** The rights of the client of one request. */
export interface Permissions {
  /** False without an authorizer: everything is allowed. */
  readonly areChecked: boolean
  may(operation: Operation, type: ResourceType, name: string): boolean
  /** A right on the cluster itself. */
  mayOnCluster(operation: Operation): boolean
  /** A right on at least one resource of a type, of any name. */
  mayOnAny(operation: Operation, type: ResourceType): boolean
  /** All allowed operations on a resource, as bits of Kafka's operations. */
  operationsOn(type: ResourceType, name: string): number
}

const yes = () => true

/** Without an authorizer. */
export const allPermissions: Permissions = {
  areChecked: false,
  may: yes,
  mayOnCluster: yes,
  mayOnAny: yes,
  operationsOn: (type) => bitsOf(operationsOf[type]),
}

export interface PermissionsOptions {
  readonly authorizer: Authorizer
  /** Called for each check, since ACLs change. */
  readonly acls: () => AclImage
  readonly subject: Subject
}

export function permissionsOf({ authorizer, acls, subject }: PermissionsOptions): Permissions {
  const may = (operation: Operation, type: ResourceType, name: string) =>
    authorizer.authorize(acls(), subject, operation, type, name)
  return {
    areChecked: true,
    may,
    mayOnCluster: (operation) => may(operation, 'CLUSTER', clusterName),
    mayOnAny: (operation, type) => authorizer.authorizeAny(acls(), subject, operation, type),
    operationsOn: (type, name) => bitsOf(operationsOf[type].filter((operation) => may(operation, type, name))),
  }
}

function bitsOf(allowed: readonly Operation[]): number {
  return allowed.reduce((bits, operation) => bits | (1 << operations[operation]), 0)
}
