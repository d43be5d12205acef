import type { ErrorName } from '@ottla/codec'
import type { Struct } from '../faults/blank.ts'
import type { EntityPlace } from '../faults/places.ts'
import type { Operation, ResourceType } from '../state/rights/acl.ts'
import type { Permissions } from './permissions.ts'

/** One request that is asked for its rights. */
export interface Asked {
  readonly permissions: Permissions
  readonly request: Struct
  readonly version: number
  /** `User:alice`. */
  readonly principal: string
  /** How Kafka writes the request where it tells of it. */
  readonly words: string
  /** Undefined for an id that no topic has. */
  nameOfTopic(topicId: string): string | undefined
  /** Undefined for a name that no topic has. */
  idOfTopic(name: string): string | undefined
  /** 0 for a name that no topic has. */
  partitionCount(topic: string): number
}

/** Why something is not done. */
export interface Denial {
  readonly error: ErrorName
  /** Default: none. */
  readonly message?: string
}

export interface ErrorFields {
  readonly errorCode: number
  readonly errorMessage: string | null
}

/** One of the things that a request is about. */
export interface Entity {
  readonly name: string
  /** Its fields in the request; just the name where it has no other. */
  readonly fields: Struct
}

/** What one API needs rights for, in the order in which Kafka asks. */
export interface Rule {
  /** Brokers pass it on: what the controller knows of ACLs decides. */
  readonly byController?: true
  /** For the request as a whole: the first that is missing is its end. */
  readonly whole?: readonly ((asked: Asked) => Denial | undefined)[]
  /** For each of its entities: those that lack it fail, the rest is served. */
  readonly each?: (asked: Asked, entity: Entity) => Denial | undefined
  /** Where the entities are, when `faults/places.ts` does not say. */
  readonly place?: EntityPlace
  /** What is said of a request that failed as a whole; `top`: what the version can say at the top of the answer. */
  readonly fail?: (asked: Asked, error: ErrorFields, top: Struct) => Struct
  /** What of the answer the client may see. */
  readonly rewrite?: (asked: Asked, response: Struct) => Struct
}

/** Kafka's words for the errors. */
const errors = {
  TOPIC: { error: 'TOPIC_AUTHORIZATION_FAILED', message: 'Topic authorization failed.' },
  GROUP: { error: 'GROUP_AUTHORIZATION_FAILED', message: 'Group authorization failed.' },
  CLUSTER: { error: 'CLUSTER_AUTHORIZATION_FAILED', message: 'Cluster authorization failed.' },
  TRANSACTIONAL_ID: {
    error: 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
    message: 'Transactional Id authorization failed.',
  },
  DELEGATION_TOKEN: {
    error: 'DELEGATION_TOKEN_AUTHORIZATION_FAILED',
    message: 'Delegation Token authorization failed.',
  },
} as const satisfies Partial<Record<ResourceType, Denial>>

/** Whether the message of the error is told. */
type Telling = 'silent' | 'told'

export function denied(type: keyof typeof errors, telling: Telling = 'silent'): Denial {
  return telling === 'told' ? errors[type] : { error: errors[type].error }
}

type Whole = NonNullable<Rule['whole']>[number]
type Each = NonNullable<Rule['each']>

/** The group that the request names. */
export function group(operation: Operation, telling: Telling = 'silent'): Whole {
  return ({ permissions, request }) =>
    permissions.may(operation, 'GROUP', String(request.groupId)) ? undefined : denied('GROUP', telling)
}

/** The transactional id that the request names. */
export function transaction(operation: Operation): Whole {
  return ({ permissions, request }) => {
    const id = request.transactionalId ?? request.v3AndBelowTransactionalId
    return permissions.may(operation, 'TRANSACTIONAL_ID', String(id)) ? undefined : denied('TRANSACTIONAL_ID')
  }
}

/** The cluster. Where Kafka throws it names the request. */
export function cluster(operation: Operation, telling: Telling | 'thrown' = 'silent'): Whole {
  return ({ permissions, words }) => {
    if (permissions.mayOnCluster(operation)) return undefined
    if (telling !== 'thrown') return denied('CLUSTER', telling)
    return { ...denied('CLUSTER'), message: `Request ${words} needs ${operation} permission.` }
  }
}

/** All topics that a list of names in the request names: without one of them nothing is done. */
export function allTopics(operation: Operation, namesOf: (request: Struct) => readonly string[]): Whole {
  return ({ permissions, request }) =>
    namesOf(request).every((name) => permissions.may(operation, 'TOPIC', name)) ? undefined : denied('TOPIC')
}

/** The entity itself. */
export function entity(operation: Operation, type: keyof typeof errors, telling: Telling = 'silent'): Each {
  return ({ permissions }, { name }) => (permissions.may(operation, type, name) ? undefined : denied(type, telling))
}

export function listIn(struct: Struct, field: string): readonly Struct[] {
  const list = struct[field]
  return Array.isArray(list) ? list : []
}
