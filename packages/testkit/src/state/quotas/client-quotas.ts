import { inHashOrderOf, stringHash, stringMapHash, stringsInHashOrder } from '../java-order.ts'

/** In the order of Kafka's responses. */
export const entityTypes = ['client-id', 'user', 'ip'] as const

export type EntityType = (typeof entityTypes)[number]

/** The entity of a quota; null is the default for all entities without their own. */
export type QuotaEntity = ReadonlyMap<EntityType, string | null>

export interface EntityQuotas {
  readonly entity: QuotaEntity
  /** By quota name, e.g. producer_byte_rate. */
  readonly values: ReadonlyMap<string, number>
}

/** All quotas by entity key. Immutable: a change creates a new map. */
export type ClientQuotas = ReadonlyMap<string, EntityQuotas>

export const noQuotas: ClientQuotas = new Map()

function entityKey(entity: QuotaEntity): string {
  return JSON.stringify(entityTypes.filter((type) => entity.has(type)).map((type) => [type, entity.get(type)]))
}

/**
 * The image with changed quotas of one entity; undefined removes a quota, and an entity without quotas is removed. Entities and
 * quotas are in the order of Kafka's responses: that of its hash tables, which are rebuilt at each change.
 */
export function withQuotas(
  image: ClientQuotas,
  entity: QuotaEntity,
  changes: ReadonlyMap<string, number | undefined>,
): ClientQuotas {
  const key = entityKey(entity)
  const values = changedValues(image.get(key)?.values ?? new Map(), changes)
  const all = new Map(image)
  if (values.size === 0) all.delete(key)
  else all.set(key, { entity, values })
  return new Map(inHashOrderOf(all, ([, each]) => entityHash(each.entity), image.size))
}

function changedValues(
  before: ReadonlyMap<string, number>,
  changes: ReadonlyMap<string, number | undefined>,
): ReadonlyMap<string, number> {
  const values = new Map(before)
  for (const name of stringsInHashOrder(changes.keys())) {
    const value = changes.get(name)
    if (value === undefined) values.delete(name)
    else values.set(name, value)
  }
  return new Map(inHashOrderOf(values, ([name]) => stringHash(name), before.size))
}

/** `Objects.hash` of the entity's map. */
const entityHash = (entity: QuotaEntity): number => (31 + stringMapHash(entity)) | 0

/** The limit of one client, and the key of all clients that share it. */
export interface QuotaLimit {
  readonly limit: number
  /** All clients with the same key share the limit. */
  readonly sharedBy: string
}

const ofUser = (user: string | null): QuotaEntity => new Map([['user', user]])
const ofClient = (clientId: string | null): QuotaEntity => new Map([['client-id', clientId]])
const ofBoth = (user: string | null, clientId: string | null): QuotaEntity =>
  new Map([
    ['client-id', clientId],
    ['user', user],
  ])

/** The most specific quota of a client: its user's before its client id's, each before its default. */
export function limitFor(
  quotas: ClientQuotas,
  quota: string,
  { user, clientId }: { readonly user: string; readonly clientId: string },
): QuotaLimit | undefined {
  if (quotas.size === 0) return undefined
  const both = JSON.stringify([user, clientId])
  const userOnly = JSON.stringify([user, null])
  const clientOnly = JSON.stringify([null, clientId])
  const candidates: readonly (readonly [QuotaEntity, string])[] = [
    [ofBoth(user, clientId), both],
    [ofBoth(user, null), both],
    [ofUser(user), userOnly],
    [ofBoth(null, clientId), both],
    [ofBoth(null, null), both],
    [ofUser(null), userOnly],
    [ofClient(clientId), clientOnly],
    [ofClient(null), clientOnly],
  ]
  for (const [entity, sharedBy] of candidates) {
    const limit = quotas.get(entityKey(entity))?.values.get(quota)
    if (limit !== undefined) return { limit, sharedBy }
  }
  return undefined
}

/** Connections per second that an address may open; undefined: unlimited. */
export function connectionRateOf(quotas: ClientQuotas, address: string): number | undefined {
  for (const name of [address, null]) {
    const rate = quotas.get(entityKey(new Map([['ip', name]])))?.values.get('connection_creation_rate')
    if (rate !== undefined) return rate
  }
  return undefined
}
