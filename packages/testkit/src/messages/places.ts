import type { ApiName } from './api-name.ts'
import type { EntityMatch } from './entity-match.ts'
import type { ApiPlaces, ErrorPlace } from './error-place.ts'
import { placesOfGroups } from './places-of-groups.ts'
import { placesOfTopics } from './places-of-topics.ts'

/** Other APIs have their errors at the top level. */
const errorPlaces: Partial<Record<ApiName, ApiPlaces>> = { ...placesOfTopics, ...placesOfGroups }

const topLevelOnly: ApiPlaces = { places: [{}], readsOnly: false }

export function placesOf(api: string): ApiPlaces {
  return (Object.hasOwn(errorPlaces, api) ? errorPlaces[api as ApiName] : undefined) ?? topLevelOnly
}

/** The default place of the errors in one version. */
export function placeOf(api: string, version: number): ErrorPlace {
  return placesIn(api, version)[0] ?? {}
}

/** All places of errors in one version, the default first. */
export function placesIn(api: string, version: number): readonly ErrorPlace[] {
  return placesOf(api).places.filter(({ min = 0, max = Infinity }) => version >= min && version <= max)
}

/** The part of a response that an error is for: all of it, or its smallest entities. */
export type ErrorLevel = 'response' | 'entities'

/** The place of the entities that the match names, else the default. Undefined when the version has no such place. */
export function placeFor(api: string, version: number, match: EntityMatch): ErrorPlace | undefined {
  const all = placesIn(api, version)
  if (match.partition !== undefined) return all.find(({ entities }) => entities?.partitions !== undefined)
  if (match.topic !== undefined) return all.find(({ entities }) => isOfTopics(entities?.kind))
  const ofTransaction = ({ entities }: ErrorPlace) => entities?.within?.kind === 'transaction'
  return (match.transactionalId === undefined ? undefined : all.find(ofTransaction)) ?? all[0]
}

/** The place of an error of a level; without a level it is `placeFor`. Undefined when the version has no such place. */
export function errorPlaceFor(
  api: string,
  version: number,
  match: EntityMatch,
  level: ErrorLevel | undefined,
): ErrorPlace | undefined {
  const all = placesIn(api, version)
  if (level === 'response') return all.find(({ entities }) => entities === undefined)
  const isNamed = match.topic !== undefined || match.partition !== undefined
  if (level === 'entities' && !isNamed) return all.findLast(({ entities }) => entities !== undefined)
  return placeFor(api, version, match)
}

const isOfTopics = (kind: string | undefined): boolean => kind === 'topic' || kind === 'resource'
