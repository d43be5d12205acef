import { type Api, type ErrorName, errorCode } from '@ottla/codec'
import { blank, type Struct } from './blank.ts'
import type { EntityMatch } from './entity-match.ts'
import type { EntityPlace, OuterPlace } from './error-place.ts'
import { placeOf } from './places.ts'

/** An entity of a request (a topic, a group, …), with the selected partitions where errors are per partition. */
export interface Picked {
  readonly name: string
  /** The fields that identify the entity in the response. */
  readonly identity: Struct
  readonly partitions: readonly number[] | undefined
  /** Its index among the entities of its list. */
  readonly index: number
  /** The number of entities in its list. */
  readonly count: number
  /** The element of the outer list that it is in; undefined: there is no outer list. */
  readonly outer?: Outer
}

interface Outer {
  readonly name: string
  readonly identity: Struct
}

/** A topic's name by its id; undefined for an unknown id. */
export type NameOfTopic = (topicId: string) => string | undefined

const topicResource = 2

/** The entities of a request that match. */
export function pick(at: EntityPlace, request: Struct, match: EntityMatch, nameOfTopic: NameOfTopic): Picked[] {
  const { within } = at
  if (within === undefined) return pickIn(at, request, match, nameOfTopic)
  return outersOf(within, request, match).flatMap(([outer, element]) =>
    pickIn(at, element, match, nameOfTopic).map((picked) => ({ ...picked, outer })),
  )
}

