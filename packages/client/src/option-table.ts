import { invalidOption } from './errors.ts'

/** One option: its default, and what is wrong with a value (`undefined` = nothing). */
export interface OptionRule<T> {
  readonly default: T
  /** Says what the value must be when it is not that: 'must be …'. */
  check(value: unknown): string | undefined
}

export type OptionTable = { readonly [name: string]: OptionRule<unknown> }

/** What a table gives: every option has a value. */
export type ResolvedFrom<T extends OptionTable> = {
  readonly [K in keyof T]: T[K] extends OptionRule<infer V> ? V : never
}

/**
 * Checks what the user gave against a table and fills in the defaults. Throws INVALID_OPTION that names the option, what it
 * must be and, for an unknown name, the nearest one that exists. `owner` begins the message: 'new Kafka()', 'producer'.
 */
export function resolveOptions<T extends OptionTable>(owner: string, table: T, given: unknown): ResolvedFrom<T> {
  if (given !== undefined && (typeof given !== 'object' || given === null || Array.isArray(given))) {
    throw invalidOption(`${owner}: options must be an object, not ${describe(given)}`)
  }
  const values: Record<string, unknown> = (given ?? {}) as Record<string, unknown>
  for (const name of Object.keys(values)) {
    if (!Object.hasOwn(table, name)) throw unknownOption(owner, table, name)
  }
  const resolved: Record<string, unknown> = {}
  for (const [name, rule] of Object.entries(table)) {
    const value = Object.hasOwn(values, name) ? values[name] : undefined
    if (value === undefined) {
      const missing = rule.default === undefined ? rule.check(undefined) : undefined
      if (missing !== undefined) throw invalidOption(`${owner}: option '${name}' is missing: it ${missing}`)
      resolved[name] = rule.default
      continue
    }
    const problem = rule.check(value)
    if (problem !== undefined) throw invalidOption(`${owner}: option '${name}' ${problem}, not ${describe(value)}`)
    resolved[name] = value
  }
  return resolved as ResolvedFrom<T>
}

function unknownOption(owner: string, table: OptionTable, name: string) {
  const names = Object.keys(table)
  const near = nearest(name, names)
  const hint = near === undefined ? `Known options: ${names.join(', ')}.` : `Did you mean '${near}'?`
  return invalidOption(`${owner}: there is no option '${name}'`, hint)
}

/** The name that differs least, when it differs little. */
function nearest(name: string, names: readonly string[]): string | undefined {
  const wanted = name.toLowerCase()
  let best: string | undefined
  let least = Math.max(2, Math.floor(wanted.length / 3)) + 1
  for (const candidate of names) {
    const other = candidate.toLowerCase()
    const distance = other.startsWith(wanted) || wanted.startsWith(other) ? 1 : editDistance(wanted, other)
    if (distance < least) {
      least = distance
      best = candidate
    }
  }
  return best
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const swap = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, swap))
    }
    row = next
  }
  return row[b.length]!
}

/** Says what was given without showing it: the value may be a secret. Numbers, booleans and short words are shown. */
function describe(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return String(value)
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'string') return value.length <= 20 && /^[\w.:-]*$/.test(value) ? `'${value}'` : 'that string'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : 'an array'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

// Timers of Node fire at once beyond this.
const longestTimerMs = 2_147_483_647

export function integer(fallback: number, min: number, max: number = Number.MAX_SAFE_INTEGER): OptionRule<number> {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
  return {
    default: fallback,
    check: (value) =>
      typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
        ? undefined
        : `must be an integer ${range}`,
  }
}

export function milliseconds(fallback: number, min = 0): OptionRule<number> {
  const rule = integer(fallback, min, longestTimerMs)
  return {
    default: fallback,
    check: (value) => (rule.check(value) === undefined ? undefined : `must be whole milliseconds, ${min} or more`),
  }
}

export function flag(fallback: boolean): OptionRule<boolean> {
  return { default: fallback, check: (value) => (typeof value === 'boolean' ? undefined : 'must be true or false') }
}

export function text(fallback: string): OptionRule<string>
export function text(fallback: undefined): OptionRule<string | undefined>
export function text(fallback: string | undefined): OptionRule<string | undefined> {
  return {
    default: fallback,
    check: optional((value) => typeof value === 'string' && value !== '', 'must be a string'),
  }
}

export function oneOf<const T extends string | number | boolean>(values: readonly T[], fallback: T): OptionRule<T> {
  const listed = values.map((value) => (typeof value === 'string' ? `'${value}'` : String(value))).join(', ')
  return {
    default: fallback,
    check: (value) => (values.includes(value as T) ? undefined : `must be one of ${listed}`),
  }
}

/** Any value that `fits`, or none. `must` completes 'option x …': 'must be a function'. */
export function optionalValue<T>(fits: (value: unknown) => boolean, must: string): OptionRule<T | undefined> {
  return { default: undefined, check: optional(fits, must) }
}

/** Any value that `fits`; leaving it out is an error. */
export function requiredValue<T>(fits: (value: unknown) => boolean, must: string): OptionRule<T> {
  return { default: undefined as never, check: (value) => (fits(value) ? undefined : must) }
}

export function optionalFunction<T>(): OptionRule<T | undefined> {
  return optionalValue<T>((value) => typeof value === 'function', 'must be a function')
}

function optional(fits: (value: unknown) => boolean, must: string): (value: unknown) => string | undefined {
  return (value) => (value === undefined || fits(value) ? undefined : must)
}
