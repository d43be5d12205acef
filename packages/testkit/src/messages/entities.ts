import { type Api, type ErrorName, errorCode } from '@ottla/codec'
import { blank, type Struct } from './blank.ts'
import { type EntityPlace, placeOf } from './places.ts'

/** Selects entities of a request by name. */
export interface EntityMatch {
  /** Also matches requests that name the topic by its id. */
  readonly topic?: string
  readonly partition?: number
  readonly group?: string
  readonly transactionalId?: string
}

/** An entity of a request (a topic, a group, …), with the selected partitions where errors are per partition. */
export interface Picked {
  readonly name: string
  /** The fields that identify the entity in the response. */
  readonly identity: Struct
  readonly partitions: readonly number[] | undefined
  /** Its index among the request's entities. */
  readonly index: number
  /** The number of entities in the request. */
  readonly count: number
}

/** A topic's name by its id; undefined for an unknown id. */
export type NameOfTopic = (topicId: string) => string | undefined

const topicResource = 2

/** The entities of a request that match. */
export function pick(at: EntityPlace, request: Struct, match: EntityMatch, nameOfTopic: NameOfTopic): Picked[] {
  const picked: Picked[] = []
  const entities = listOf(request, at.request)
  for (const [index, entity] of entities.entries()) {
    const name = nameIn(entity, at.requestName, nameOfTopic)
    if (!isMatched(at, entity, name, match)) continue
    const partitions = at.partitions && indexesOf(entity, at.partitions.request, at.partitions.requestIndex)
    const wanted = partitions?.filter((index) => match.partition === undefined || index === match.partition)
    if (wanted?.length === 0) continue
    picked.push({ name, identity: identityOf(at, entity), partitions: wanted, index, count: entities.length })
  }
  return picked
}

function isMatched(at: EntityPlace, entity: unknown, name: string, match: EntityMatch): boolean {
  if (at.kind === 'topic') return match.topic === undefined || match.topic === name
  if (at.kind === 'group') return match.group === undefined || match.group === name
  if (at.kind === 'key') return (match.group ?? match.transactionalId ?? name) === name
  if (match.topic === undefined) return true
  return (entity as Struct).resourceType === topicResource && match.topic === name
}

/** The entities of a response that match: a request for all entities does not name them. */
export function pickInResponse(
  at: EntityPlace,
  response: Struct,
  match: EntityMatch,
  nameOfTopic: NameOfTopic,
): Picked[] {
  return pick({ ...at, request: at.response, requestName: at.responseName }, response, match, nameOfTopic)
}

/** The request without the picked entities; undefined when no entity is left. */
export function without(
  at: EntityPlace,
  request: Struct,
  picked: readonly Picked[],
  nameOfTopic: NameOfTopic,
): Struct | undefined {
  const left = listOf(request, at.request).flatMap((entity) => {
    const hit = picked.find((one) => isSame(one, at.requestName, entity, nameOfTopic))
    if (hit === undefined) return [entity]
    if (at.partitions === undefined || hit.partitions === undefined) return []
    const { request: list, requestIndex } = at.partitions
    const kept = listOf(entity as Struct, list).filter((one) => !hit.partitions?.includes(indexIn(one, requestIndex)))
    return kept.length === 0 ? [] : [{ ...(entity as Struct), [list]: kept }]
  })
  return left.length === 0 ? undefined : { ...request, [at.request]: left }
}

export interface PickedErrors {
  readonly picked: readonly Picked[]
  readonly errorCode: number
  /** For responses that have a field for it. */
  readonly errorMessage?: string
  readonly nameOfTopic: NameOfTopic
  /** Where the entities are. Default: `placeOf` the API. */
  readonly place?: EntityPlace
}

