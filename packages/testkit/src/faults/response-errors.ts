import type { Api } from '@ottla/codec'
import { blank, type Struct } from './blank.ts'
import { type EntityPlace, placeOf } from './places.ts'
import type { RequestMatch } from './rule.ts'

/** What a rule hits in one request: an entity, with the partitions where errors are per partition. */
export interface Picked {
  readonly name: string
  /** The fields of the answer that say which entity it is. */
  readonly identity: Struct
  readonly partitions: readonly number[] | undefined
  /** Which of the request's entities it is. */
  readonly index: number
  /** How many those are. */
  readonly count: number
}

/** A topic's name by its id; undefined when the broker does not know it. */
export type NameOfTopic = (topicId: string) => string | undefined

const topicResource = 2

/** The entities of a request that a rule is about. */
export function pick(at: EntityPlace, request: Struct, match: RequestMatch, nameOfTopic: NameOfTopic): Picked[] {
  const picked: Picked[] = []
  const entities = listOf(request, at.request)
  for (const [index, entity] of entities.entries()) {
    const name = nameIn(entity, at.requestName, nameOfTopic)
    if (!isWanted(at, entity, name, match)) continue
    const partitions = at.partitions && indexesOf(entity, at.partitions.request, at.partitions.requestIndex)
    const wanted = partitions?.filter((index) => match.partition === undefined || index === match.partition)
    if (wanted?.length === 0) continue
    picked.push({ name, identity: identityOf(at, entity), partitions: wanted, index, count: entities.length })
  }
  return picked
}

function isWanted(at: EntityPlace, entity: unknown, name: string, match: RequestMatch): boolean {
  if (at.kind === 'topic') return match.topic === undefined || match.topic === name
  if (at.kind === 'group') return match.group === undefined || match.group === name
  if (at.kind === 'key') return (match.group ?? match.transactionalId ?? name) === name
  if (match.topic === undefined) return true
  return (entity as Struct).resourceType === topicResource && match.topic === name
}

/** The request without what was picked; undefined when nothing is left of it. */
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

/** The answer with an error for each entity that was picked, in place of what it said of it. */
export function withErrors(
  api: Api,
  version: number,
  response: Struct,
  { picked, errorCode, errorMessage, nameOfTopic, place }: PickedErrors,
): Struct {
  const at = place ?? placeOf(api.name, version).entities
  if (at === undefined) return { ...blank(api.response.fields, version), ...onlyThrottle(response), errorCode }
  const elements = api.response.fields[at.response]?.element?.fields ?? {}
  const entities = [...listOf(response, at.response)] as Struct[]
  for (const one of picked) {
    if (at.responseName === undefined) {
      // What was not asked for the work is not in its answer.
      const isThere = entities.length === one.count
      const message = errorMessage === undefined ? {} : { errorMessage }
      entities.splice(one.index, isThere ? 1 : 0, { ...blank(elements, version), errorCode, ...message })
      continue
    }
    const index = entities.findIndex((entity) => isSame(one, at.responseName, entity, nameOfTopic))
    const known = index < 0 ? undefined : entities[index]
    const base = { ...blank(elements, version), ...one.identity }
    const message = errorMessage === undefined ? {} : { errorMessage }
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

export interface PickedErrors {
  readonly picked: readonly Picked[]
  readonly errorCode: number
  /** Where the answer has a place for it. */
  readonly errorMessage?: string
  readonly nameOfTopic: NameOfTopic
  /** Where the entities are, if not where `placeOf` says. */
  readonly place?: EntityPlace
}

/** What an answer says of entities: of a request for all of them only the answer knows which they are. */
export function pickResponded(
  at: EntityPlace,
  response: Struct,
  match: RequestMatch,
  nameOfTopic: NameOfTopic,
): Picked[] {
  return pick({ ...at, request: at.response, requestName: at.responseName }, response, match, nameOfTopic)
}

function onlyThrottle({ throttleTimeMs }: Struct): Struct {
  return throttleTimeMs === undefined ? {} : { throttleTimeMs }
}

function listOf(struct: Struct, field: string): readonly unknown[] {
  const list = struct[field]
  return Array.isArray(list) ? list : []
}

function nameIn(entity: unknown, field: string | undefined, nameOfTopic: NameOfTopic): string {
  if (field === undefined) return String(entity)
  const { [field]: name, topicId } = entity as Struct
  if (typeof name === 'string' && name !== '') return name
  // Quotas are for combinations of names.
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
