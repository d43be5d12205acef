import { allErrors, errorCode } from '@ottla/codec'
import type { HandlerEntry } from '../handlers/handler.ts'
import { handlers } from '../handlers/registry.ts'
import { type Duration, durationMs } from '../runtime/clock.ts'
import type { Corruption } from './corrupt-response.ts'
import { type ApiPlaces, placesOf } from './places.ts'
import type { FaultRule, RequestMatch } from './rule.ts'

export type Effect =
  | { readonly kind: 'error'; readonly errorCode: number; readonly afterWork: boolean }
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
/** Garbage is made here; the others only say where to cut. */
const mostBytes = { truncateTo: 2_147_483_647, garbage: 1 << 20, chunks: 2_147_483_647 } as const

const apis: ReadonlyMap<string, HandlerEntry> = new Map(handlers.map((entry) => [entry.api.name, entry]))
const errorNames: ReadonlySet<string> = new Set(allErrors().map(({ name }) => name))

/** Checks a rule that may come from anywhere. Throws TypeError with what is wrong, also when it could never match. */
export function parseRule(rule: FaultRule, brokers: number): ResolvedRule {
  const { match, trigger, action } = fields(rule, 'the rule', ['match', 'trigger', 'action'])
  const checked = parseMatch(match, brokers)
  const { when } = match as { when?: unknown }
  if (when !== undefined && typeof when !== 'function') throw new TypeError('match.when is not a function')
  const effect = parseAction(action, checked.api)
  return { match: match as ResolvedRule['match'], ...parseTrigger(trigger), effect }
}

const matchFields = ['api', 'version', 'node', 'client', 'topic', 'partition', 'group', 'transactionalId', 'when']

/** Checks what says which requests are meant. */
export function parseMatch(match: unknown, brokers: number): RequestMatch {
  const given = fields(match, 'match', matchFields)
  const { api, version, node, partition, topic, group, transactionalId } = given
  for (const name of ['client', 'topic', 'group', 'transactionalId']) {
    if (given[name] !== undefined && typeof given[name] !== 'string')
      throw new TypeError(`match.${name} is not a string`)
  }
  if (node !== undefined) integer(node, 'match.node', 1, brokers)
  if (partition !== undefined) integer(partition, 'match.partition', 0, 2_147_483_647)
  if (version !== undefined && api === undefined) throw new TypeError('match.version: say of which api')
  if (api === undefined) return given
  const entry = apis.get(String(api))
  if (entry === undefined) {
    throw new TypeError(`match.api: the testkit serves no ${JSON.stringify(api)}, only ${[...apis.keys()].join(', ')}`)
  }
  if (version !== undefined) integer(version, `match.version of ${entry.api.name}`, entry.minVersion, entry.maxVersion)
  const places = placesOf(entry.api.name)
  const refuse = (field: string) => {
    throw new TypeError(`match.${field}: a ${entry.api.name} request names none, so the rule could never match`)
  }
  if (topic !== undefined && !hasKind(places, 'topic', 'resource')) refuse('topic')
  if (partition !== undefined && !places.places.some(({ entities }) => entities?.partitions)) refuse('partition')
  if (group !== undefined && places.owner !== 'group' && !hasKind(places, 'group', 'key')) refuse('group')
  if (transactionalId !== undefined && places.owner !== 'transaction' && !hasKind(places, 'key')) {
    refuse('transactionalId')
  }
  return given
}

function hasKind({ places }: ApiPlaces, ...kinds: readonly string[]): boolean {
  return places.some(({ entities }) => entities !== undefined && kinds.includes(entities.kind))
}

