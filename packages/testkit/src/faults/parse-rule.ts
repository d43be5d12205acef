import { allErrors, errorCode } from '@ottla/codec'
import type { Corruption } from '../connection/corrupt-response.ts'
import type { ServedApi } from '../handlers/handler.ts'
import type { ApiPlaces, ErrorPlace } from '../messages/error-place.ts'
import { type ErrorLevel, placesOf } from '../messages/places.ts'
import { type Duration, durationMs } from '../runtime/clock.ts'
import type { FaultRule, RequestMatch } from './rule.ts'

/** The cluster that rules are for. */
export interface RuleScope {
  /** The number of brokers. */
  readonly brokers: number
  /** The APIs that brokers serve, by name. */
  readonly apis: ReadonlyMap<string, ServedApi>
}

export type Effect =
  | {
      readonly kind: 'error'
      readonly errorCode: number
      readonly afterWork: boolean
      readonly at: ErrorLevel | undefined
    }
  | { readonly kind: 'delay' | 'throttle'; readonly ms: number }
  | { readonly kind: 'corruptResponse'; readonly corruption: Corruption }
  | { readonly kind: (typeof plainActions)[number] }

export interface ResolvedRule {
  readonly match: RequestMatch & { readonly when?: (request: never) => boolean }
  readonly nth: number
  readonly times: number
  readonly probability: number
  readonly untilMs: number
  readonly effect: Effect
}

const plainCorruptions = ['wrongCorrelationId', 'respondTwice'] as const
const sizedCorruptions = ['truncateTo', 'garbage', 'chunks'] as const
const plainActions = ['dropResponse', 'close', 'closeAfterWork', 'corruptCrc', 'staleMetadata', 'hang'] as const
/** Only garbage takes memory; the others cut the response. */
const maxBytes = { truncateTo: 2_147_483_647, garbage: 1 << 20, chunks: 2_147_483_647 } as const

const errorNames: ReadonlySet<string> = new Set(allErrors().map(({ name }) => name))

/** Checks a rule of unknown origin. Throws TypeError for an invalid rule, and for one that could never match. */
export function parseRule(rule: FaultRule, scope: RuleScope): ResolvedRule {
  const { match, trigger, action } = fields(rule, 'The fault rule', ['match', 'trigger', 'action'])
  const checked = parseMatch(match, scope)
  const { when } = match as { when?: unknown }
  if (when !== undefined && typeof when !== 'function') throw new TypeError("Field 'match.when' must be a function")
  const effect = parseAction(action, scope.apis.get(String(checked.api)))
  return { match: match as ResolvedRule['match'], ...parseTrigger(trigger), effect }
}

const matchFields = ['api', 'version', 'node', 'client', 'topic', 'partition', 'group', 'transactionalId', 'when']

/** Checks which requests are selected. Throws TypeError. */
export function parseMatch(match: unknown, { brokers, apis }: RuleScope): RequestMatch {
  const given = fields(match, "Field 'match'", matchFields)
  const { api, version, node, partition, topic, group, transactionalId } = given
  for (const name of ['client', 'topic', 'group', 'transactionalId']) {
    if (given[name] !== undefined && typeof given[name] !== 'string')
      throw new TypeError(`Field 'match.${name}' must be a string`)
  }
  if (node !== undefined) integer(node, 'match.node', 1, brokers)
  if (partition !== undefined) integer(partition, 'match.partition', 0, 2_147_483_647)
  if (version !== undefined && api === undefined) throw new TypeError("Field 'match.version' requires 'match.api'")
  if (api === undefined) return given
  const served = apis.get(String(api))
  if (served === undefined) {
    throw new TypeError(
      `Field 'match.api': the testkit does not serve ${JSON.stringify(api)}, only ${[...apis.keys()].join(', ')}`,
    )
  }
  const { name } = served.api
  if (version !== undefined) integer(version, 'match.version', served.minVersion, served.maxVersion, ` of ${name}`)
  const places = placesOf(name)
  const refuse = (field: string) => {
    throw new TypeError(`Field 'match.${field}': ${name} requests have none, so the rule could never match`)
  }
  if (topic !== undefined && !hasKind(places, 'topic', 'resource')) refuse('topic')
  if (partition !== undefined && !places.places.some(({ entities }) => entities?.partitions)) refuse('partition')
  if (group !== undefined && !hasOwner(places, 'group') && !hasKind(places, 'group', 'key')) refuse('group')
  if (transactionalId !== undefined && !hasOwner(places, 'transaction') && !hasKind(places, 'transaction', 'key')) {
    refuse('transactionalId')
  }
  return given
}

function hasKind({ places }: ApiPlaces, ...kinds: readonly string[]): boolean {
  return places.some(({ entities }) => {
    const own = [entities?.kind, entities?.within?.kind]
    return own.some((kind) => kind !== undefined && kinds.includes(kind))
  })
}

function hasOwner({ owners = [] }: ApiPlaces, owner: 'group' | 'transaction'): boolean {
  return owners.includes(owner)
}

