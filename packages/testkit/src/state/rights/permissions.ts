import { clusterName, type Operation, operations, type ResourceType } from './acl.ts'
import type { AclImage } from './acl-image.ts'
import type { Authorizer, Subject } from './authorizer.ts'

/** What there is to be done with a resource of each type. */
const operationsOf: Readonly<Record<ResourceType, readonly Operation[]>> = {
  TOPIC: ['READ', 'WRITE', 'CREATE', 'DELETE', 'ALTER', 'DESCRIBE', 'DESCRIBE_CONFIGS', 'ALTER_CONFIGS'],
  GROUP: ['READ', 'DELETE', 'DESCRIBE', 'DESCRIBE_CONFIGS', 'ALTER_CONFIGS'],
  CLUSTER: ['CREATE', 'ALTER', 'DESCRIBE', 'CLUSTER_ACTION', 'DESCRIBE_CONFIGS', 'ALTER_CONFIGS', 'IDEMPOTENT_WRITE'],
  TRANSACTIONAL_ID: ['WRITE', 'DESCRIBE', 'TWO_PHASE_COMMIT'],
  DELEGATION_TOKEN: ['DESCRIBE'],
  USER: ['CREATE_TOKENS', 'DESCRIBE_TOKENS'],
}

/** What the client of one request may do. */
export interface Permissions {
  /** False where there is no authorizer: then nothing has to be asked. */
  readonly areChecked: boolean
  may(operation: Operation, type: ResourceType, name: string): boolean
  /** With the cluster as such. */
  mayOnCluster(operation: Operation): boolean
  /** With at least one resource of a type, of whatever name. */
  mayOnAny(operation: Operation, type: ResourceType): boolean
  /** All that it may do with a resource, as bits of Kafka's operations. */
  operationsOn(type: ResourceType, name: string): number
}

const yes = () => true

/** Where nothing is restricted. */
export const allPermissions: Permissions = {
  areChecked: false,
  may: yes,
  mayOnCluster: yes,
  mayOnAny: yes,
  operationsOn: (type) => bitsOf(operationsOf[type]),
}

export interface PermissionsOptions {
  readonly authorizer: Authorizer
  /** Asked at each question: they change. */
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