function parseTrigger(trigger: unknown): Pick<ResolvedRule, 'nth' | 'times' | 'probability' | 'untilMs'> {
  if (trigger === undefined || trigger === 'once') return { nth: 1, times: 1, probability: 1, untilMs: Infinity }
  if (trigger === 'always') return { nth: 1, times: Infinity, probability: 1, untilMs: Infinity }
  const { nth, times, probability, until } = fields(trigger, "trigger ('once', 'always' or an object)", [
    'nth',
    'times',
    'probability',
    'until',
  ])
  const most = Number.MAX_SAFE_INTEGER
  if (nth !== undefined) integer(nth, 'trigger.nth', 1, most)
  if (times !== undefined) integer(times, 'trigger.times', 1, most)
  if (probability !== undefined && !(typeof probability === 'number' && probability > 0 && probability <= 1)) {
    throw new TypeError(`trigger.probability: ${JSON.stringify(probability)} is not above 0 and at most 1`)
  }
  return {
    nth: Number(nth ?? 1),
    times: Number(times ?? (nth === undefined ? Infinity : 1)),
    probability: Number(probability ?? 1),
    untilMs: until === undefined ? Infinity : durationMs(until as Duration, 'trigger.until'),
  }
}

function parseAction(action: unknown, api: string | undefined): Effect {
  const plain = plainActions.find((name) => name === action)
  if (plain !== undefined) {
    if (plain === 'corruptCrc') only(plain, api, ['Fetch', 'Produce'])
    if (plain === 'staleMetadata')
      only(plain, api, ['Metadata', 'DescribeTopicPartitions', 'FindCoordinator', 'DescribeCluster'])
    return { kind: plain }
  }
  const corruption = plainCorruptions.find((name) => name === action)
  if (corruption !== undefined) return { kind: 'corruptResponse', corruption: { kind: corruption } }
  const named = ['error', 'errorAfterWork', 'delay', 'throttle', ...sizedCorruptions, 'drip']
  const given = fields(action, `action (${[...plainActions, ...plainCorruptions].join(', ')} or an object)`, named)
  const [name, ...more] = Object.keys(given)
  if (name === undefined || more.length > 0) throw new TypeError(`action: give one of ${named.join(', ')}`)
  const value = given[name]
  if (name === 'delay') return { kind: name, ms: durationMs(value as Duration, 'action.delay') }
  if (name === 'throttle') {
    const fieldsOfResponse = apis.get(api ?? '')?.api.response.fields
    if (fieldsOfResponse !== undefined && !('throttleTimeMs' in fieldsOfResponse)) {
      throw new TypeError(`action.throttle: the answer to ${api} has no throttle time`)
    }
    return { kind: name, ms: Math.ceil(durationMs(value as Duration, 'action.throttle')) }
  }
  if (name === 'drip') {
    return { kind: 'corruptResponse', corruption: { kind: name, ms: durationMs(value as Duration, 'action.drip') } }
  }
  const sized = sizedCorruptions.find((one) => one === name)
  if (sized !== undefined) {
    const bytes = integer(value, `action.${sized}`, sized === 'truncateTo' ? 0 : 1, mostBytes[sized])
    return { kind: 'corruptResponse', corruption: { kind: sized, bytes } }
  }
  if (typeof value !== 'string' || !errorNames.has(value) || value === 'NONE') {
    throw new TypeError(`action.${name}: Kafka has no error ${JSON.stringify(value)}`)
  }
  return { kind: 'error', errorCode: errorCode(value as Parameters<typeof errorCode>[0]), afterWork: name !== 'error' }
}

function only(action: string, api: string | undefined, possible: readonly string[]): void {
  if (api === undefined || !possible.includes(api)) {
    throw new TypeError(`action ${action}: match.api must be ${possible.join(' or ')}`)
  }
}

/** A plain object with no other fields than these. */
function fields(value: unknown, what: string, allowed: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`${what}: ${JSON.stringify(value)} is not an object with ${allowed.join(', ')}`)
  }
  for (const name of Object.keys(value)) {
    if (!allowed.includes(name)) throw new TypeError(`${what} has no ${name}, only ${allowed.join(', ')}`)
  }
  return value as Record<string, unknown>
}

function integer(value: unknown, what: string, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
  throw new TypeError(`${what}: ${JSON.stringify(value)} is not an integer from ${min} to ${max}`)
}