function parseTrigger(trigger: unknown): Pick<ResolvedRule, 'nth' | 'times' | 'probability' | 'untilMs'> {
  if (trigger === undefined || trigger === 'once') return { nth: 1, times: 1, probability: 1, untilMs: Infinity }
  if (trigger === 'always') return { nth: 1, times: Infinity, probability: 1, untilMs: Infinity }
  const allowed = ['nth', 'times', 'probability', 'until']
  const { nth, times, probability, until } = fields(trigger, "Field 'trigger'", allowed, "'once', 'always' or ")
  const most = Number.MAX_SAFE_INTEGER
  if (nth !== undefined) integer(nth, 'trigger.nth', 1, most)
  if (times !== undefined) integer(times, 'trigger.times', 1, most)
  if (probability !== undefined && !(typeof probability === 'number' && probability > 0 && probability <= 1)) {
    throw new TypeError(`Field 'trigger.probability' must be above 0 and at most 1, not ${JSON.stringify(probability)}`)
  }
  return {
    nth: Number(nth ?? 1),
    times: Number(times ?? (nth === undefined ? Infinity : 1)),
    probability: Number(probability ?? 1),
    untilMs: until === undefined ? Infinity : durationMs(until as Duration, 'trigger.until'),
  }
}

function parseAction(action: unknown, served: ServedApi | undefined): Effect {
  const plain = plainActions.find((name) => name === action)
  if (plain !== undefined) {
    if (plain === 'corruptCrc') only(plain, served, ['Fetch', 'Produce'])
    if (plain === 'staleMetadata')
      only(plain, served, ['Metadata', 'DescribeTopicPartitions', 'FindCoordinator', 'DescribeCluster'])
    return { kind: plain }
  }
  const corruption = plainCorruptions.find((name) => name === action)
  if (corruption !== undefined) return { kind: 'corruptResponse', corruption: { kind: corruption } }
  const allowed = ['error', 'errorAfterWork', 'delay', 'throttle', ...sizedCorruptions, 'drip']
  const names = [...plainActions, ...plainCorruptions].map((name) => `'${name}'`)
  const { at, ...given } = fields(action, "Field 'action'", [...allowed, 'at'], `${names.join(', ')} or `)
  const [name, ...more] = Object.keys(given)
  if (name === undefined || more.length > 0) {
    throw new TypeError(`Field 'action' must have exactly one of ${allowed.join(', ')}`)
  }
  const value = given[name]
  const level = parseLevel(name, at, served)
  if (name === 'delay') return { kind: name, ms: durationMs(value as Duration, 'action.delay') }
  if (name === 'throttle') {
    if (served !== undefined && !('throttleTimeMs' in served.api.response.fields)) {
      throw new TypeError(`Field 'action.throttle': ${served.api.name} responses have no throttle time`)
    }
    return { kind: name, ms: Math.ceil(durationMs(value as Duration, 'action.throttle')) }
  }
  if (name === 'drip') {
    return { kind: 'corruptResponse', corruption: { kind: name, ms: durationMs(value as Duration, 'action.drip') } }
  }
  const sized = sizedCorruptions.find((one) => one === name)
  if (sized !== undefined) {
    const bytes = integer(value, `action.${sized}`, sized === 'truncateTo' ? 0 : 1, maxBytes[sized])
    return { kind: 'corruptResponse', corruption: { kind: sized, bytes } }
  }
  if (typeof value !== 'string' || !errorNames.has(value) || value === 'NONE') {
    throw new TypeError(`Field 'action.${name}' must be the name of a Kafka error, not ${JSON.stringify(value)}`)
  }
  return {
    kind: 'error',
    errorCode: errorCode(value as Parameters<typeof errorCode>[0]),
    afterWork: name !== 'error',
    at: level,
  }
}

function parseLevel(action: string, at: unknown, served: ServedApi | undefined): ErrorLevel | undefined {
  if (at === undefined) return undefined
  if (action !== 'error' && action !== 'errorAfterWork') throw new TypeError("Field 'action.at' requires an error")
  if (at !== 'response' && at !== 'entities') {
    throw new TypeError(`Field 'action.at' must be 'response' or 'entities', not ${JSON.stringify(at)}`)
  }
  const isThere = ({ entities }: ErrorPlace) => (entities === undefined) === (at === 'response')
  if (served !== undefined && !placesOf(served.api.name).places.some(isThere)) {
    throw new TypeError(`Field 'action.at': ${served.api.name} responses have no errors of '${at}'`)
  }
  return at
}

function only(action: string, served: ServedApi | undefined, possible: readonly string[]): void {
  if (served === undefined || !possible.includes(served.api.name)) {
    throw new TypeError(`Action '${action}' requires 'match.api' to be ${possible.join(' or ')}`)
  }
}

/** The value as a plain object that has no fields but the allowed ones. */
function fields(value: unknown, what: string, allowed: readonly string[], alternatives = ''): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const form = `${alternatives}an object with ${allowed.join(', ')}`
    throw new TypeError(`${what} must be ${form}, not ${JSON.stringify(value)}`)
  }
  for (const name of Object.keys(value)) {
    if (!allowed.includes(name)) throw new TypeError(`${what} has no field '${name}', only ${allowed.join(', ')}`)
  }
  return value as Record<string, unknown>
}

function integer(value: unknown, field: string, min: number, max: number, suffix = ''): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
  throw new TypeError(
    `Field '${field}'${suffix} must be an integer from ${min} to ${max}, not ${JSON.stringify(value)}`,
  )
}