function pickIn(at: EntityPlace, request: Struct, match: EntityMatch, nameOfTopic: NameOfTopic): Picked[] {
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

/** The elements of an outer list that match. */
function outersOf(within: OuterPlace, request: Struct, match: EntityMatch): [Outer, Struct][] {
  const wanted = within.kind === 'item' ? undefined : match[within.kind === 'group' ? 'group' : 'transactionalId']
  return listOf(request, within.request).flatMap((element): [Outer, Struct][] => {
    const id = (element as Struct)[within.requestName]
    if (wanted !== undefined && id !== wanted) return []
    return [[{ name: String(id), identity: { [within.responseName]: id } }, element as Struct]]
  })
}

function isMatched(at: EntityPlace, entity: unknown, name: string, match: EntityMatch): boolean {
  if (at.kind === 'topic') return match.topic === undefined || match.topic === name
  if (at.kind === 'group') return match.group === undefined || match.group === name
  if (at.kind === 'transaction') return match.transactionalId === undefined || match.transactionalId === name
  if (at.kind === 'key') return (match.group ?? match.transactionalId ?? name) === name
  if (at.kind === 'item' || match.topic === undefined) return true
  return (entity as Struct).resourceType === topicResource && match.topic === name
}

/** Whether only the response lists the entities that a request is for: they are all that exist, or the API decides. */
export function areInResponse(at: EntityPlace, request: Struct, match: EntityMatch): boolean {
  const { request: list, partitions, within } = at
  if (list === undefined || (partitions !== undefined && partitions.request === undefined)) return true
  if (within === undefined) return request[list] === null
  return outersOf(within, request, match).some(([, element]) => element[list] === null)
}

/** The entities of a response that match. */
export function pickInResponse(
  at: EntityPlace,
  response: Struct,
  match: EntityMatch,
  nameOfTopic: NameOfTopic,
): Picked[] {
  const { partitions, within } = at
  const responded: EntityPlace = {
    ...at,
    request: at.response,
    requestName: at.responseName,
    ...(partitions && {
      partitions: { ...partitions, request: partitions.response, requestIndex: partitions.responseIndex },
    }),
    ...(within && { within: { ...within, request: within.response ?? '', requestName: within.responseName } }),
  }
  return pick(responded, response, match, nameOfTopic)
}

/** The request without the picked entities; undefined when no entity is left. */
export function without(
  at: EntityPlace,
  request: Struct,
  picked: readonly Picked[],
  nameOfTopic: NameOfTopic,
): Struct | undefined {
  const { within } = at
  if (within === undefined) return withoutIn(at, request, picked, nameOfTopic)
  const left = listOf(request, within.request).flatMap((one) => {
    const element = one as Struct
    const own = picked.filter(({ outer }) => outer?.name === String(element[within.requestName]))
    const rest = own.length === 0 ? element : withoutIn(at, element, own, nameOfTopic)
    return rest === undefined ? [] : [rest]
  })
  return left.length === 0 ? undefined : { ...request, [within.request]: left }
}

function withoutIn(
  at: EntityPlace,
  request: Struct,
  picked: readonly Picked[],
  nameOfTopic: NameOfTopic,
): Struct | undefined {
  const { request: list, partitions } = at
  if (list === undefined) return undefined
  const left = listOf(request, list).flatMap((entity, index) => {
    const hit = picked.find((one) =>
      at.responseName === undefined ? one.index === index : isSame(one, at.requestName, entity, nameOfTopic),
    )
    if (hit === undefined) return [entity]
    if (partitions?.request === undefined || hit.partitions === undefined) return []
    const { request: inner, requestIndex } = partitions
    const kept = listOf(entity as Struct, inner).filter((one) => !hit.partitions?.includes(indexIn(one, requestIndex)))
    return kept.length === 0 ? [] : [{ ...(entity as Struct), [inner]: kept }]
  })
  return left.length === 0 ? undefined : { ...request, [list]: left }
}

export interface PickedErrors {
  readonly picked: readonly Picked[]
  readonly errorCode: number
  /** For responses that have a field for it. */
  readonly errorMessage?: string
  readonly nameOfTopic: NameOfTopic
  /** Where the entities are; undefined: the error is for the whole response. */
  readonly place: EntityPlace | undefined
}

/** The response with an error for each picked entity, in place of its result. */
export function withErrors(api: Api, version: number, response: Struct, errors: PickedErrors): Struct {
  const { place: at, picked, errorCode } = errors
  const { fields } = api.response
  if (at === undefined) return { ...blank(fields, version), ...onlyThrottle(response), errorCode }
  const list = at.within?.response
  if (list === undefined) return withErrorsIn(at, fields, version, response, errors)
  const { responseName = '' } = at.within ?? {}
  const elementFields = fields[list]?.element?.fields ?? {}
  const elements = [...listOf(response, list)] as Struct[]
  const outers = new Map(picked.flatMap(({ outer }) => (outer === undefined ? [] : [[outer.name, outer] as const])))
  for (const { name, identity } of outers.values()) {
    const found = elements.findIndex((element) => String(element[responseName]) === name)
    const known = elements[found] ?? { ...blank(elementFields, version), ...identity }
    const own = picked.filter(({ outer }) => outer?.name === name)
    elements[found < 0 ? elements.length : found] = withErrorsIn(at, elementFields, version, known, {
      ...errors,
      picked: own,
    })
  }
  return { ...response, [list]: elements }
}

function withErrorsIn(
  at: EntityPlace,
  parentFields: Api['response']['fields'],
  version: number,
  response: Struct,
  { picked, errorCode, errorMessage, nameOfTopic }: PickedErrors,
): Struct {
  const elements = parentFields[at.response]?.element?.fields ?? {}
  const message = errorMessage === undefined ? {} : { errorMessage }
  const entities = [...listOf(response, at.response)] as Struct[]
  for (const one of picked) {
    const base = { ...blank(elements, version), ...one.identity }
    if (at.responseName === undefined) {
      // Entities that were removed from the request have no result to replace.
      const hasResult = entities.length === one.count
      entities.splice(one.index, hasResult ? 1 : 0, { ...base, errorCode, ...message })
      continue
    }
    const index = entities.findIndex((entity) => isSame(one, at.responseName, entity, nameOfTopic))
    const known = entities[index] ?? {}
    const { partitions } = at
    const failed =
      partitions === undefined
        ? { ...base, errorCode, ...message }
        : { ...base, ...withPartitionErrors(partitions, elements, version, known, one, { errorCode, ...message }) }
    if (index < 0) entities.push(failed)
    else entities[index] = failed
  }
  return { ...response, [at.response]: entities }
}

/** The topic's partitions: failed ones after the others. */
function withPartitionErrors(
  at: NonNullable<EntityPlace['partitions']>,
  elements: Api['response']['fields'],
  version: number,
  known: Struct,
  { partitions: failed = [] }: Picked,
  { errorCode, ...message }: Struct,
): Struct {
  const { request, response: list, responseIndex, errorField = 'errorCode' } = at
  const fields = elements[list]?.element?.fields ?? {}
  const results = listOf(known, list) as readonly Struct[]
  const others = results.filter((each) => !failed.includes(indexIn(each, responseIndex)))
  const errors = failed.map((partition) => ({
    ...blank(fields, version),
    ...(request === undefined && unled(results.find((each) => indexIn(each, responseIndex) === partition))),
    [responseIndex]: partition,
    [errorField]: errorCode,
    ...message,
  }))
  // Metadata describes the topic besides its partitions.
  return { ...(request === undefined && known), [list]: [...others, ...errors] }
}

/** A partition in metadata keeps its replicas, but not its leader. */
const unled = (partition: Struct | undefined): Struct => ({ ...partition, leaderId: -1 })

/** A response in which everything that the request names fails; the default is the error of an API that is turned off. */
export function failedResponse(
  api: Api,
  version: number,
  request: Struct,
  error: ErrorName = 'UNSUPPORTED_VERSION',
): Struct {
  const nameOfTopic = () => undefined
  const place = placeOf(api.name, version).entities
  const picked = place === undefined ? [] : pick(place, request, {}, nameOfTopic)
  const response = blank(api.response.fields, version)
  return withErrors(api, version, response, { picked, errorCode: errorCode(error), nameOfTopic, place })
}

function onlyThrottle({ throttleTimeMs }: Struct): Struct {
  return throttleTimeMs === undefined ? {} : { throttleTimeMs }
}

/** The list in a field; empty when the field is null or missing. */
export function listOf(struct: Struct, field: string | undefined): readonly unknown[] {
  const list = field === undefined ? undefined : struct[field]
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

function indexesOf(entity: unknown, list: string | undefined, index: string | undefined): number[] {
  return listOf(entity as Struct, list).map((one) => indexIn(one, index))
}

function indexIn(partition: unknown, field: string | undefined): number {
  return Number(field === undefined ? partition : (partition as Struct)[field])
}

function identityOf(at: EntityPlace, entity: unknown): Struct {
  const { requestName, responseName, repeats = [] } = at
  if (requestName === undefined) return responseName === undefined ? {} : { [responseName]: entity }
  const fields = entity as Struct
  const names = responseName === undefined ? repeats : [...repeats, 'topicId', 'resourceType']
  const repeated = names.filter((name) => fields[name] !== undefined).map((name) => [name, fields[name]])
  const name = fields[requestName]
  return {
    ...Object.fromEntries(repeated),
    ...(responseName !== undefined && name !== undefined && { [responseName]: name }),
  }
}
