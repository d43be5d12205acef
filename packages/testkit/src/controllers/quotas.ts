import { type EntityType, entityTypes, withQuotas } from '../state/quotas/client-quotas.ts'
import type { Controller } from './controller.ts'

export interface QuotaOperation {
  readonly key: string
  readonly value: number
  readonly remove: boolean
}

export interface QuotaAlteration {
  /** As in the request; it may have unknown types. */
  readonly entity: ReadonlyMap<string, string | null>
  readonly operations: readonly QuotaOperation[]
}

const limits: Readonly<Record<string, number>> = {
  int: 2_147_483_647,
  long: 2 ** 63,
  double: Infinity,
}

const userQuotas: Readonly<Record<string, keyof typeof limits>> = {
  producer_byte_rate: 'long',
  consumer_byte_rate: 'long',
  request_percentage: 'double',
  controller_mutation_rate: 'double',
}
const ipQuotas: Readonly<Record<string, keyof typeof limits>> = { connection_creation_rate: 'int' }

/** The controller's decision on one entity: undefined, or why it failed. */
export function alterQuotas(
  controller: Controller,
  { entity, operations }: QuotaAlteration,
  validateOnly: boolean,
): string | undefined {
  const problem = entityProblem(entity)
  if (problem !== undefined) return problem
  const known = new Map([...entity].filter((pair): pair is [EntityType, string | null] => isKnown(pair[0])))
  const image = controller.state.areas.clientQuotas
  const changes = new Map<string, number | undefined>()
  const allowed = known.has('ip') ? ipQuotas : userQuotas
  for (const { key, value, remove } of operations) {
    if (remove) {
      changes.set(key, undefined)
      continue
    }
    const valueProblem = quotaProblem(allowed, key, value)
    if (valueProblem !== undefined) return valueProblem
    changes.set(key, value)
  }
  if (!validateOnly) controller.decide({ clientQuotas: withQuotas(image, known, changes) })
  return undefined
}

const isKnown = (type: string): type is EntityType => (entityTypes as readonly string[]).includes(type)

function entityProblem(entity: ReadonlyMap<string, string | null>): string | undefined {
  if (entity.size === 0) return 'Invalid empty client quota entity'
  for (const [type, name] of entity) {
    if (!isKnown(type)) return `Unhandled client quota entity type: ${type}`
    if (name === '') return `Empty ${type} not supported`
  }
  if (!entity.has('ip')) return undefined
  if (entity.size > 1) {
    return 'Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId'
  }
  const address = entity.get('ip') ?? null
  // Host names are not resolved, except localhost.
  const isAddress =
    address === null || address === 'localhost' || /^(\d{1,3}(\.\d{1,3}){3}|[\da-f]*:[\da-f:.]+)$/i.test(address)
  return isAddress ? undefined : `${address} is not a valid IP or resolvable host.`
}

function quotaProblem(
  allowed: Readonly<Record<string, keyof typeof limits>>,
  key: string,
  value: number,
): string | undefined {
  const type = Object.hasOwn(allowed, key) ? allowed[key] : undefined
  if (type === undefined) return `Invalid configuration key ${key}`
  if (value <= 0) return `Quota ${key} must be greater than 0`
  if (type === 'double') return undefined
  if (value > (limits[type] ?? 0)) {
    return `Proposed value for ${key} is too large for ${type === 'int' ? 'an INT' : 'a LONG'}.`
  }
  return Math.abs(value % 1) > 1e-6 ? `${key} cannot be a fractional value.` : undefined
}

/** Formats an entity like Kafka. */
export function entityText(entity: ReadonlyMap<string, string | null>): string {
  return `ClientQuotaEntity(entries={${Array.from(entity, ([type, name]) => `${type}=${name}`).join(', ')}})`
}

/** The entries of an entity in Kafka's order. */
export function ordered<T extends string>(entity: ReadonlyMap<T, string | null>): [T, string | null][] {
  const placeOf = (type: string) => (entityTypes as readonly string[]).indexOf(type)
  return [...entity].sort(([a], [b]) => placeOf(a) - placeOf(b))
}