/** The response with an error for each picked entity, in place of its result. */
export function withErrors(
  api: Api,
  version: number,
  response: Struct,
  { picked, errorCode, errorMessage, nameOfTopic, place }: PickedErrors,
): Struct {
  const at = place ?? placeOf(api.name, version).entities
  if (at === undefined) return { ...blank(api.response.fields, version), ...onlyThrottle(response), errorCode }
  const elements = api.response.fields[at.response]?.element?.fields ?? {}
  const message = errorMessage === undefined ? {} : { errorMessage }
  const entities = [...listOf(response, at.response)] as Struct[]
  for (const one of picked) {
    if (at.responseName === undefined) {
      // Entities that were removed from the request have no result to replace.
      const hasResult = entities.length === one.count
      entities.splice(one.index, hasResult ? 1 : 0, { ...blank(elements, version), errorCode, ...message })
      continue
    }
    const index = entities.findIndex((entity) => isSame(one, at.responseName, entity, nameOfTopic))
    const known = index < 0 ? undefined : entities[index]
    const base = { ...blank(elements, version), ...one.identity }
    let failed: Struct = { ...base, errorCode, ...message }
    if (at.partitions !== undefined) {
      const { response: list, responseIndex, errorField = 'errorCode' } = at.partitions
      const fields = elements[list]?.element?.fields ?? {}
      const others = listOf(known ?? {}, list).filter((p) => !one.partitions?.includes(indexIn(p, responseIndex)))
      const errors = (one.partitions ?? []).map((partition) => ({
        ...blank(fields, version),
        [responseIndex]: partition,
        [errorField]: errorCode,
        ...message,
      }))
      failed = { ...base, [list]: [...others, ...errors] }
    }
    if (index < 0) entities.push(failed)
    else entities[index] = failed
  }
  return { ...response, [at.response]: entities }
}

/** A response in which everything that the request names fails; the default is the error of an API that is turned off. */
export function failedResponse(
  api: Api,
  version: number,
  request: Struct,
  error: ErrorName = 'UNSUPPORTED_VERSION',
): Struct {
  const nameOfTopic = () => undefined
  const at = placeOf(api.name, version).entities
  const picked = at === undefined ? [] : pick(at, request, {}, nameOfTopic)
  const response = blank(api.response.fields, version)
  return withErrors(api, version, response, { picked, errorCode: errorCode(error), nameOfTopic })
}

function onlyThrottle({ throttleTimeMs }: Struct): Struct {
  return throttleTimeMs === undefined ? {} : { throttleTimeMs }
}

/** The list in a field; empty when the field is null or missing. */
export function listOf(struct: Struct, field: string): readonly unknown[] {
  const list = struct[field]
  return Array.isArray(list) ? list : []
}

function nameIn(entity: unknown, field: string | undefined, nameOfTopic: NameOfTopic): string {
  if (field === undefined) return String(entity)
  const { [field]: name, topicId } = entity as Struct
  if (typeof name === 'string' && name !== '') return name
  // A quota entity is a combination of names.
  if (Array.isArray(name)) return JSON.stringify(name)
  return typeof topicId === 'string' ? (nameOfTopic(topicId) ?? topicId) : ''
}

function isSame(picked: Picked, field: string | undefined, entity: unknown, nameOfTopic: NameOfTopic): boolean {
  if (nameIn(entity, field, nameOfTopic) !== picked.name) return false
  const { resourceType } = picked.identity
  return resourceType === undefined || (entity as Struct).resourceType === resourceType
}

function indexesOf(entity: unknown, list: string, index: string | undefined): number[] {
  return listOf(entity as Struct, list).map((one) => indexIn(one, index))
}

function indexIn(partition: unknown, field: string | undefined): number {
  return Number(field === undefined ? partition : (partition as Struct)[field])
}

function identityOf(at: EntityPlace, entity: unknown): Struct {
  if (at.responseName === undefined) return {}
  if (at.requestName === undefined) return { [at.responseName]: entity }
  const { [at.requestName]: name, topicId, resourceType } = entity as Struct
  return {
    [at.responseName]: name,
    ...(topicId !== undefined && { topicId }),
    ...(resourceType !== undefined && { resourceType }),
  }
}
