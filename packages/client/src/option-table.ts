import { invalidOption, optionError } from './errors.ts'
import { nameHint, placeOf } from './name-hints.ts'

/** One option: its default and its check. */
export interface OptionRule<T> {
  readonly default: T
  /** A message may show a number: any other value may be a secret, and only its type is shown. */
  readonly numeric?: boolean
  /** Returns what the value must be, 'must be …', where it is not; undefined for a valid one. */
  check(value: unknown): string | undefined
}

export type OptionTable = { readonly [name: string]: OptionRule<unknown> }

/** The options of a table, each with its value. */
export type ResolvedFrom<T extends OptionTable> = {
  readonly [K in keyof T]: T[K] extends OptionRule<infer V> ? V : never
}

/**
 * Validates the options of the user against a table and fills in the defaults. Throws INVALID_OPTION with the name of the option
 * and what it must be; for an unknown name with the most similar one. `owner` is the call, 'new Kafka()'; `prefix` precedes the
 * names of nested options: 'tls.'.
 */
export function resolveOptions<T extends OptionTable>(
  owner: string,
  table: T,
  given: unknown,
  prefix = '',
): ResolvedFrom<T> {
  if (given !== undefined && (typeof given !== 'object' || given === null || Array.isArray(given))) {
    throw invalidOption(`Options of ${owner} must be an object, not ${describe(given)}`)
  }
  const values: Record<string, unknown> = (given ?? {}) as Record<string, unknown>
  checkNames(owner, Object.keys(table), values, prefix)
  const resolved: Record<string, unknown> = {}
  for (const [name, rule] of Object.entries(table)) {
    const value = Object.hasOwn(values, name) ? values[name] : undefined
    if (value === undefined) {
      const missing = rule.default === undefined ? rule.check(undefined) : undefined
      if (missing !== undefined) throw optionError(prefix + name, owner, `is missing: it ${missing}`)
      resolved[name] = rule.default
      continue
    }
    const problem = rule.check(value)
    if (problem !== undefined)
      throw optionError(prefix + name, owner, `${problem}, not ${describe(value, rule.numeric)}`)
    resolved[name] = value
  }
  return resolved as ResolvedFrom<T>
}

/** Throws INVALID_OPTION for a name that is not one of these, with what it may have been meant to be. */
export function checkNames(owner: string, names: readonly string[], given: object, prefix = ''): void {
  for (const name of Object.keys(given)) {
    if (names.includes(name)) continue
    const hint = nameHint(placeOf(owner, prefix), name, names, prefix)
    throw optionError(prefix + name, owner, 'does not exist', hint)
  }
}

/** A value in a message, without what may be a secret. */
export function describe(value: unknown, numeric = false): string {
  if (typeof value === 'number' && numeric) return String(value)
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : 'an array'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

// Node fires a timer with a longer delay immediately.
const longestTimerMs = 2_147_483_647

export function integer(fallback: number, min: number, max: number = Number.MAX_SAFE_INTEGER): OptionRule<number> {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
  return {
    default: fallback,
    numeric: true,
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
    numeric: true,
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
    numeric: values.some((value) => typeof value === 'number'),
    check: (value) => (values.includes(value as T) ? undefined : `must be one of ${listed}`),
  }
}

/** Any value that `fits`, or none. `must` completes `Option 'x' …`: 'must be a function'. */
export function optionalValue<T>(fits: (value: unknown) => boolean, must: string): OptionRule<T | undefined> {
  return { default: undefined, check: optional(fits, must) }
}

/** The same rule for an option without a default. */
export function orNothing<T>({ numeric = false, check }: OptionRule<T>): OptionRule<T | undefined> {
  return { default: undefined, numeric, check: (value) => (value === undefined ? undefined : check(value)) }
}

/** Any value that `fits`; its absence is an error. */
export function requiredValue<T>(fits: (value: unknown) => boolean, must: string): OptionRule<T> {
  return { default: undefined as never, check: (value) => (fits(value) ? undefined : must) }
}

export function optionalFunction<T>(): OptionRule<T | undefined> {
  return optionalValue<T>((value) => typeof value === 'function', 'must be a function')
}

function optional(fits: (value: unknown) => boolean, must: string): (value: unknown) => string | undefined {
  return (value) => (value === undefined || fits(value) ? undefined : must)
}
