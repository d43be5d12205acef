import type { ErrorName } from '@ottla/codec'
import type { Struct } from '../messages/blank.ts'
import { listOf } from '../messages/entities.ts'
import type { EntityPlace } from '../messages/error-place.ts'
import type { Operation, ResourceType } from '../state/rights/acl.ts'
import type { Permissions } from '../state/rights/permissions.ts'

/** A request whose rights are checked. */
export interface CheckedRequest {
  readonly permissions: Permissions
  readonly request: Struct
  readonly version: number
  /** `User:alice`. */
  readonly principal: string
  /** The request in the form of Kafka's error messages. */
  readonly description: string
  /** Undefined for an unknown topic id. */
  nameOfTopic(topicId: string): string | undefined
  /** Undefined for an unknown topic. */
  idOfTopic(name: string): string | undefined
  /** 0 for an unknown topic. */
  partitionCount(topic: string): number
}

/** Why a request, or an entity of it, is denied. */
export interface Denial {
  readonly error: ErrorName
  /** Default: none. */
  readonly message?: string
}

export interface ErrorFields {
  readonly errorCode: number
  readonly errorMessage: string | null
}

/** One of the entities that a request lists. */
export interface Entity {
  readonly name: string
  /** Its fields in the request; only the name when the request lists plain names. */
  readonly fields: Struct
}

/** The rights that an API needs, in the order of Kafka's checks. */
export interface Rule {
  /** Brokers forward the request: the controller's ACLs decide. */
  readonly byController?: true
  /** Checks of the whole request; the first denial fails it. */
  readonly whole?: readonly ((checked: CheckedRequest) => Denial | undefined)[]
  /** Check of each entity: denied ones fail, the rest of the request is handled. */
  readonly each?: (checked: CheckedRequest, entity: Entity) => Denial | undefined
  /** Where the entities are, for APIs that are not among the places of `messages`. */
  readonly place?: EntityPlace
  /** The response to a request that is denied as a whole; `top`: the error fields at its top level in this version. */
  readonly fail?: (checked: CheckedRequest, error: ErrorFields, top: Struct) => Struct
  /** Removes from the response what the client may not see. */
  readonly rewrite?: (checked: CheckedRequest, response: Struct) => Struct
}

/** Kafka's error messages. */
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

/** Whether Kafka sends a message with the error. */
type Detail = 'code-only' | 'with-message'

export function denied(type: keyof typeof errors, detail: Detail = 'code-only'): Denial {
  return detail === 'with-message' ? errors[type] : { error: errors[type].error }
}

type Whole = NonNullable<Rule['whole']>[number]
type Each = NonNullable<Rule['each']>

/** A right on the request's group. */
export function group(operation: Operation, detail: Detail = 'code-only'): Whole {
  return ({ permissions, request }) =>
    permissions.may(operation, 'GROUP', String(request.groupId)) ? undefined : denied('GROUP', detail)
}

/** A right on the request's transactional id. */
export function transaction(operation: Operation): Whole {
  return ({ permissions, request }) => {
    const id = request.transactionalId ?? request.v3AndBelowTransactionalId
    return permissions.may(operation, 'TRANSACTIONAL_ID', String(id)) ? undefined : denied('TRANSACTIONAL_ID')
  }
}

/** A right on the cluster. `thrown`: where Kafka throws, its message describes the request. */
export function cluster(operation: Operation, detail: Detail | 'thrown' = 'code-only'): Whole {
  return ({ permissions, description }) => {
    if (permissions.mayOnCluster(operation)) return undefined
    if (detail !== 'thrown') return denied('CLUSTER', detail)
    return { ...denied('CLUSTER'), message: `Request ${description} needs ${operation} permission.` }
  }
}

/** A right on every topic in a list of names: one missing right denies the whole request. */
export function allTopics(operation: Operation, namesOf: (request: Struct) => readonly string[]): Whole {
  return ({ permissions, request }) =>
    namesOf(request).every((name) => permissions.may(operation, 'TOPIC', name)) ? undefined : denied('TOPIC')
}

/** A right on the entity. */
export function entity(operation: Operation, type: keyof typeof errors, detail: Detail = 'code-only'): Each {
  return ({ permissions }, { name }) => (permissions.may(operation, type, name) ? undefined : denied(type, detail))
}

/** The structs in a field; empty when the field is null or missing. */
export function listIn(struct: Struct, field: string): readonly Struct[] {
  return listOf(struct, field) as readonly Struct[]
}
